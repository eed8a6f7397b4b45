//go:build machine

// Package service_test installs vendord as its users do, in a real systemd, and has
// it live through what services live through: see the script run beside it.
package service_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/vendord/vendord/conformance/machine"
)

// users of the machine: web runs a service, load asks all day, jane and joe log in,
// mallory with nothing good in mind.
var users = []string{"web", "load", "jane", "joe", "mallory"}

// apps are what they may have.
const apps = `
[apps.web]
profiles = ["upload", "readonly"]
match    = {user = "web", unit = "web.service"}

[apps.load]
profiles = ["upload"]
match    = {user = "load"}

[apps.jane]
profiles = ["upload"]
`

// install is what root types.
const install = machine.Binary + " service install"

func installed(t *testing.T) *machine.Machine {
	t.Helper()
	return machine.New(t, users, "", apps, "")
}

// TestInstall goes from a machine that never had a vendord to programs that get
// credentials, and leaves it there for TestBoot.
func TestInstall(t *testing.T) {
	m := machine.Keep(t, users...)
	m.Configure("", apps+endpoints)
	m.Scene("what would be written is shown, and is not written", func(t *testing.T, m *machine.Machine) {
		out := m.Do(install + " --dry-run")
		m.Says("--dry-run", out, "/etc/systemd/system/vendord.service", "/etc/systemd/system/vendord.socket", "/etc/systemd/system/vendord-net.service", "DynamicUser=yes", "ListenStream=127.0.0.1:9797", "LoadCredential=john:/etc/credstore/john")
		if units := m.Do("systemctl list-unit-files --no-legend"); strings.Contains(units, "vendord") {
			t.Errorf("got the units %s, want none of vendord", units)
		}
	})
	m.Scene("one command installs it, and it is ready when that ends", func(t *testing.T, m *machine.Machine) {
		t.Logf("%s\n%s", install, m.Do(install))
		m.Do("vendord status --check")
		for _, unit := range []string{"vendord.service", "vendord.socket"} {
			m.Do("systemctl is-active " + unit)
			m.Do("systemctl is-enabled " + unit)
		}
	})
	m.Scene("systemd has nothing to say against its files", func(t *testing.T, m *machine.Machine) {
		out, err := m.Type("systemd-analyze verify --recursive-errors=yes /etc/systemd/system/vendord.service /etc/systemd/system/vendord.socket /etc/systemd/system/vendord-net.service")
		if err != nil || out != "" {
			t.Errorf("systemd-analyze verify: got %v %s, want not a word", err, out)
		}
	})
	m.Scene("the configuration is to be read by anybody, the keys and the state by nobody else", func(t *testing.T, m *machine.Machine) {
		for _, file := range []string{"/var/lib/private/vendord", "/var/lib/vendord/tokens.json", "/etc/credstore/john", "/run/credentials/vendord.service/john", "/var/log/vendord/audit"} {
			if out, err := m.TypeAs("mallory", "cat "+file); err == nil || !strings.Contains(out, "Permission denied") {
				t.Errorf("mallory: cat %s: got %v %s, want it denied", file, err, out)
			}
		}
	})
	m.Scene("a unit is recognised, and its namesake in a user manager is not", recognised)
	m.Do("vendord use readonly --app web")
	token := m.Do("vendord token issue jane --user jane")
	m.Write("/root/token", token, 0o600)
}

// recognised: the kernel and the service manager say whose a program is.
func recognised(t *testing.T, m *machine.Machine) {
	if a := m.Unit("web", "User=web"); a.Status != 200 {
		t.Errorf("the unit: got %+v, want credentials", a)
	}
	for name, a := range map[string]machine.Answer{
		"another unit of its user's":           m.Unit("other", "User=web"),
		"its user's own unit of the same name": m.UserUnit("web", "web"),
		"another user":                         m.As("mallory"),
	} {
		if a.Status != 401 {
			t.Errorf("%s: got %+v, want 401", name, a)
		}
	}
}

// TestBoot: after the machine has started again, nothing had to be typed.
func TestBoot(t *testing.T) {
	if _, err := os.Stat("/root/token"); err != nil {
		t.Skip("it takes TestInstall before a boot: see the script run") // not in CI, which runs all of it
	}
	m := machine.Bare(t, users...)
	m.Scene("it has started by itself", func(t *testing.T, m *machine.Machine) {
		m.Do("systemctl is-active vendord.service vendord.socket")
		m.Do("vendord status")
	})
	m.Scene("the addresses of the endpoints are there, and programs find them", func(t *testing.T, m *machine.Machine) {
		onLoopback(m, linkLocal...)
		asMetadata(t, m)
	})
	m.Scene("what was switched is still switched", func(t *testing.T, m *machine.Machine) {
		m.Within("credentials", func() bool { return m.Unit("web", "User=web").Status == 200 })
		m.Says("status", m.Do("vendord apps"), "readonly")
	})
	m.Scene("a token is still good, and for nobody else", func(t *testing.T, m *machine.Machine) {
		token, _ := os.ReadFile("/root/token")
		// AWS is the test's, and was not there yet when the machine booted.
		m.Within("credentials", func() bool {
			return m.As("jane", "-url", machine.Token, "-token", strings.TrimSpace(string(token))).Status == 200
		})
		for user, want := range map[string]int{"jane": 200, "mallory": 401} {
			if a := m.As(user, "-url", machine.Token, "-token", strings.TrimSpace(string(token))); a.Status != want {
				t.Errorf("%s: got %+v, want %d", user, a, want)
			}
		}
		_ = os.Remove("/root/token")
	})
	m.Scene("a unit is recognised, and its namesake in a user manager is not", recognised)
}

// TestUninstall: nothing is left of it, by the file system's account and systemd's.
func TestUninstall(t *testing.T) {
	m := machine.Bare(t, users...)
	m.Do("systemd-run --quiet --wait -p DynamicUser=yes -p StateDirectory=other -p LogsDirectory=other true") // systemd's own traces of such units
	m.Configure("", apps+endpoints)
	_ = os.Remove("/usr/local/bin/vendord")
	before, units := m.Files(), m.Units()
	for range 2 {
		m.Do(install)
		m.As("load")
		m.Do("vendord token issue jane --user jane")
		m.Scene("what is one's own stays", func(t *testing.T, m *machine.Machine) {
			t.Log(m.Do("vendord service uninstall"))
			m.Do("test -s /var/log/private/vendord/audit -a -s /var/lib/private/vendord/tokens.json -a -s /etc/vendord/vendord.toml")
			if got := m.Units(); got != units {
				t.Errorf("units: got %s, want %s", got, units)
			}
			onLoopback(m)
		})
	}
	m.Scene("and nothing at all with --purge", func(t *testing.T, m *machine.Machine) {
		m.Do(install)
		t.Log(m.Do("vendord service uninstall --purge"))
		for path := range m.Files() {
			if !before[path] && !strings.HasPrefix(path, "/var/log/journal/") {
				t.Errorf("%s: got it left, want it gone", path)
			}
		}
		if got := m.Units(); got != units {
			t.Errorf("units: got %s, want %s", got, units)
		}
		if out, _ := exec.Command("ss", "-Hltn", "sport", "=", ":9797").Output(); len(out) > 0 {
			t.Errorf("the port: got %s, want it free", out)
		}
		m.Do(machine.Binary + " service uninstall --purge") // nothing to remove is no error
	})
}
