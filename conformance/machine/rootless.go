//go:build machine

package machine

import (
	"os"
	"slices"
)

// pidsProc is a /proc with nothing mounted in it. The kernel lets users mount one in
// namespaces of their own only where they see a whole one already (Linux,
// user_namespaces(7)), and the machine's settings are covered in the usual one.
const pidsProc = "/var/lib/proc"

// Rootless lets users have containers of their own: what they need to be connected to
// the network, and the image of the probe. It may be called again.
func (m *Machine) Rootless(users ...string) {
	m.t.Helper()
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		must(m.t, os.MkdirAll("/dev/net", 0o755))
		m.Do("mknod -m 666 /dev/net/tun c 10 200")
		must(m.t, os.MkdirAll(pidsProc, 0o755))
		m.Do("mount -t proc proc " + pidsProc)
		// pasta takes its addresses from the link with the default route.
		m.Do("ip link add up0 type veth peer name up1")
		m.Do("ip address add 192.0.2.10/24 dev up0")
		m.Do("ip link set up0 up")
		m.Do("ip link set up1 up")
		m.Do("ip route add default via 192.0.2.1")
		m.Do("tar cf /var/lib/probe.tar -C /usr/local/bin probe")
	}
	for _, name := range users {
		if _, err := os.Stat("/home/" + name + "/.local/share/containers"); err == nil {
			continue
		}
		command := m.inUserUnit(name, "import", append(slices.Clone(rootless), "import", "--quiet", "--change", `ENTRYPOINT ["/probe"]`, "/var/lib/probe.tar", "localhost/probe")...)
		m.do(command[0], command[1:]...)
	}
}

// rootless is podman as a user runs it here.
var rootless = []string{"podman", "--cgroup-manager=cgroupfs", "--runtime=/usr/sbin/runc", "--storage-driver=vfs"}

// inContainer is the command of a user that runs a probe in a container. Options are
// podman's, then --, then the probe's.
func inContainer(agent string, options []string) []string {
	var probe []string
	if i := slices.Index(options, "--"); i >= 0 {
		options, probe = options[:i], options[i+1:]
	}
	return slices.Concat(rootless, []string{"run", "--rm", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--pids-limit=-1"},
		options, []string{"localhost/probe", "-agent", agent}, probe)
}

// RootlessContainer asks from a container of a user's, who has logged in and started it.
func (m *Machine) RootlessContainer(name string, options ...string) func() Answer {
	return func() Answer {
		agent := m.newAgent()
		return m.answer(agent, m.inUserUnit(name, "engine", inContainer(agent, options)...))
	}
}

// RootlessUnit is RootlessContainer for one that a unit of the system starts.
func (m *Machine) RootlessUnit(unitName, name string, options ...string) func() Answer {
	return func() Answer {
		agent := m.newAgent()
		start := unit(unitName, "User="+name+" Environment=HOME=/home/"+name+" Environment=XDG_RUNTIME_DIR=/run/user/"+m.UID(name))
		return m.answer(agent, append(start, inContainer(agent, options)...))
	}
}

// Pasta asks from a network that pasta connects, which stands for a container there:
// Debian 12's podman is too old to start it. Options are pasta's, then --, then the
// probe's.
func (m *Machine) Pasta(name string, options ...string) func() Answer {
	return func() Answer {
		i := slices.Index(options, "--")
		agent, probe := m.probe(options[i+1:])
		return m.answer(agent, m.inUserUnit(name, "pasta", slices.Concat([]string{"pasta", "--config-net"}, options[:i+1], probe)...))
	}
}
