package install_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/install"
)

// plan installs a program that is only a text: nothing here runs it.
func (f *fakeSystemd) plan(program, listen string) install.Plan {
	f.t.Helper()
	from := filepath.Join(f.t.TempDir(), "vendord")
	f.must(os.WriteFile(from, []byte(program), 0o700))
	service := system(install.Needs{})
	service.Needs.Listen = at(listen)
	if a := service.Needs.Listen[0].Addr(); !a.IsLoopback() {
		service.Needs.Link = addresses(a.String())
	}
	return install.Plan{Service: service, Copy: from}
}

// withFirst is a plan that also writes a first configuration.
func withFirst(plan install.Plan) install.Plan {
	plan.First = install.File{Path: "/etc/vendord/vendord.toml", Mode: 0o644, Text: "# first\n"}
	plan.Wrote = install.Sum(plan.First.Text)
	return plan
}

// installed is a fake on which an older vendord is installed: the program that runs
// the tests, since what is no vendord is not overwritten.
func installed(t *testing.T) (*fakeSystemd, install.Systemd) {
	t.Helper()
	return installedAt(t, "127.0.0.1:9797")
}

// withAddresses is one whose service makes an address.
func withAddresses(t *testing.T) (*fakeSystemd, install.Systemd) {
	t.Helper()
	return installedAt(t, "169.254.170.2:80")
}

func installedAt(t *testing.T, listen string) (*fakeSystemd, install.Systemd) {
	t.Helper()
	f, s := newFake(t)
	self, err := os.Executable()
	f.must(err)
	f.must(s.Install(t.Context(), withFirst(f.plan("old", listen))))
	f.must(os.Remove(f.root + "/usr/local/bin/vendord"))
	f.must(os.Symlink(self, f.root+"/usr/local/bin/vendord"))
	f.must(f.start("vendord.service", true))
	f.steps = nil
	return f, s
}

func TestInstall(t *testing.T) {
	f, s := newFake(t)
	plan := withFirst(f.plan("new", "127.0.0.1:9797"))
	asked := 0
	plan.Ready = func(_ context.Context, pid int) error { asked = pid; return nil }
	if err := s.Install(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	want := []string{"daemon-reload", "enable vendord.service vendord.socket", "stop vendord.service", "start vendord.socket", "start vendord.service"}
	if !slices.Equal(f.steps, want) {
		t.Errorf("steps:\n got %q\nwant %q", f.steps, want)
	}
	if asked != f.invoked["vendord.service"] || asked == 0 {
		t.Errorf("Ready: asked of process %d, want %d", asked, f.invoked["vendord.service"])
	}
	for path, mode := range map[string]os.FileMode{"/usr/local/bin/vendord": 0o755, "/etc/systemd/system/vendord.service": 0o644,
		"/etc/systemd/system/vendord.socket": 0o644, "/etc/vendord/vendord.toml": 0o644} {
		if info, err := os.Stat(f.root + path); err != nil || info.Mode() != mode {
			t.Errorf("%s: got %v, %v, want mode %v", path, info, err, mode)
		}
	}
	facts := install.Facts{Copied: true, Program: "/usr/local/bin/vendord", First: plan.Wrote}
	if got := s.Facts(); got != facts {
		t.Errorf("Facts: got %+v, want %+v", got, facts)
	}
	f.tidy()
}

// tidy is an error where an install left what is only for its own time.
func (f *fakeSystemd) tidy() {
	f.t.Helper()
	for path := range f.machine() {
		if strings.Contains(path, "/.") || strings.Contains(path, "lock") {
			f.t.Errorf("%s: left behind", path)
		}
	}
}

// An upgrade opens the sockets anew only where they are others.
func TestUpgrade(t *testing.T) {
	for listen, want := range map[string][]string{
		"127.0.0.1:9797": {"restart vendord.service"},
		"127.0.0.1:9798": {"restart vendord.socket", "start vendord.service"},
	} {
		t.Run(listen, func(t *testing.T) {
			f, s := installed(t)
			if err := s.Install(t.Context(), f.plan("new", listen)); err != nil {
				t.Fatal(err)
			}
			want = append([]string{"daemon-reload", "enable vendord.service vendord.socket"}, want...)
			if !slices.Equal(f.steps, want) {
				t.Errorf("steps:\n got %q\nwant %q", f.steps, want)
			}
			if !strings.HasSuffix(f.active["vendord.service"], "new") {
				t.Error("the old program runs on")
			}
			f.tidy()
		})
	}
}

// An upgrade takes no address away that programs use; one that is not configured any
// more goes, and the unit that made it.
func TestUpgradeOfAddresses(t *testing.T) {
	const start, up, socket = "start vendord-net.service", "reload vendord-net.service", "restart vendord.socket"
	for name, row := range map[string]struct {
		machine func(*testing.T) (*fakeSystemd, install.Systemd)
		listen  string
		before  []string
		want    []string
		there   bool
	}{
		"the same":      {withAddresses, "169.254.170.2:80", nil, []string{start, up, "restart vendord.service"}, true},
		"another port":  {withAddresses, "169.254.170.2:8080", nil, []string{start, up, socket, "start vendord.service"}, true},
		"the first one": {installed, "169.254.170.2:80", nil, []string{start, up, socket, "start vendord.service"}, true},
		"none any more": {withAddresses, "127.0.0.1:9797", []string{"stop vendord.service vendord.socket vendord-net.service"}, []string{socket, "start vendord.service"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f, s := row.machine(t)
			if err := s.Install(t.Context(), f.plan("new", row.listen)); err != nil {
				t.Fatal(err)
			}
			want := slices.Concat(row.before, []string{"daemon-reload", "enable vendord.service vendord.socket"}, row.want)
			if !slices.Equal(f.steps, want) {
				t.Errorf("steps:\n got %q\nwant %q", f.steps, want)
			}
			_, runs := f.active["vendord-net.service"]
			_, file := f.machine()["/etc/systemd/system/vendord-net.service"]
			if runs != row.there || file != row.there {
				t.Errorf("vendord-net.service: got it active %v, its file %v, want %v", runs, file, row.there)
			}
			f.tidy()
		})
	}
}

// machines are those that an install may meet.
var machines = map[string]func(*testing.T) (*fakeSystemd, install.Systemd){"nothing": newFake, "an older one": installed, "one with addresses": withAddresses}

// What fails is put back as it was, whichever step it is, before it did its work or
// after, on a new machine and on one that runs an older vendord.
func TestInstallFails(t *testing.T) {
	for before, machine := range machines {
		for _, listen := range []string{"127.0.0.1:9797", "127.0.0.1:9798", "169.254.170.2:80"} {
			for _, halfway := range []bool{false, true} {
				for step := 1; ; step++ {
					f, s := machine(t)
					f.failAt, f.halfway = step, halfway
					was := f.machine()
					err := s.Install(t.Context(), withFirst(f.plan("new", listen)))
					if err == nil {
						if step < 4 {
							t.Errorf("%s: only %d steps failed", before, step)
						}
						break
					}
					name := fmt.Sprintf("%s, %s, step %d, halfway %v", before, listen, step, halfway)
					if !strings.Contains(err.Error(), "this step fails") {
						t.Errorf("%s: got error %v, want the step's", name, err)
					}
					for _, d := range differences(was, f.machine()) {
						t.Errorf("%s: %s", name, d)
					}
				}
			}
		}
	}
}

// So is what was interrupted, by an error that says so.
func TestInstallInterrupted(t *testing.T) {
	f, s := installed(t)
	reached := 0
	for step := 1; step <= 4; step++ {
		ctx, cancel := context.WithCancelCause(t.Context())
		pressed := errors.New("ctrl-C")
		f.steps = nil
		f.at = map[int]func(){step: func() { cancel(pressed); reached++ }}
		f.failAt = step
		was := f.machine()
		if err := s.Install(ctx, f.plan("new", "127.0.0.1:9798")); !errors.Is(err, pressed) {
			t.Errorf("step %d: got %v, want %v", step, err, pressed)
		}
		for _, d := range differences(was, f.machine()) {
			t.Errorf("step %d: %s", step, d)
		}
	}
	if reached != 4 {
		t.Errorf("got to %d steps, want 4", reached)
	}
}

// A file that cannot be written is as good as a step that fails.
func TestInstallCannotWrite(t *testing.T) {
	for path, want := range map[string]string{
		"/etc/vendord":                              "/etc/vendord/vendord.toml: keeping what is there: ", // a file where the directory should be
		"/usr/local/bin/.vendord.new/x":             "/usr/local/bin/vendord: directory not empty",
		"/etc/systemd/system/.vendord.socket.new/x": "/etc/systemd/system/vendord.socket: directory not empty",
	} {
		for before, machine := range machines {
			if before != "nothing" && path == "/etc/vendord" {
				continue // there it is a directory
			}
			t.Run(before+path, func(t *testing.T) {
				f, s := machine(t)
				f.write(path, "in the way")
				was := f.machine()
				err := s.Install(t.Context(), withFirst(f.plan("new", "127.0.0.1:9797")))
				if err == nil || !strings.HasPrefix(err.Error(), want) {
					t.Errorf("Install: got %v, want %s…", err, want)
				}
				for _, d := range differences(was, f.machine()) {
					t.Error(d)
				}
			})
		}
	}
}

// A daemon that does not come up is said with the last lines of its log.
func TestInstallNotStarted(t *testing.T) {
	tests := map[string]struct {
		program string
		ready   error
		want    string
	}{
		"it ends":            {"broken", nil, "systemctl restart vendord.service: Job for vendord.service failed."},
		"it does not answer": {"new", errors.New("does not answer"), "does not answer"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f, s := installed(t)
			f.journal = "vendord: a line\nvendord: another\n"
			was := f.machine()
			plan := f.plan(test.program, "127.0.0.1:9797")
			plan.Ready = func(context.Context, int) error { return test.ready }
			err := s.Install(t.Context(), plan)
			failed, ok := errors.AsType[*install.NotStarted](err)
			if !ok || failed.Error() != test.want || !slices.Equal(failed.Log, []string{"vendord: a line", "vendord: another"}) {
				t.Errorf("Install: got %v, want %s, with the log", err, test.want)
			}
			for _, d := range differences(was, f.machine()) {
				t.Error(d)
			}
		})
	}
}

// systemd's own word on a unit counts, with what an administrator added to it.
func TestInstallNotLoaded(t *testing.T) {
	f, s := newFake(t)
	f.at[1] = func() { f.write("/etc/systemd/system/vendord.socket", "Listen=bad") }
	err := s.Install(t.Context(), f.plan("new", "127.0.0.1:9797"))
	want := "vendord.socket: systemd does not take it (bad-setting): Unit vendord.socket has a bad unit file setting."
	if err == nil || err.Error() != want {
		t.Errorf("Install: got %v, want %s", err, want)
	}
}

// What cannot be put back is said.
func TestInstallNotBack(t *testing.T) {
	f, s := newFake(t)
	f.failAt = 2
	f.at[2] = func() { f.must(os.Remove(f.root + "/usr/local/bin/vendord")); f.write("/usr/local/bin/vendord/x", "") }
	err := s.Install(t.Context(), f.plan("new", "127.0.0.1:9797"))
	notBack, ok := errors.AsType[*install.NotBack](err)
	if want := "not everything could be put back as it was: "; !ok || !strings.HasPrefix(notBack.Error(), want) {
		t.Errorf("Install: got %v, want %s…", err, want)
	}
}

// A configuration whose address is nobody's any more leaves no socket behind.
func TestInstallWithoutSocket(t *testing.T) {
	for step := 1; ; step++ {
		f, s := installed(t)
		f.failAt = step
		was := f.machine()
		plan := f.plan("new", "127.0.0.1:9797")
		plan.Service = own(install.Needs{})
		plan.Service.Binary = "/usr/local/bin/vendord"
		if err := s.Install(t.Context(), plan); err != nil {
			for _, d := range differences(was, f.machine()) {
				t.Errorf("step %d: %s", step, d)
			}
			continue
		}
		if _, there := f.machine()["/etc/systemd/system/vendord.socket"]; there || f.enabled["vendord.socket"] {
			t.Error("the socket unit is still there")
		}
		return
	}
}

// The other way round: systemd opens no socket while the service runs without it.
func TestInstallAddsSocket(t *testing.T) {
	f, s := newFake(t)
	plan := f.plan("old", "127.0.0.1:9797")
	plan.Service = own(install.Needs{})
	plan.Service.Binary, plan.Copy = "/usr/local/bin/vendord", ""
	f.write("/usr/local/bin/vendord", "old")
	f.must(s.Install(t.Context(), plan))
	plan.Service.Needs.Listen = at("127.0.0.1:9797")
	if err := s.Install(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if f.active["vendord.socket"] == "" || f.active["vendord.service"] == "" {
		t.Errorf("what runs: got %v, want both", f.active)
	}
}

func TestTwoInstalls(t *testing.T) {
	f, s := newFake(t)
	var second error
	f.at[1] = func() { second = s.Install(t.Context(), f.plan("second", "127.0.0.1:9797")) }
	if err := s.Install(t.Context(), f.plan("first", "127.0.0.1:9797")); err != nil {
		t.Fatal(err)
	}
	if want := "another install or uninstall of vendord is at work"; second == nil || second.Error() != want {
		t.Errorf("the second: got %v, want %s", second, want)
	}
	if got := f.read("/usr/local/bin/vendord"); got != "first" {
		t.Errorf("the program: got %q, want the first's", got)
	}
}
