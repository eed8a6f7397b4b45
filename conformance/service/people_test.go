//go:build machine

package service_test

import (
	"os"
	"strings"
	"testing"

	"github.com/vendord/vendord/conformance/machine"
)

// TestPeople: two people have a vendord of their own beside the system's. Each
// command finds the right one, and nobody gets at another's.
func TestPeople(t *testing.T) {
	m := installed(t)
	people := []string{"jane", "joe"}
	for _, name := range people {
		m.Scene(name+" installs one, without root", func(t *testing.T, m *machine.Machine) {
			m.Own(name)
			m.Do("loginctl enable-linger " + name)
			m.Within("the user's manager", func() bool { _, err := m.TypeAs(name, "systemctl --user is-system-running --wait"); return err == nil })
			out, err := m.TypeAs(name, "bin/vendord service install")
			t.Logf("%s\n%s", "bin/vendord service install", out)
			if err != nil {
				t.Fatal(err)
			}
			m.Says("install", out, "user")
			m.TypeAs(name, "systemctl --user is-enabled vendord.service")
		})
	}
	urls := map[string]string{}
	m.Scene("each finds their own, and root the system's", func(t *testing.T, m *machine.Machine) {
		for _, name := range people {
			out, err := m.TypeAs(name, `bin/vendord exec own -- sh -c 'echo "$AWS_CONTAINER_CREDENTIALS_FULL_URI"'`)
			if err != nil || !strings.HasPrefix(out, "http://127.0.0.1:") || strings.Contains(out, ":9797/") {
				t.Errorf("%s: got %v %s, want an address that is not the system's", name, err, out)
			}
			urls[name] = strings.TrimSpace(out)
		}
		m.Says("root's exec", m.Do("vendord exec upload -- sh -c env"), ":9797/")
		if urls["jane"] == urls["joe"] {
			t.Errorf("got %v, want two addresses", urls)
		}
	})
	m.Scene("nobody steers another's", func(t *testing.T, m *machine.Machine) {
		socket := "/run/user/" + m.UID("jane") + "/vendord/control.sock"
		if out, err := m.TypeAs("joe", "bin/vendord status --socket "+socket); err == nil {
			t.Errorf("joe asks jane's: got %s, want it denied", out)
		}
		if out, err := m.TypeAs("joe", "bin/vendord lock --socket /run/vendord/control.sock"); err == nil {
			t.Errorf("joe locks the system's: got %s, want it refused", out)
		}
		if out, err := m.TypeAs("joe", "bin/vendord service restart --system"); err == nil {
			t.Errorf("joe restarts the system's: got %s, want it refused", out)
		}
		a := m.As("mallory", "-url", strings.Replace(urls["jane"], "/v1/credentials", "/v1/process/credentials", 1))
		if a.Status != 401 {
			t.Errorf("mallory asks jane's: got %+v, want 401", a)
		}
	})
	m.Scene("it is there again with the user's manager, at the address that it had", func(t *testing.T, m *machine.Machine) {
		m.Do("systemctl restart user@" + m.UID("jane"))
		var out string
		m.Within("jane's", func() bool {
			var err error
			out, err = m.TypeAs("jane", `bin/vendord exec own -- sh -c 'echo "$AWS_CONTAINER_CREDENTIALS_FULL_URI"'`)
			return err == nil
		})
		if strings.TrimSpace(out) != urls["jane"] {
			t.Errorf("got %s, want %s", out, urls["jane"])
		}
	})
	for _, name := range people {
		m.Scene(name+" removes it", func(t *testing.T, m *machine.Machine) {
			out, err := m.TypeAs(name, "bin/vendord service uninstall --purge && find . -path ./bin -prune -o -newer bin/vendord -print; systemctl --user list-units --all --no-legend 'vendord*'")
			t.Log(out)
			if err != nil {
				t.Error(err)
			}
			for _, gone := range []string{".config/systemd/user/vendord.service", ".config/systemd/user/default.target.wants/vendord.service", ".local/state/vendord"} {
				if _, err := os.Lstat("/home/" + name + "/" + gone); err == nil {
					t.Errorf("%s: got it left, want it gone", gone)
				}
			}
			m.Do("loginctl disable-linger " + name)
		})
	}
	m.Do("vendord status --check") // the system's did not notice
}
