package main

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// openSurroundings are those of a service that nothing stands in the way of.
func openSurroundings() surroundings {
	yes := func(string) bool { return true }
	return surroundings{bound: yes, has: yes, codeMapped: func() bool { return true },
		readOnly: func(string) bool { return false }, hidden: func(string) string { return "" }}
}

func TestHindrances(t *testing.T) {
	no := func(string) bool { return false }
	const all = "[apps.build]\nprofiles = [\"p\"]\nmatch = {user = \"root\", exe = \"/bin/true\"}\n[sources.op]\ntype = \"process\"\ncommand = [\"/bin/true\"]\n" +
		"[audit]\nfile = \"/srv/audit/a\"\n"
	for name, row := range map[string]struct {
		add  string
		with func(*surroundings)
		want []string
	}{
		"nothing is needed": {"", func(s *surroundings) { s.bound, s.has = no, no; s.codeMapped = func() bool { return false } }, nil},
		"all is given":      {all, func(*surroundings) {}, nil},
		"no capabilities": {all, func(s *surroundings) { s.bound, s.has = no, no }, []string{
			`app "build": exe rules need to look into other users' processes: CapabilityBoundingSet= of vendord.service leaves CAP_SYS_PTRACE out`,
			`app "build": exe rules need to look into other users' processes: CapabilityBoundingSet= of vendord.service leaves CAP_DAC_READ_SEARCH out`}},
		"one that is not ambient": {all, func(s *surroundings) { s.has = func(c string) bool { return c == "CAP_SYS_PTRACE" } }, []string{
			`app "build": exe rules need to look into other users' processes: AmbientCapabilities= of vendord.service leaves CAP_DAC_READ_SEARCH out`}},
		"no code is mapped": {all, func(s *surroundings) { s.codeMapped = func() bool { return false } }, []string{
			`source "op": a command of Node, Java or Python compiles as it runs: MemoryDenyWriteExecute= of vendord.service forbids it`}},
		"a record that cannot be written": {all, func(s *surroundings) { s.readOnly = func(d string) bool { return d == "/srv/audit" } }, []string{
			"audit.file: /srv/audit is read-only for vendord: ReadWritePaths= of vendord.service leaves it out"}},
		"a command at home": {"[sources.op]\ntype = \"process\"\ncommand = [\"/home/ann/op\"]\n", func(s *surroundings) {
			s.hidden = func(p string) string { return underneath(p, []string{"/home"}) }
		}, []string{"/home/ann/op: vendord sees nothing of /home: ProtectHome= of vendord.service hides it"}},
		"a credential": {"[sources.a]\nconfig_file = \"credential:gone\"", func(*surroundings) {}, []string{
			"credential:gone: was not handed over: LoadCredential= of vendord.service leaves it out"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := openSurroundings()
			row.with(&s)
			if got := s.hindrances(neederOf(t, row.add, true)); !slices.Equal(got, row.want) {
				t.Errorf("hindrances: got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(row.want, "\n"))
			}
		})
	}
}

// What a command says that was refused or ended.
func TestHinderedCommands(t *testing.T) {
	s := openSurroundings()
	s.hidden = func(p string) string { return underneath(p, []string{"/home", "/root"}) }
	badCall := exec.CommandContext(t.Context(), "/bin/sh", "-c", "kill -SYS $$").Run()
	failed := exec.CommandContext(t.Context(), "/bin/false").Run()
	for name, row := range map[string]struct {
		command string
		err     error
		want    string
	}{
		"a system call": {"/usr/bin/op", badCall, "the sandbox of vendord.service ended it for a system call (SystemCallFilter=): a drop-in can allow it: systemctl edit vendord.service"},
		"at home": {"/home/ann/op", &os.PathError{Op: "stat", Err: syscall.ENOENT},
			"ProtectHome= of vendord.service hides /home: have the command where the system's programs are, such as /usr/local/bin"},
		"not to be run": {"/usr/bin/op", &os.PathError{Op: "exec", Err: syscall.EACCES},
			"vendord's user, or the sandbox of vendord.service, may not run it: a program has to be everybody's to read and run"},
		"refused by a filter": {"/usr/bin/op", &os.PathError{Op: "exec", Err: syscall.EPERM},
			"vendord's user, or the sandbox of vendord.service, may not run it: a program has to be everybody's to read and run"},
		"its own fault": {"/usr/bin/op", failed, ""},
		"not there":     {"/usr/bin/op", &os.PathError{Op: "stat", Err: syscall.ENOENT}, ""},
	} {
		if got := s.hindered(row.command, row.err); got != row.want {
			t.Errorf("%s: got %q, want %q", name, got, row.want)
		}
	}
}

func TestBlame(t *testing.T) {
	s := openSurroundings()
	s.hidden = func(p string) string { return underneath(p, []string{"/home"}) }
	readOnly := &os.PathError{Op: "open", Path: "/srv/audit/a", Err: syscall.EROFS}
	for want, err := range map[string]error{
		"audit.file: read-only for vendord: ReadWritePaths= of vendord.service leaves its directory out": readOnly,
		"/home/ann/helper: vendord sees nothing of /home: ProtectHome= of vendord.service hides it":      errors.New("vendord.toml:28: sources.a.command[0]: /home/ann/helper: permission denied"),
	} {
		if got := s.blame(err); !strings.Contains(got.Error(), want) || !errors.Is(got, err) {
			t.Errorf("blame for %v: got %v, want %s", err, got, want)
		}
	}
	if got := s.blame(os.ErrNotExist); got != os.ErrNotExist {
		t.Errorf("another error: got %v, want it as it was", got)
	}
	if got := (daemonOptions{}).blamed(readOnly); got != error(readOnly) {
		t.Errorf("where no manager is: got %v, want it as it was", got)
	}
}

// The facts, as the kernel of this machine tells them.
func TestOwnSandbox(t *testing.T) {
	const status = "Name:\tx\nCapEff:\t0000000000080000\nCapBnd:\t0000000000080004\n"
	for _, row := range []struct {
		set, capability string
		want            bool
	}{{"CapEff:", "CAP_SYS_PTRACE", true}, {"CapEff:", "CAP_DAC_READ_SEARCH", false}, {"CapBnd:", "CAP_DAC_READ_SEARCH", true}, {"CapAmb:", "CAP_SYS_PTRACE", false}} {
		if got := hasCapability(status, row.set, row.capability); got != row.want {
			t.Errorf("%s %s: got %v, want %v", row.set, row.capability, got, row.want)
		}
	}
	const mounts = "22 1 0:21 / / rw - overlay overlay rw\n30 22 0:25 /systemd/inaccessible/dir /home ro,nosuid - tmpfs tmpfs rw\n" +
		"31 22 0:26 / /root ro - tmpfs tmpfs ro\n32 22 0:27 / /run/user rw - ext4 /dev/x rw\n33 22 0:27 / /srv rw - tmpfs tmpfs rw\nshort\n"
	if got := hiddenPlaces(mounts); !slices.Equal(got, []string{"/home", "/root"}) {
		t.Errorf("hidden: got %q", got)
	}
	if isReadOnly(t.TempDir()) || isReadOnly("/nowhere") {
		t.Error("a directory that can be written, or is not there, is called read-only")
	}
}

// A process that may not map what it runs says so, before and after.
func TestMapsCode(t *testing.T) {
	if os.Getenv(closed) == "mdwe" {
		before := mapsCode()
		if err := unix.Prctl(unix.PR_SET_MDWE, unix.PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0); err != nil {
			t.Skipf("prctl(PR_SET_MDWE): %v", err) // Linux 6.3; the parent tells
		}
		if !before || mapsCode() {
			t.Errorf("mapping code: got %v before and %v after it was forbidden", before, mapsCode())
		}
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestMapsCode$", "-test.v")
	cmd.Env = append(os.Environ(), closed+"=mdwe")
	out, err := cmd.CombinedOutput()
	if skipped := strings.Contains(string(out), "--- SKIP"); err != nil || skipped && os.Getenv("CI") != "" {
		t.Errorf("mapping code: %v: %s", err, out)
	}
}
