package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	access "github.com/landlock-lsm/go-landlock/landlock/syscall"

	"golang.org/x/sys/unix"
)

// closed is what this program does when it is started again, to be closed off for good.
const closed = "VENDORD_TEST_CLOSED"

// TestClosedOff is of a process that has closed itself off: what is forbidden is
// forbidden in all of its threads, and what a daemon needs works.
func TestClosedOff(t *testing.T) {
	if dir := os.Getenv(closed); dir != "" {
		tryBehindLandlock(dir)
		return
	}
	needsLandlock(t)
	dir := t.TempDir()
	for _, sub := range []string{"state", "read", "elsewhere"} {
		must(t, os.Mkdir(filepath.Join(dir, sub), 0o755))
		must(t, os.WriteFile(filepath.Join(dir, sub, "file"), []byte("there"), 0o644))
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestClosedOff$")
	cmd.Env = append(os.Environ(), closed+"="+dir, "TMPDIR="+filepath.Join(dir, "state"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("closed off: %v\n%s", err, out)
	}
	got := strings.Fields(strings.Split(string(out), "PASS")[0])
	want := strings.Fields(`read-own:ok read-elsewhere:EACCES read-tmp:EACCES list-elsewhere:EACCES write-state:ok rename-state:ok remove-state:ok
		write-read:EACCES write-elsewhere:EACCES truncate-elsewhere:EACCES link-out:EACCES run:EACCES null:ok proc:ok other-exe:EACCES
		certificates:ok resolver:ok zone:ok user:ok memory:ok`)
	if !slices.Equal(got, want) {
		t.Errorf("behind Landlock: got\n%s\nwant\n%s", got, want)
	}
}

// tryBehindLandlock prints what came of each thing it tried.
func tryBehindLandlock(dir string) {
	for range 4 { // threads from before
		go func() { time.Sleep(time.Second) }()
	}
	if err := closeOff(append(slices.Clone(alwaysRead), filepath.Join(dir, "read")), []string{filepath.Join(dir, "state"), "/dev/null"}); err != nil {
		fmt.Println(err)
		return
	}
	in := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	read := func(path string) func() error { return func() error { _, err := os.ReadFile(path); return err } }
	write := func(path string) func() error {
		return func() error { return os.WriteFile(path, []byte("new"), 0o600) }
	}
	for _, step := range []struct {
		name string
		do   func() error
	}{
		{"read-own", read(in("read", "file"))},
		{"read-elsewhere", read(in("elsewhere", "file"))},
		{"read-tmp", func() error { _, err := os.ReadDir("/tmp"); return err }},
		{"list-elsewhere", func() error { _, err := os.ReadDir(in("elsewhere")); return err }},
		{"write-state", write(in("state", "new"))},
		{"rename-state", func() error { return os.Rename(in("state", "new"), in("state", "newer")) }},
		{"remove-state", func() error { return os.Remove(in("state", "newer")) }},
		{"write-read", write(in("read", "new"))},
		{"write-elsewhere", write(in("elsewhere", "new"))},
		{"truncate-elsewhere", func() error { return os.Truncate(in("elsewhere", "file"), 0) }},
		{"link-out", func() error { return os.Rename(in("state", "file"), in("elsewhere", "moved")) }},
		{"run", func() error { return exec.Command("/bin/true").Run() }},
		{"null", write("/dev/null")},
		{"proc", read("/proc/1/status")},
		// The parent is not in what this process has closed itself off with: that is why
		// rules for executables keep Landlock off.
		{"other-exe", func() error { _, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", os.Getppid())); return err }},
		{"certificates", func() error { _, err := x509.SystemCertPool(); return err }},
		{"resolver", func() error { _, err := net.LookupHost("localhost"); return err }},
		{"zone", func() error { _, err := time.LoadLocation("Europe/Berlin"); return err }},
		{"user", func() error { _, err := user.Lookup("root"); return err }},
		{"memory", func() error { f, err := unix.MemfdCreate("x", 0); _ = unix.Close(f); return err }},
	} {
		fmt.Printf("%s:%s\n", step.name, outcome(step.do()))
	}
}

// outcome is an error by its name.
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return unix.ErrnoName(number)
	}
	return strings.ReplaceAll(err.Error(), " ", "_")
}

func needsLandlock(t *testing.T) {
	t.Helper()
	if v, err := access.LandlockGetABIVersion(); err != nil || v < 3 {
		if os.Getenv("CI") != "" {
			t.Fatalf("CI must run this on Linux 6.2 or later with Landlock: version %d, %v", v, err)
		}
		t.Skipf("it takes Landlock: version %d, %v", v, err)
	}
}

func TestNoLandlock(t *testing.T) {
	for _, row := range []struct {
		version int
		err     error
		want    string
	}{
		{-1, unix.ENOSYS, "this kernel has none; Linux 5.13 was the first"},
		{-1, unix.EOPNOTSUPP, "this kernel has it switched off (lsm= of its command line)"},
		{-1, unix.EPERM, "the service's sandbox refuses it (SystemCallFilter= of its unit)"},
		{0, nil, "this kernel has none; Linux 5.13 was the first"},
	} {
		err := landlocked(func() (int, error) { return row.version, row.err }, nil, nil)
		if err == nil || err.Error() != row.want {
			t.Errorf("landlocked by version %d, %v: got %v, want %s", row.version, row.err, err, row.want)
		}
	}
}

// A system's daemon says loudly that Landlock is off, and why, in its log and its
// status; a user's says nothing of it.
func TestLandlockIsLoudlyOff(t *testing.T) {
	needsRoot(t, "be a system's daemon")
	for name, row := range map[string]struct{ add, want string }{
		"a rule for executables": {"[apps.tool]\nprofiles = [\"company1-hr-upload\"]\nmatch = {user = \"root\", exe = \"/bin/true\"}\n",
			`landlock: off: a rule looks at executables, which it would hide: app "tool"`},
		"a command": {"[sources.op]\ntype = \"process\"\ncommand = [\"/bin/true\"]\n", `landlock: off: commands would inherit it: source "op"`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t)
			s.append(row.add)
			_, log := s.serve()
			if got := log.String(); !strings.Contains(got, strings.ReplaceAll(row.want, `"`, `\"`)) ||
				!strings.Contains(got, "without it, what takes vendord over can read every file that its user may") {
				t.Errorf("log: got %s, want %s", got, row.want)
			}
			if got := s.works(owner, "status"); !strings.Contains(got, row.want) {
				t.Errorf("status: got %s, want %s", got, row.want)
			}
		})
	}
}

// A daemon that has closed itself off goes on to do all that it has to.
func TestSystemDaemonBehindLandlock(t *testing.T) {
	needsRoot(t, "be a system's daemon")
	needsLandlock(t)
	s := newSystem(t)
	daemon, log := s.serve()
	if got := s.works(owner, "status"); strings.Contains(got, "landlock") {
		t.Fatalf("status: got %s, want nothing of Landlock", got)
	}
	t.Run("reload by SIGHUP", func(t *testing.T) {
		s.append("# more\n")
		must(t, daemon.Process.Signal(syscall.SIGHUP))
		s.until("reload", func() bool { return strings.Contains(log.String(), "reload: done") }, log)
	})
	t.Run("a token is issued, and kept", func(t *testing.T) { s.works(owner, "token", "issue", "agent", "--user", "#54321", "--json") })
	t.Run("debug", func(t *testing.T) { s.works(owner, "debug", "goroutine", "--text") })
	t.Run("files that it does not know", func(t *testing.T) {
		other := t.TempDir()
		must(t, os.WriteFile(filepath.Join(other, "aws"), []byte("[profile x]\nregion = eu-west-1\n"), 0o644))
		for add, want := range map[string]string{
			"[sources.more]\nconfig_file = \"" + other + "/aws\"\nprofile = \"x\"\n": other + "/aws: vendord has closed itself off from it",
			"[sources.op]\ntype = \"process\"\ncommand = [\"/bin/true\"]\n":          `landlock: commands would inherit it: source "op"`,
		} {
			before := s.text()
			s.append(add)
			out, err := s.command(owner, "reload").CombinedOutput()
			if err == nil || !strings.Contains(string(out), want) ||
				!strings.Contains(string(out), "restart vendord: at its start it closes itself off from all files that vendord.toml does not lead to then (Landlock)") {
				t.Errorf("reload: got %s, %v, want %s", out, err, want)
			}
			s.works(owner, "status") // the old one stays in force
			must(t, os.WriteFile(s.toml, before, 0o600))
		}
		s.works(owner, "reload")
	})
}

// system is a machine with a daemon of its own.
type system struct {
	*users
	toml string
}

func newSystem(t *testing.T) *system {
	t.Helper()
	s := &system{users: newUsers(t)}
	s.configure(owner, "")
	s.toml = filepath.Join(s.dir, "etc", "vendord.toml")
	must(t, os.Mkdir(filepath.Join(s.dir, "log"), 0o750))
	return s
}

func (s *system) serve() (*exec.Cmd, *safeBuffer) {
	s.t.Helper()
	return s.start(owner, "serve", "--system", "--state-dir", filepath.Join(s.dir, "state"), "--config", s.toml, "--audit-log", filepath.Join(s.dir, "log", "audit"))
}

func (s *system) text() []byte {
	s.t.Helper()
	text, err := os.ReadFile(s.toml)
	must(s.t, err)
	return text
}

func (s *system) append(text string) {
	s.t.Helper()
	f, err := os.OpenFile(s.toml, os.O_APPEND|os.O_WRONLY, 0)
	must(s.t, err)
	_, err = io.WriteString(f, "\n"+text)
	must(s.t, errors.Join(err, f.Close()))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
