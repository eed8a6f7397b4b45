//go:build machine

package machine

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// For is the machine in a test within its test.
func (m *Machine) For(t *testing.T) *Machine {
	return &Machine{t: t, turns: map[string]int{}, asked: 1000 * len(t.Name())}
}

// Type runs a line of shell as root types it, a minute at most, and returns all that
// is seen of it.
func (m *Machine) Type(line string) (string, error) {
	m.t.Helper()
	out, err := exec.Command("timeout", "60", "bash", "-c", line).CombinedOutput()
	return string(out), err
}

// TypeAs is Type for another user, who is logged in.
func (m *Machine) TypeAs(user, line string) (string, error) {
	m.t.Helper()
	out, err := exec.Command("timeout", "60", "su", "-", user, "-c", "export XDG_RUNTIME_DIR=/run/user/"+m.UID(user)+"; "+line).CombinedOutput()
	return string(out), err
}

// Fails is Type for what must fail, and say each of some words.
func (m *Machine) Fails(line string, words ...string) string {
	m.t.Helper()
	out, err := m.Type(line)
	if err == nil {
		m.t.Errorf("%s: got success, want it to fail: %s", line, out)
	}
	m.Says(line, out, words...)
	return out
}

// Says is an error where a text lacks some words.
func (m *Machine) Says(what, text string, words ...string) {
	m.t.Helper()
	for _, word := range words {
		if !strings.Contains(text, word) {
			m.t.Errorf("%s: got %s\nwant %q in it", what, last(text, 3000), word)
		}
	}
}

// Property is what systemd knows of a unit.
func (m *Machine) Property(unit, name string) string {
	m.t.Helper()
	return strings.TrimSpace(m.do("systemctl", "show", "--property", name, "--value", unit))
}

// PID is the daemon's process.
func (m *Machine) PID() int {
	m.t.Helper()
	pid, err := strconv.Atoi(m.Property("vendord.service", "MainPID"))
	must(m.t, err)
	return pid
}

// Now is a place in the journal, and Journal is what vendord's unit said since.
func (m *Machine) Now() string {
	m.t.Helper()
	_, cursor, _ := strings.Cut(m.do("journalctl", "--sync", "--quiet")+m.do("journalctl", "--no-pager", "-n", "0", "--show-cursor"), "cursor: ")
	return strings.TrimSpace(cursor)
}

// Journal is what vendord's unit said, and systemd of it, since a place.
func (m *Machine) Journal(since string) string {
	m.t.Helper()
	m.do("journalctl", "--sync")
	return m.do("journalctl", "--no-pager", "--after-cursor", since, "-u", "vendord.service", "-u", "vendord.socket")
}

// Load is what the probe says of many requests.
type Load struct {
	Answers, Keys map[string]int
	Longest       int64
}

// Refused is how many were not answered with credentials.
func (l Load) Refused() (n int) {
	for answer, times := range l.Answers {
		if answer != "200" {
			n += times
		}
	}
	return n
}

// Load has a user's programs ask all the time, without retries, until stop is called.
func (m *Machine) Load(user string, args ...string) (stop func() Load) {
	m.t.Helper()
	until := filepath.Join(m.t.TempDir(), "until")
	must(m.t, os.WriteFile(until, nil, 0o644))
	for dir := filepath.Dir(until); dir != "/tmp" && dir != "/"; dir = filepath.Dir(dir) {
		must(m.t, os.Chmod(dir, 0o755)) // another user looks there
	}
	var done sync.WaitGroup
	var out string
	var failed error
	done.Go(func() {
		_, probe := m.probe(append([]string{"-load", until}, args...))
		all := append([]string{"--reuid", user, "--regid", user, "--init-groups", "--"}, probe...)
		out, failed = run("setpriv", all...)
	})
	return func() (l Load) {
		m.t.Helper()
		_ = os.Remove(until)
		done.Wait()
		must(m.t, failed)
		must(m.t, json.Unmarshal([]byte(out), &l))
		return l
	}
}

// During has a user's programs ask while something happens, and a little before and
// after.
func (m *Machine) During(user string, what func(), args ...string) Load {
	m.t.Helper()
	stop := m.Load(user, args...)
	time.Sleep(200 * time.Millisecond)
	what()
	time.Sleep(200 * time.Millisecond)
	return stop()
}

// Scene runs a test within a test, with the machine.
func (m *Machine) Scene(name string, scene func(t *testing.T, m *Machine)) {
	m.t.Helper()
	m.t.Run(name, func(t *testing.T) { scene(t, m.For(t)) })
}

// Files is every file that differs from a machine on which nothing was done, by its
// path, and every one that will be gone with this boot, but for what programs have
// there that are not vendord's.
func (m *Machine) Files() map[string]bool {
	m.t.Helper()
	all := map[string]bool{}
	for path := range strings.Lines(m.do("sh", "-c", "cd /run/changed && find . -mindepth 1 ! -type c -printf '/%P\\n'")) {
		all[strings.TrimSpace(path)] = true
	}
	for path := range strings.Lines(m.do("find", "/run", "/dev/shm", "-path", "/run/changed", "-prune", "-o", "-path", "*endord*", "-print")) {
		all[strings.TrimSpace(path)] = true
	}
	return all
}

// Units is what systemd knows of units that have to do with vendord.
func (m *Machine) Units() string {
	m.t.Helper()
	return m.do("sh", "-c", "systemctl list-units --all --no-legend --plain 'vendord*'; systemctl list-unit-files --no-legend 'vendord*'; true")
}

// Own gives a user a vendord of their own, not yet installed, and a configuration.
func (m *Machine) Own(user string) {
	m.t.Helper()
	home := "/home/" + user
	const own = "[daemon]\nregion = \"eu-west-1\"\nsts_endpoint = %q\n[sources.john]\nprofile = \"john\"\n[profiles.own]\nsource = \"john\"\nrole_arn = \"arn:aws:iam::629470240201:role/JohnUploadRole\"\n"
	m.Write(home+"/bin/vendord", "", 0o755)
	m.do("cp", Binary, home+"/bin/vendord")
	m.Write(home+"/.config/vendord/vendord.toml", fmt.Sprintf(own, aws), 0o600)
	m.Write(home+"/.aws/config", "[profile john]\nregion = eu-west-1\n", 0o600)
	m.Write(home+"/.aws/credentials", credentials, 0o600)
	m.do("chown", "-R", user+":"+user, home)
}

// Same is an error where a text is not as it must be.
func (m *Machine) Same(what, got, want string) {
	m.t.Helper()
	if got != want {
		m.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
