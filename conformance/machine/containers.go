//go:build machine

package machine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Containers makes what containers are made of: images of one program each, probe
// and what stands for the AWS CLI where there is one, for which no registry is asked,
// and two networks. It may be called again.
func (m *Machine) Containers() {
	m.t.Helper()
	const store = "/var/lib/containers"
	image := filepath.Join(store, "image.tar")
	if _, err := os.Stat(image); err == nil {
		return
	}
	must(m.t, os.MkdirAll(store, 0o755))
	m.Do("mount -t tmpfs containers " + store) // no overlays on an overlay
	for _, program := range []string{"probe", "aws"} {
		if _, err := os.Stat("/usr/local/bin/" + program); err != nil {
			continue
		}
		m.Do("tar cf " + image + " -C /usr/local/bin " + program)
		m.do("podman", "import", "--quiet", "--change", `ENTRYPOINT ["/`+program+`"]`, image, "localhost/"+program)
	}
	m.Do("podman network create --subnet 172.30.1.0/24 inside")
	m.Do("podman network create --subnet 172.30.2.0/24 outside")
}

// Container is one that was made and not yet started, so that a rule can name it.
type Container struct {
	ID, agent string
	start     []string
}

// Container makes one. manager is who makes its control group: "systemd", or
// "cgroupfs" for podman itself. Options are podman's, then --, then the probe's.
func (m *Machine) Container(manager string, options ...string) Container {
	m.t.Helper()
	var probe []string
	if i := slices.Index(options, "--"); i >= 0 {
		options, probe = options[:i], options[i+1:]
	}
	// Limits are left as they are: there may be no controllers for them.
	podman := []string{"podman", "--cgroup-manager", manager, "--runtime", "/usr/sbin/runc"}
	agent := m.newAgent()
	create := slices.Concat(podman, []string{"create", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--pids-limit=-1"},
		options, []string{"localhost/probe", "-agent", agent}, probe)
	id := strings.TrimSpace(m.do(create[0], create[1:]...))
	m.t.Cleanup(func() { _, _ = run("podman", "rm", "--force", id) })
	return Container{id, agent, append(podman, "start", "--attach", id)}
}

// Ask starts it, and returns the answer of the program in it.
func (m *Machine) Ask(c Container) Answer { return m.answer(c.agent, c.start) }

// AskSDK is Ask for one that asks by the AWS SDK, which has a name of its own.
func (m *Machine) AskSDK(c Container) Answer { return m.answer("Go-http-client/", c.start) }

// Contained makes one and asks.
func (m *Machine) Contained(options ...string) func() Answer {
	return func() Answer { return m.Ask(m.Container("cgroupfs", options...)) }
}
