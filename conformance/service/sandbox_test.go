//go:build machine

package service_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/vendord/vendord/conformance/machine"
)

// may are the attempts that succeed for any program in the unit, by name.
var may = map[string]bool{
	"write to /var/lib/vendord, which is its own": true,
	"write to /var/log/vendord, which is its own": true,
	"write to /tmp, which is its own":             true,
	"read /srv/readable":                          true,
	"run a program that it wrote":                 true,
	"run the machine's programs":                  true,
	"ask the kernel whose a connection is":        true,
	"connect to AWS":                              true,
}

// TestSandbox puts a program in the daemon's place that tries what a daemon would
// that was taken over. What may be done is what the daemon has to do, and no more;
// the configurations that need more rights are rows of their own.
func TestSandbox(t *testing.T) {
	m := machine.Bare(t, users...)
	m.Write("/home/jane/secret", "x", 0o644)
	m.Write("/root/secret", "x", 0o600)
	m.Write("/srv/secret", "x", 0o600)
	m.Write("/srv/readable", "x", 0o644)
	m.Write("/tmp/of-others", "x", 0o644)
	other := m.Start("other", "User=web", "sleep", "300")
	defer other()
	m.Configure("", apps)
	m.Do(install)
	plain := attempts(t, m)
	for _, a := range plain {
		row(t, a, "any configuration", may[a.Attempt])
	}
	wider := map[string]struct {
		apps string
		may  []string
	}{
		"rules with exe":        {"[apps.tool]\nprofiles = [\"upload\"]\nmatch = {user = \"tool\", exe = \"/usr/bin/tool\"}\n", []string{"see another user's process", "learn which program another user's process runs", "learn what another user's process has open", "read another user's environment", "read another user's memory", "read /proc/1/environ", "read /proc/1/cmdline", "read /srv/secret", "read /etc/shadow", "read /etc/credstore/john", "read /run/user"}},
		"a command as a source": {"[sources.op]\ntype = \"process\"\ncommand = [\"/bin/true\"]\n[profiles.op]\nsource = \"op\"\nrole_arn = \"arn:aws:iam::629470240201:role/JohnUploadRole\"\n", []string{"map memory to write and run", "run memory that was written", "write to /dev/shm", "keep a key in the kernel's keyring"}},
	}
	for _, name := range []string{"rules with exe", "a command as a source"} {
		m.Configure("", apps+wider[name].apps)
		m.Do(install)
		for i, a := range attempts(t, m) {
			if a.Result == plain[i].Result {
				continue
			}
			allowed := false
			for _, attempt := range wider[name].may {
				allowed = allowed || attempt == a.Attempt
			}
			row(t, a, name, allowed)
		}
	}
}

type tried struct{ Attempt, Result string }

// attempts runs the program in the daemon's place.
func attempts(t *testing.T, m *machine.Machine) (all []tried) {
	t.Helper()
	pid := m.Property("other.service", "MainPID")
	m.Do("systemctl stop vendord.service")
	m.DropIn("Type=oneshot\nRestart=no\nExecStart=\nExecStart=/usr/local/bin/probe -sandbox\nStandardOutput=file:/run/attempts\nEnvironment=OTHER=" + pid + "\n")
	_ = os.Remove("/run/attempts")
	m.Do("systemctl start vendord.service")
	m.DropIn("")
	text, err := os.ReadFile("/run/attempts")
	for line := range bytes.Lines(text) {
		var one tried
		if err == nil {
			err = json.Unmarshal(line, &one)
		}
		all = append(all, one)
	}
	if err != nil || len(all) < 70 {
		t.Fatalf("got %v, %s, want what came of all attempts", err, text)
	}
	m.Do("systemctl start vendord.service")
	return all
}

// row prints what came of an attempt as the documentation has it.
func row(t *testing.T, a tried, where string, allowed bool) {
	t.Helper()
	want := "refused"
	if allowed {
		want = "done"
	}
	got := a.Result
	if got != "done" {
		got = "refused: " + got
	}
	if (a.Result == "done") != allowed {
		t.Errorf("%s, in %s: got %s, want %s", a.Attempt, where, got, want)
	}
	name := a.Attempt
	if where != "any configuration" {
		name += ", with " + where
	}
	fmt.Printf("row: | %s | %s | %s | `%s` |\n", name, want, got, t.Name())
}

// TestCommand: what a source runs lives in the daemon's sandbox, and gets what it
// needs there.
func TestCommand(t *testing.T) {
	m := machine.Bare(t, users...)
	m.Write("/usr/local/bin/helper", `#!/bin/bash
for path in /etc/vendord/x /var/lib/vendord/helper /tmp/helper /home/jane/x; do touch $path && echo "wrote $path"; done >&2
env | grep -qE '^(NOTIFY_SOCKET|LISTEN_FDS|WATCHDOG_USEC)=' && exit 3
echo '{"Version":1,"AccessKeyId":"AKIAIOSFODNN7EXAMPLE","SecretAccessKey":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}'
`, 0o755)
	defer os.Remove("/usr/local/bin/helper")
	m.Configure("", apps+"\n[sources.op]\ntype = \"process\"\ncommand = [\"/usr/local/bin/helper\"]\n[profiles.op]\nsource = \"op\"\nrole_arn = \"arn:aws:iam::629470240201:role/JohnUploadRole\"\nregion = \"eu-west-1\"\n[apps.joe]\nprofiles = [\"op\"]\nmatch = {user = \"joe\"}\n")
	since := m.Now()
	t.Log(m.Do(install))
	if a := m.As("joe"); a.Status != 200 {
		t.Errorf("got %+v, want credentials by the command", a)
	}
	for _, file := range []string{"/etc/vendord/x", "/home/jane/x", "/tmp/helper"} {
		if _, err := os.Stat(file); err == nil {
			t.Errorf("%s: got it, want it not written", file)
		}
	}
	m.Says("the log, of Landlock", strings.ToLower(m.Journal(since)), "landlock", "op")
}

// TestLandlock: what the daemon does not need it takes from itself, and says so where
// it does not.
func TestLandlock(t *testing.T) {
	m := machine.Bare(t, users...)
	m.Configure("", apps)
	m.Write("/srv/aws-config", "[profile john]\nregion = eu-west-1\n", 0o644)
	since := m.Now()
	m.Do(install)
	m.Scene("on: a file that was not named at the start is out of reach", func(t *testing.T, m *machine.Machine) {
		t.Log(m.Do("vendord status"))
		if said := strings.ToLower(m.Journal(since)); strings.Contains(said, "landlock: off") || strings.Contains(said, "landlock is off") {
			t.Errorf("got it off: %s", said)
		}
		m.Do("sed -i s,aws-config,/srv/aws-config, /etc/vendord/vendord.toml")
		t.Log(m.Fails("systemctl reload vendord"))
		t.Log(m.Journal(since))
		m.Do("systemctl restart vendord")
		vends(t, m)
	})
	m.Scene("off with a rule on executables, and loudly", func(t *testing.T, m *machine.Machine) {
		since := m.Now()
		m.Configure("", apps+"\n[apps.tool]\nprofiles = [\"upload\"]\nmatch = {user = \"joe\", exe = \"/usr/local/bin/probe\"}\n")
		m.Do(install)
		if a := m.As("joe"); a.Status != 200 {
			t.Errorf("got %+v, want credentials by the executable", a)
		}
		m.Says("the log", strings.ToLower(m.Journal(since)), "landlock")
		m.Says("status", strings.ToLower(m.Do("vendord status")), "landlock")
	})
	m.Scene("a reload that needs more rights than the unit gives says which line is in the way", func(t *testing.T, m *machine.Machine) {
		m.Configure("", apps)
		m.Do(install)
		m.Configure("", apps+"\n[apps.tool]\nprofiles = [\"upload\"]\nmatch = {user = \"joe\", exe = \"/usr/local/bin/probe\"}\n")
		since := m.Now()
		out, err := m.Type("systemctl restart vendord")
		said := m.Journal(since)
		t.Logf("%v %s\n%s", err, out, said)
		m.Says("the log", said, "CAP_SYS_PTRACE", "vendord service install")
	})
}
