package install_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/install"
)

// What stays and what goes.
func TestUninstall(t *testing.T) {
	units := []string{"/etc/systemd/system/vendord.service", "/etc/systemd/system/vendord.socket"}
	data := []string{"/var/lib/private/vendord", "/var/log/vendord"}
	const config = "/etc/vendord/vendord.toml"
	all := func(lists ...[]string) []string { return slices.Concat(lists...) }
	tests := map[string]struct {
		prepare    func(f *fakeSystemd)
		purge      bool
		gone, kept []string
	}{
		"as it was installed": {func(*fakeSystemd) {}, false, all(units, []string{"/usr/local/bin/vendord"}), all([]string{config}, data)},
		"with all that vendord made": {func(*fakeSystemd) {}, true,
			all(units, []string{"/usr/local/bin/vendord"}, data, []string{config}), nil},
		"but not a configuration that somebody wrote": {func(f *fakeSystemd) { f.write(config, "# mine") }, true,
			all(units, []string{"/usr/local/bin/vendord"}, data), []string{config}},
		"nor somebody's drop-in": {func(f *fakeSystemd) { f.write("/etc/systemd/system/vendord.socket.d/x.conf", "") }, true,
			all(units, []string{"/usr/local/bin/vendord"}, data, []string{config}), []string{"/etc/systemd/system/vendord.socket.d/x.conf"}},
		"nor what somebody's drop-in has run": {func(f *fakeSystemd) {
			f.runs = "/usr/bin/strace"
			f.write(f.runs, "")
		}, true, all(units, []string{"/usr/local/bin/vendord"}, data, []string{config}), nil},
		"nor a program that was there before": {func(f *fakeSystemd) {
			path := "/etc/systemd/system/vendord.service"
			f.write(path, strings.Replace(f.read(path), "Copied=yes", "Copied=no", 1))
		}, true, all(units, data, []string{config}), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f, s := installed(t)
			test.prepare(f)
			r, err := s.Uninstall(t.Context(), test.purge)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(r.Gone, test.gone) || !slices.Equal(r.Kept, test.kept) {
				t.Errorf("Uninstall:\n got %q, kept %q\nwant %q, kept %q", r.Gone, r.Kept, test.gone, test.kept)
			}
			for _, path := range r.Gone {
				if _, err := os.Lstat(f.root + path); err == nil {
					t.Errorf("%s: still there", path)
				}
			}
			if len(f.active)+len(f.enabled)+len(f.loaded) > 0 {
				t.Errorf("systemd still has %v, %v", f.active, f.enabled)
			}
			again, err := s.Uninstall(t.Context(), test.purge)
			if err != nil || len(again.Gone) > 0 {
				t.Errorf("a second one: got %v, %v, want nothing removed", again, err)
			}
		})
	}
}

// Nothing of what an install and an uninstall with purge made is left.
func TestUninstallLeavesNothing(t *testing.T) {
	for _, listen := range []string{"127.0.0.1:9797", "169.254.170.2:80"} {
		f, s := newFake(t)
		was := f.machine()
		if err := s.Install(t.Context(), withFirst(f.plan("new", listen))); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Uninstall(t.Context(), true); err != nil {
			t.Fatal(err)
		}
		for _, d := range differences(was, f.machine()) {
			t.Errorf("%s: %s", listen, d)
		}
	}
}

// A service that does not stop is not removed from under itself.
func TestUninstallCannotStop(t *testing.T) {
	f, s := installed(t)
	f.failAt = 1
	was := f.machine()
	_, err := s.Uninstall(t.Context(), true)
	if want := "systemctl stop vendord.service vendord.socket: this step fails"; err == nil || err.Error() != want {
		t.Errorf("Uninstall: got %v, want %s", err, want)
	}
	for _, d := range differences(was, f.machine()) {
		t.Error(d)
	}
}

// What is in the way of an install, all of it at once and before anything is changed.
func TestCheck(t *testing.T) {
	f, s := newFake(t)
	f.must(os.Remove(f.root + "/run/systemd/system"))
	f.write("/etc/systemd/system/vendord.service", "[Service]")
	f.must(os.Symlink("/dev/null", f.root+"/etc/systemd/system/vendord.socket"))
	f.write("/etc/systemd/system/vendord.service.d/mine.conf", "")
	f.write("/usr/local/bin/vendord", "#!/bin/sh")
	s.UID = 4711
	was := f.machine()
	remarks, err := s.Check(t.Context(), f.plan("new", "127.0.0.1:9797"))
	want := []string{
		"system service: only root can install it",
		"systemd: does not run here",
		"/etc/systemd/system/vendord.service: not written by vendord, and not overwritten",
		"/etc/systemd/system/vendord.socket: a link that somebody else made, or a masked unit",
		"/usr/local/bin/vendord: not a vendord, and not overwritten",
	}
	said := strings.Split(err.Error(), "\n")
	said = slices.DeleteFunc(said, func(line string) bool { return strings.HasPrefix(line, "program: ") }) // whose /tmp is
	if !slices.Equal(said, want) {
		t.Errorf("Check:\n got %q\nwant %q", said, want)
	}
	if want := []string{"/etc/systemd/system/vendord.service.d/mine.conf: stays, and changes what is installed"}; !slices.Equal(remarks, want) {
		t.Errorf("remarks: got %q, want %q", remarks, want)
	}
	if err := s.Install(t.Context(), f.plan("new", "127.0.0.1:9797")); err == nil {
		t.Error("Install: got no error")
	}
	if _, err := s.Uninstall(t.Context(), false); err == nil || !strings.Contains(err.Error(), "vendord.service: not written by vendord, and not removed") {
		t.Errorf("Uninstall: got %v, want it to leave what is not vendord's", err)
	}
	for _, d := range differences(was, f.machine()) {
		t.Error(d)
	}
}

// Where a system service's program may be.
func TestCheckProgram(t *testing.T) {
	for path, want := range map[string]string{
		"/home/ann/bin/vendord": "program /home/ann/bin/vendord: a system service does not run what is in /home/",
		"/tmp/vendord":          "program /tmp/vendord: a system service does not run what is in /tmp/",
		"/usr/bin/vendord":      "",
		"/srv/open/vendord":     "program: $ROOT/srv/open: everybody may write it (owner $ME, mode 0777)",
	} {
		t.Run(path, func(t *testing.T) {
			f, s := newFake(t)
			f.write(path, "")
			f.must(errors.Join(os.MkdirAll(f.root+"/srv/open", 0o755), os.Chmod(f.root+"/srv/open", 0o777)))
			plan := f.plan("new", "127.0.0.1:9797")
			plan.Copy, plan.Service.Binary = "", path
			_, err := s.Check(t.Context(), plan)
			got := ""
			if err != nil {
				got = strings.ReplaceAll(err.Error(), f.root, "$ROOT")
			}
			if owner, _, _ := strings.Cut(got, "(owner "); os.Getuid() != 0 && owner == "program: $ROOT/" {
				t.Skip("the files of a test are root's only where root tests")
			}
			if strings.ReplaceAll(got, "owner root", "owner $ME") != want {
				t.Errorf("Check: got %q, want %q", got, want)
			}
		})
	}
}

// What systemd may say, and what becomes of it.
func TestSystemdSays(t *testing.T) {
	f, s := newFake(t)
	f.version = "247.3-7"
	_, err := s.Check(t.Context(), f.plan("new", "127.0.0.1:9797"))
	if want := "systemd 247.3-7: older than 250, the first that knows what the units say"; err == nil || err.Error() != want {
		t.Errorf("Check: got %v, want %s", err, want)
	}
	for _, method := range []func() error{func() error { return s.Start(t.Context()) }, func() error { return s.Restart(t.Context()) }} {
		f.version = "252"
		if err := method(); err == nil || err.Error() != "system service: not installed" {
			t.Errorf("not installed: got %v", err)
		}
	}
	s.UID = 4711
	if err := s.Stop(t.Context()); err == nil || err.Error() != "system service: only root can stop it" {
		t.Errorf("Stop: got %v, want it to be root's", err)
	}
	s.Run = nil
	t.Setenv("PATH", "")
	if _, err := s.State(t.Context()); err == nil || err.Error() != "systemctl: no such program in PATH: is there a systemd?" {
		t.Errorf("State without systemctl: got %v", err)
	}
}

// Programs that are vendord's are told from others.
func TestVersion(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := install.Version(self); !ok {
		t.Error("Version of this program: got none")
	}
	if _, ok := install.Version("/bin/sh"); ok {
		t.Error("Version of /bin/sh: got one")
	}
}
