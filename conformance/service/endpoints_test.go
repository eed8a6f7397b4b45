//go:build machine

package service_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/conformance/machine"
)

// endpoints are all that SDKs know, at AWS's addresses, and a port of an app's own.
const endpoints = `
[endpoints.ecs]
listen = "169.254.170.2:80"
[endpoints.eks]
listen = ["169.254.170.23:80", "[fd00:ec2::23]:80"]
[[endpoints.imds]]
listen = ["169.254.169.254:80", "[fd00:ec2::254]:80"]
[[endpoints.imds]]
listen = "127.0.0.1:9254"
app    = "web"
`

// linkLocal are their addresses.
var linkLocal = []string{"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "169.254.169.254", "fd00:ec2::254"}

const (
	metadata = "http://169.254.169.254/latest/meta-data/iam/security-credentials/upload"
	ecs      = "http://169.254.170.2/v1/process/credentials"
	eks      = "http://169.254.170.23/v1/credentials"
)

// onLoopback is an error where the loopback link has not these addresses alone, besides
// its own.
func onLoopback(m *machine.Machine, want ...string) {
	var got []string
	for line := range strings.Lines(m.Do("ip -oneline address show dev lo")) {
		fields := strings.Fields(line)
		if address, _, _ := strings.Cut(fields[3], "/"); address != "127.0.0.1" && address != "::1" {
			got = append(got, address)
		}
	}
	slices.Sort(got)
	m.Same("addresses of the loopback link", strings.Join(got, " "), strings.Join(slices.Sorted(slices.Values(want)), " "))
}

// asMetadata: a program that is told nothing at all finds credentials.
func asMetadata(t *testing.T, m *machine.Machine) {
	if a := m.Unit("batch", "User=load", "-sdk"); a.Status != 200 {
		t.Errorf("an SDK in a unit, with nothing in its environment: got %+v, want credentials", a)
	}
}

// TestEndpoints: programs that only know AWS's own addresses are given what is theirs,
// by whoever they are.
func TestEndpoints(t *testing.T) {
	m := machine.New(t, users, "", apps+endpoints, "")
	m.Scene("the addresses are made by a unit of their own, and the daemon has no right to", func(t *testing.T, m *machine.Machine) {
		onLoopback(m, linkLocal...)
		m.Do("vendord net status")
		m.Same("vendord-net.service", m.Property("vendord-net.service", "ActiveState"), "active")
		m.Same("the daemon's capabilities", m.Property("vendord.service", "CapabilityBoundingSet"), "")
		m.Says("status", m.Do("vendord status"), "http://169.254.170.2/v1/credentials, from containers (ECS)\n", "http://169.254.170.23/v1/credentials, from pods (EKS)\n",
			"http://[fd00:ec2::254], as EC2's metadata service\n", "http://127.0.0.1:9254, as EC2's metadata service, app web alone\n")
	})
	m.Scene("an SDK that is told nothing asks EC2's metadata service", func(t *testing.T, m *machine.Machine) {
		asMetadata(t, m)
		if a := m.Unit("web", "User=web Environment=AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:9254", "-sdk"); a.Status != 200 {
			t.Errorf("the app with a port of its own: got %+v, want credentials", a)
		}
		for name, a := range map[string]machine.Answer{
			"who matches nothing":                    m.Unit("sly", "User=mallory", "-sdk"),
			"who matches nothing, at another's port": m.Unit("sly", "User=mallory Environment=AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:9254", "-sdk"),
			"another app, at the port":               m.Unit("batch", "User=load Environment=AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:9254", "-sdk"),
		} {
			if a.Status == 200 {
				t.Errorf("%s: got credentials", name)
			}
		}
	})
	m.Scene("one that knows ECS alone is given a path", func(t *testing.T, m *machine.Machine) {
		m.Says("env", mustType(m, "load", "vendord env load --relative"), "export AWS_CONTAINER_CREDENTIALS_RELATIVE_URI='/v1/process/credentials'")
		path := "Environment=AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v1/process/credentials"
		if a := m.Unit("batch", "User=load "+path, "-sdk"); a.Status != 200 {
			t.Errorf("the app's: got %+v, want credentials", a)
		}
		if a := m.Unit("sly", "User=mallory "+path, "-sdk"); a.Status == 200 {
			t.Error("another user: got credentials")
		}
	})
	m.Scene("one that was made for EKS has a token in a file", func(t *testing.T, m *machine.Machine) {
		m.Do("vendord token issue jane --user jane --file /home/jane/token")
		pod := " Environment=AWS_CONTAINER_CREDENTIALS_FULL_URI=" + eks + " Environment=AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/home/jane/token"
		if a := m.Unit("pod", "User=jane"+pod, "-sdk"); a.Status != 200 {
			t.Errorf("its user: got %+v, want credentials", a)
		}
		_ = os.Chmod("/home/jane", 0o755)
		_ = os.Chmod("/home/jane/token", 0o644) // stolen
		if a := m.Unit("sly", "User=mallory"+pod, "-sdk"); a.Status == 200 {
			t.Error("another user, with the token: got credentials")
		}
	})
	m.Scene("env leads a shell to the metadata service, and to an app's own port", func(t *testing.T, m *machine.Machine) {
		m.Says("env", mustType(m, "load", "vendord env load --metadata"), "export AWS_EC2_METADATA_SERVICE_ENDPOINT='http://169.254.169.254'\n", "unset AWS_EC2_METADATA_DISABLED\n")
		m.Says("env", m.Do("vendord env web --metadata"), "export AWS_EC2_METADATA_SERVICE_ENDPOINT='http://127.0.0.1:9254'\n")
		out := mustType(m, "load", `export AWS_EC2_METADATA_DISABLED=true; eval "$(vendord env load --metadata)"; probe -sdk`)
		m.Says("an SDK in that shell", out, `"Status":200`)
	})
	m.Scene("a session token outlives a restart, and is nobody else's", func(t *testing.T, m *machine.Machine) {
		const file = "/tmp/session-of-load"
		_ = os.Remove(file)
		first := m.As("load", "-url", metadata, "-metadata", file)
		if first.Status != 200 {
			t.Fatalf("with a session token: got %+v, want credentials", first)
		}
		m.Do("systemctl restart vendord")
		m.Do("systemctl kill --signal KILL --kill-whom main vendord")
		if a := m.As("load", "-url", metadata, "-metadata", file); a.Status != 200 || a.Key != first.Key {
			t.Errorf("after a restart and a crash: got %+v, want %+v", a, first)
		}
		_ = os.Chmod(file, 0o644)
		if a := m.As("web", "-url", metadata, "-metadata", file); a.Status != 401 {
			t.Errorf("another user: got %+v, want 401", a)
		}
		m.Same("the mode of its key", strings.TrimSpace(m.Do("stat -c %a /var/lib/private/vendord/metadata.key")), "600")
	})
}

// TestEndpointsUnderLoad: neither a restart nor an upgrade refuses anybody there.
func TestEndpointsUnderLoad(t *testing.T) {
	m := machine.New(t, users, "", apps+endpoints, "")
	token := strings.TrimSpace(m.Do("vendord token issue jane --user jane"))
	session := "/tmp/session-under-load"
	_ = os.Remove(session)
	for _, way := range []struct {
		name, user string
		args       []string
	}{
		{"EC2's metadata service", "load", []string{"-url", metadata, "-metadata", session}},
		{"ECS's address", "load", []string{"-url", ecs}},
		{"EKS's address", "jane", []string{"-url", eks, "-token", token}},
	} {
		m.Scene(way.name, func(t *testing.T, m *machine.Machine) {
			load := m.During(way.user, func() {
				for range 5 {
					m.Do("systemctl restart vendord")
				}
				m.Do("vendord service install")
			}, way.args...)
			fmt.Printf("figure: five restarts and an upgrade, %s: %d of %d requests refused (%v), longest wait %d ms\n", way.name, load.Refused(), total(load), load.Answers, load.Longest)
			if load.Refused() > 0 || total(load) < 100 {
				t.Errorf("got %+v, want none refused, of many", load)
			}
		})
	}
}

// TestAddresses: they come and go with the service, and what becomes of them is said.
func TestAddresses(t *testing.T) {
	m := machine.New(t, users, "", apps+endpoints, "")
	m.Scene("a stopped service leaves a cloud its own metadata service", func(t *testing.T, m *machine.Machine) {
		m.Do("vendord service stop")
		onLoopback(m)
		m.Do("vendord service start")
		onLoopback(m, linkLocal...)
		asMetadata(t, m)
	})
	m.Scene("one that somebody takes away is missed, and no reason to begin anew", func(t *testing.T, m *machine.Machine) {
		pid := m.PID()
		m.Do("ip address del 169.254.169.254/32 dev lo")
		const missing = "endpoints.imds.listen: 169.254.169.254 is not an address of this machine"
		m.Fails("vendord status --check", missing)
		m.Says("status", m.Do("vendord status"), "http://169.254.169.254, as EC2's metadata service: is not an address of this machine (vendord net status)")
		m.Says("health", m.Do("curl --silent --unix-socket /run/vendord/control.sock http://vendord/health"), `"healthy":true`)
		if a := m.As("load"); a.Status != 200 {
			t.Errorf("meanwhile, at loopback: got %+v, want credentials", a)
		}
		m.Do("systemctl reload vendord-net")
		m.Do("vendord status --check")
		asMetadata(t, m)
		if m.PID() != pid {
			t.Error("the daemon was started anew")
		}
	})
	m.Scene("a configuration with other endpoints says what makes them hold", func(t *testing.T, m *machine.Machine) {
		m.Configure("", apps+"[endpoints.ecs]\nlisten = \"169.254.170.2:8080\"\n")
		out, _ := m.Type("vendord reload")
		m.Says("reload", out, "endpoints.ecs.listen: takes effect with: vendord service install\n")
		const unheld = "endpoints.ecs.listen: vendord.socket does not hold 169.254.170.2:8080, which is not served after the next start"
		out, _ = m.Type("vendord check --system")
		m.Says("check", out, unheld)
		m.Fails("vendord service restart", "service restart: not done", unheld)
		m.Configure("", apps)
		_, _ = m.Type("vendord reload")
		m.Fails("vendord service restart", "service restart: not done", "169.254.170.2:80: vendord.socket holds it, nothing in /etc/vendord/vendord.toml names it")
		m.Configure("", apps+"[endpoints.ecs]\nlisten = \"169.254.170.2:8080\"\n")
		m.Do(install)
		onLoopback(m, "169.254.170.2")
		if a := m.As("load", "-url", strings.Replace(ecs, ".2/", ".2:8080/", 1)); a.Status != 200 {
			t.Errorf("at the new port: got %+v, want credentials", a)
		}
	})
	m.Scene("one that another link has fails the install, and all is as it was", func(t *testing.T, m *machine.Machine) {
		m.Do("ip link add other type veth peer name other2")
		defer m.Do("ip link del other")
		m.Do("ip address add 169.254.169.254/32 dev other")
		m.Configure("", apps+endpoints)
		m.Fails(install, "169.254.169.254: link other has this address")
		onLoopback(m, "169.254.170.2")
		m.Configure("", apps+"[endpoints.ecs]\nlisten = \"169.254.170.2:8080\"\n")
		m.Do("vendord status")
	})
	m.Scene("without endpoints there is no such unit", func(t *testing.T, m *machine.Machine) {
		m.Configure("", apps)
		m.Do(install)
		onLoopback(m)
		if out, err := m.Type("systemctl cat vendord-net.service"); err == nil {
			t.Errorf("vendord-net.service: got %s, want it gone", out)
		}
	})
}

// TestAddressesAfterACrash: a crash after a reload that brought an endpoint and took others
// leaves the service up, and says what it does not serve.
func TestAddressesAfterACrash(t *testing.T) {
	m := machine.New(t, users, "", apps+"[endpoints.ecs]\nlisten = \"169.254.170.2:80\"\n[endpoints.eks]\nlisten = \"169.254.170.23:80\"\n", "")
	m.Configure("", apps+"[endpoints.ecs]\nlisten = [\"169.254.170.2:80\", \"169.254.170.2:8080\"]\n")
	m.Do("vendord reload")
	const unserved = "endpoints.ecs.listen: 169.254.170.2:8080 is not served before: sudo vendord service install"
	m.Fails("vendord status --check", unserved)
	m.Do("systemctl kill --signal KILL --kill-whom main vendord")
	if a := m.As("load"); a.Status != 200 {
		t.Errorf("at loopback: got %+v, want credentials", a)
	}
	if a := m.As("load", "-url", ecs); a.Status != 200 {
		t.Errorf("at the address that is held: got %+v, want credentials", a)
	}
	m.Fails("vendord status --check", unserved)
	m.Says("service status", m.Do("vendord service status"), "crashed   1 time", unserved, "http://169.254.170.2:8080/v1/credentials, from containers (ECS): is not served before: sudo vendord service install\n")
	m.Says("systemctl status", m.Do("systemctl status vendord"), unserved)
	m.Says("status", m.Do("vendord status"), "169.254.170.23:80: the service manager holds it for vendord, /etc/vendord/vendord.toml does not name it, and who asks there is turned away, until: sudo vendord service install\n")
	for _, url := range []string{eks, "http://169.254.170.2:8080/"} {
		if out, err := m.Type("curl --silent --max-time 5 " + url + "; case $? in 7 | 56) ;; *) exit 1 ;; esac"); err != nil {
			t.Errorf("at %s: got %v %s, want it refused or reset: nobody is to wait", url, err, out)
		}
	}
	m.Do(install)
	m.Do("vendord status --check")
	onLoopback(m, "169.254.170.2")
	if a := m.As("load", "-url", strings.Replace(ecs, ".2/", ".2:8080/", 1)); a.Status != 200 {
		t.Errorf("at the new port: got %+v, want credentials", a)
	}
}

// TestAddressesInTheWay: at boot, one that somebody else has keeps no other away.
func TestAddressesInTheWay(t *testing.T) {
	m := machine.New(t, users, "", apps+endpoints, "")
	m.Do("vendord service stop")
	m.Do("ip link add other type veth peer name other2")
	defer m.Do("ip link del other")
	m.Do("ip address add 169.254.170.23/32 dev other")
	m.Do("vendord service start")
	onLoopback(m, slices.DeleteFunc(slices.Clone(linkLocal), func(a string) bool { return a == "169.254.170.23" })...)
	asMetadata(t, m)
	m.Fails("vendord status --check", "endpoints.eks.listen: 169.254.170.23 is on another link than lo")
	m.Says("systemctl status", m.Do("systemctl status vendord-net"), "status=1/FAILURE", "169.254.170.23: link other has this address")
	m.Fails("systemctl reload vendord-net", "vendord-net.service")
	m.Do("vendord service stop")
	onLoopback(m)
	m.Do("ip address del 169.254.170.23/32 dev other")
	m.Do("vendord service start")
	m.Do("vendord status --check")
}

// TestAddressesOfAUser: an address at which a user's own daemon listens stays with it.
func TestAddressesOfAUser(t *testing.T) {
	m := machine.New(t, users, "", apps+"[endpoints.ecs]\nlisten = \"169.254.170.2:80\"\n[endpoints.eks]\nlisten = \"169.254.170.23:80\"\n", "")
	defer m.Start("theirs", "User=load", "probe", "-relay", "169.254.170.2:8080")()
	m.Within("the user's daemon", func() bool { return strings.Contains(m.Do("ss -Hltn"), "169.254.170.2:8080") })
	m.Fails("vendord net down --system", "net down: 169.254.170.2:8080: ", " listens there")
	onLoopback(m, "169.254.170.2", "169.254.170.23")
	m.Do("vendord service uninstall")
	onLoopback(m, "169.254.170.2")
	m.Do("ip address del 169.254.170.2/32 dev lo")
}

// mustType is what a user is shown, who is logged in.
func mustType(m *machine.Machine, user, line string) string {
	out, err := m.TypeAs(user, line)
	if err != nil {
		return fmt.Sprint("failed: ", err, ": ", out)
	}
	return out
}
