//go:build machine

package service_test

import (
	"os"
	"strings"
	"testing"

	"github.com/vendord/vendord/conformance/machine"
)

// TestRefusals: what could not work is refused before anything is changed, with what
// to do about it.
func TestRefusals(t *testing.T) {
	m := machine.Bare(t, users...)
	units := m.Units()
	for _, c := range []struct {
		name, spoil string
		words       []string
	}{
		{"a configuration that is no TOML", "echo '[daemon' >/etc/vendord/vendord.toml", []string{"vendord.toml:", "not valid TOML"}},
		{"no configuration is needed for a first one, but a broken name is", "sed -i s/JohnUploadRole/:/ /etc/vendord/vendord.toml", []string{"role_arn"}},
		{"a configuration of somebody else's", "chown mallory /etc/vendord/vendord.toml", []string{"/etc/vendord/vendord.toml", "mallory"}},
		{"a directory that somebody else can write to", "chmod 777 /etc/vendord", []string{"/etc/vendord"}},
		{"a configuration that the daemon cannot read", "chmod 600 /etc/vendord/vendord.toml", []string{"/etc/vendord/vendord.toml", "read"}},
		{"keys that are not there", "rm /etc/credstore/john", []string{"john", "/etc/credstore"}},
		{"a port that is somebody else's", "systemd-run --quiet --unit squat probe -relay 127.0.0.1:9797; sleep 0.3", []string{"127.0.0.1:9797", "in use"}},
		{"a unit of that name that vendord did not write", "printf '[Service]\\nExecStart=/bin/true\\n' >/etc/systemd/system/vendord.service", []string{"/etc/systemd/system/vendord.service"}},
		{"somebody who is not root", "", []string{"root"}},
	} {
		m.Scene(c.name, func(t *testing.T, m *machine.Machine) {
			m.Configure("", apps)
			if _, err := m.Type(c.spoil); err != nil {
				t.Fatal(err)
			}
			defer m.Type(machine.Binary + " service uninstall --purge; systemctl stop squat; chown -R root /etc/vendord; chmod 755 /etc/vendord; grep -q ^ExecStart=/bin/true /etc/systemd/system/vendord.service && rm /etc/systemd/system/vendord.service")
			before := m.Files()
			line := install
			if c.spoil == "" {
				line = "setpriv --reuid mallory --regid mallory --init-groups " + install + " --system"
			}
			t.Logf("%s\n%s", line, m.Fails(line, c.words...))
			for path := range m.Files() {
				if !before[path] && !strings.HasPrefix(path, "/var/log/journal/") {
					t.Errorf("%s: got it left, want nothing changed", path)
				}
			}
			if got := m.Units(); got != units && c.spoil != "" && !strings.Contains(c.spoil, "systemd") {
				t.Errorf("units: got %s, want %s", got, units)
			}
		})
	}
}

// TestWarnings: what could come right later is installed, and said.
func TestWarnings(t *testing.T) {
	m := machine.Bare(t, users...)
	m.Configure("", apps)
	m.Do("chmod 600 /etc/vendord/aws-config")
	out, err := m.Type(install)
	if err != nil {
		t.Errorf("%s: got %v", install, err)
	}
	m.Says("install", out, "/etc/vendord/aws-config: the service will not be able to read it")
}

// TestRollback: what fails at its start is as if it had not been tried, and says why.
func TestRollback(t *testing.T) {
	m := machine.Bare(t, users...)
	m.Configure("", apps)
	const refuses = "ExecStartPre=/bin/sh -c 'cmp -s /usr/local/bin/vendord %s && echo this one does not start && exit 1; exit 0'\n"
	next := "/mnt/next/vendord service install"
	m.Scene("a first installation leaves nothing", func(t *testing.T, m *machine.Machine) {
		m.DropIn(strings.ReplaceAll(refuses, "%s", machine.Binary))
		before := m.Files()
		t.Log(m.Fails(install, "this one does not start"))
		for path := range m.Files() {
			if !before[path] && !strings.HasPrefix(path, "/var/log/journal/") {
				t.Errorf("%s: got it left, want it gone", path)
			}
		}
		m.DropIn("")
	})
	m.Scene("an upgrade leaves what was there, running", func(t *testing.T, m *machine.Machine) {
		m.Do(install)
		m.DropIn(strings.ReplaceAll(refuses, "%s", "/mnt/next/vendord"))
		t.Log(m.Fails(next, "this one does not start"))
		m.Do("cmp /usr/local/bin/vendord " + machine.Binary)
		m.DropIn("")
		m.Do("vendord status --check")
		vends(t, m)
	})
	m.Scene("an upgrade that works is one", func(t *testing.T, m *machine.Machine) {
		load := m.During("load", func() { t.Log(m.Do(next)) })
		if load.Refused() > 0 || len(load.Keys) != 1 {
			t.Errorf("meanwhile: got %+v, want no request refused, and one session", load)
		}
		m.Do("cmp /usr/local/bin/vendord /mnt/next/vendord")
		if exe, _ := os.Readlink("/proc/" + m.Property("vendord.service", "MainPID") + "/exe"); exe != "/usr/local/bin/vendord" {
			t.Errorf("the daemon runs %s, want the new one", exe)
		}
		m.Do(next) // again: nothing to do
	})
}
