//go:build unix

package install_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/vendord/vendord/install"
)

// hostile is an executable that says that it ran, in a directory that everybody may
// write to.
func hostile(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "bin")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho Version=999-hostile\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

// needRoot skips a test without root, but not where it would go unnoticed.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("CI must run this as root")
		}
		t.Skip("what root does takes root to try")
	}
}

// Who becomes root by su may keep a user's PATH: root runs nothing of theirs.
func TestPathOfSomebodyElse(t *testing.T) {
	needRoot(t)
	t.Setenv("PATH", hostile(t, "systemctl"))
	s := install.Systemd{System: true, Root: t.TempDir()}
	if err := os.MkdirAll(s.Root+"/run/systemd/system", 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := s.State(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "systemctl, to which PATH leads: ") || !strings.Contains(err.Error(), ": everybody may write it (owner root, mode 0777)") {
		t.Errorf("State: got %v, want it refused to run what everybody may write", err)
	}
	t.Setenv("PATH", hostile(t, "rc-service"))
	m := install.NewOpenRC(install.Host{System: true, Root: t.TempDir()})
	if err := m.Restart(t.Context()); err == nil || strings.Contains(err.Error(), "hostile") {
		t.Errorf("Restart: got %v, want an error without having run it", err)
	}
}

// No variable of whoever became root gets as far as root's commands: systemctl would
// ask another bus by them, and journalctl start another pager.
func TestEnvironmentOfSomebodyElse(t *testing.T) {
	for _, name := range []string{"SYSTEMCTL_FORCE_BUS", "DBUS_SYSTEM_BUS_ADDRESS", "SYSTEMD_PAGER", "SYSTEMD_EDITOR", "PAGER", "LESSOPEN", "LD_PRELOAD", "BASH_ENV", "PERL5OPT", "XDG_CONFIG_HOME"} {
		if name != "LD_PRELOAD" { // which would be this test's as well
			t.Setenv(name, "hostile")
		}
	}
	var out strings.Builder
	if err := install.MachineCommand(t.Context(), &out, io.Discard, "env"); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "hostile") || !strings.Contains(out.String(), "\nSYSTEMD_PAGER=\n") {
		t.Errorf("a command of root's: got %s, want nothing of whoever started it", out.String())
	}
}

// By sudo, with the HOME of who typed it, root's files would go where their links lead.
func TestPlacesOfSomebodyElse(t *testing.T) {
	needRoot(t)
	root := t.TempDir()
	s := install.Systemd{Units: root + "/.config/systemd/user", Runtime: root + "/run", Config: root + "/.config/vendord/vendord.toml"}
	for _, dir := range []string{s.Units, s.Runtime} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chown(root+"/.config", 4711, -1); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func() error{
		"Check":     func() error { _, err := s.Check(t.Context(), install.Plan{}); return err },
		"Uninstall": func() error { _, err := s.Uninstall(t.Context(), true); return err },
		"Restart":   func() error { return s.Restart(t.Context()) },
	} {
		if err := do(); err == nil || !strings.Contains(err.Error(), "service of root: "+root+"/.config: belongs to 4711 (mode 0700), not to root") {
			t.Errorf("%s: got %v, want it refused", name, err)
		}
	}
}

// What root started to install is installed, not what has its name by the time that
// it is copied.
func TestCopyOfWhatRuns(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("no other system opens the program that runs")
	}
	if os.Getenv("INSTALL_COPIES_ITSELF") != "" {
		copiesItself(t)
		return
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "vendord")
	text, err := os.ReadFile(self)
	if err == nil {
		err = os.WriteFile(program, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.run=^TestCopyOfWhatRuns$")
	cmd.Env = append(os.Environ(), "INSTALL_COPIES_ITSELF=yes")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("installed by a program that is exchanged meanwhile: %v\n%s", err, out)
	}
}

func copiesItself(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f, s := newFake(t)
	plan := f.plan("new", "127.0.0.1:9797")
	plan.Copy = self
	f.must(os.Remove(self))
	f.must(os.WriteFile(self, []byte("hostile"), 0o755))
	f.must(s.Install(t.Context(), plan))
	if got := f.read("/usr/local/bin/vendord"); !strings.HasSuffix(got, " bytes") {
		t.Errorf("installed: got %q, want the program that runs", got)
	}
}

// A daemon that was taken over puts links into its directories, and waits for root to
// remove them: nothing that they lead to is touched.
func TestPurgeFollowsNoLink(t *testing.T) {
	f, s := installed(t)
	f.write("/etc/shadow", "root")
	f.write("/home/jane/file", "hers")
	for link, to := range map[string]string{"/var/lib/private/vendord/etc": "/etc", "/var/log/vendord/shadow": "/etc/shadow", "/var/log/vendord/up": "../../../home"} {
		f.must(os.MkdirAll(filepath.Dir(f.root+link), 0o755))
		if filepath.IsAbs(to) {
			to = f.root + to
		}
		f.must(os.Symlink(to, f.root+link))
	}
	f.must(os.Symlink("private/vendord", f.root+"/var/lib/vendord"))
	if _, err := s.Uninstall(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/etc/shadow": "root", "/home/jane/file": "hers"} {
		if got := f.read(path); got != want {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	for _, dir := range s.Data {
		if _, err := os.Lstat(f.root + dir); err == nil {
			t.Errorf("%s: got it left, want it gone", dir)
		}
	}
}

// What a dry run prints is for somebody's shell, as root.
func TestRenderedCommandsAreQuoted(t *testing.T) {
	_, s := newFake(t)
	_, commands, err := s.Render(install.Plan{Service: system(install.Needs{}), Copy: "/home/jane/$(id); x/vendord"})
	if want := "install -m 755 '/home/jane/$(id); x/vendord' /usr/local/bin/vendord"; err != nil || commands[0] != want {
		t.Errorf("Render: got %q, %v, want %s first", commands, err, want)
	}
}
