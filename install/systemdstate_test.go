package install_test

import (
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/install"
)

// What systemd shows of a unit, and what that means.
func TestState(t *testing.T) {
	const loaded = "LoadState=loaded\nNRestarts=0\nResult=success\n"
	tests := []struct {
		name, shows string
		phase       install.Phase
		exit        string
	}{
		{"no such unit", "LoadState=not-found\nActiveState=inactive", install.Absent, ""},
		{"stopped", loaded + "ActiveState=inactive", install.Stopped, ""},
		{"it starts", loaded + "ActiveState=activating\nSubState=start", install.Starting, ""},
		{"it runs", loaded + "ActiveState=active", install.Running, ""},
		{"it reloads", loaded + "ActiveState=reloading", install.Running, ""},
		{"it ends", loaded + "ActiveState=deactivating", install.Stopping, ""},
		{"it waits for its next start", "LoadState=loaded\nNRestarts=3\nResult=exit-code\nExecMainStatus=1\nActiveState=activating\nSubState=auto-restart",
			install.Crashing, "exit status 1"},
		{"it starts once more", "LoadState=loaded\nNRestarts=3\nResult=signal\nExecMainStatus=9\nActiveState=activating\nSubState=start",
			install.Crashing, "killed by a signal: killed"},
		{"it starts once more, and systemd does not know how it ended", "LoadState=loaded\nNRestarts=3\nResult=success\nActiveState=activating\nSubState=start",
			install.Crashing, ""},
		{"too many starts", "LoadState=loaded\nNRestarts=10\nResult=start-limit-hit\nActiveState=failed", install.Failed,
			"it ended too often: systemd tries no more"},
		{"it hung", "LoadState=loaded\nNRestarts=0\nResult=watchdog\nActiveState=failed", install.Failed, "killed by systemd: it gave no sign of life"},
		{"it took too long", "LoadState=loaded\nNRestarts=0\nResult=timeout\nActiveState=failed", install.Failed, "killed by systemd: it took too long"},
		{"it was too large", "LoadState=loaded\nNRestarts=0\nResult=oom-kill\nActiveState=failed", install.Failed, "killed by the kernel: out of memory"},
		{"it said nothing", "LoadState=loaded\nNRestarts=0\nResult=protocol\nActiveState=failed", install.Failed, "it ended before it was ready"},
		{"what is not known here", "LoadState=loaded\nNRestarts=0\nResult=resources\nActiveState=failed", install.Failed, "resources"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, s := newFake(t)
			s.Run = answers("Id=vendord.service\n" + test.shows + "\n\nId=vendord.socket\nLoadState=not-found\n")
			got, err := s.State(t.Context())
			if err != nil || got.Phase != test.phase || got.Exit != test.exit {
				t.Errorf("State: got %q, %q, %v, want %q, %q", got.Phase, got.Exit, err, test.phase, test.exit)
			}
		})
	}
}

// answers is a Runner of a systemctl that shows this.
func answers(shows string) install.Runner {
	return func(_ context.Context, out, _ io.Writer, _ string, args ...string) error {
		if slices.Contains(args, "--property=Version") {
			shows := "Version=252\n"
			_, err := io.WriteString(out, shows)
			return err
		}
		_, err := io.WriteString(out, shows)
		return err
	}
}

// All that is known of a service that runs.
func TestStateOfInstalled(t *testing.T) {
	f, s := installed(t)
	f.write("/etc/systemd/system/vendord.service.d/mine.conf", "")
	got, err := s.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got.PID == 0 || got.ByHand || !got.Enabled || got.Binary != "/usr/local/bin/vendord" ||
		!slices.Equal(got.Listen, []string{"127.0.0.1:9797", "/run/vendord/control.sock"}) ||
		!slices.Equal(got.Files, []string{"/etc/systemd/system/vendord.service", "/etc/systemd/system/vendord.socket"}) ||
		!slices.Equal(got.Foreign, []string{"/etc/systemd/system/vendord.service.d/mine.conf"}) {
		t.Errorf("State: got %+v", got)
	}
	s.Run = answers("Id=vendord.service\nLoadState=loaded\nActiveState=active\nNeedDaemonReload=yes\n" +
		"StateChangeTimestamp=Sun 2026-11-22 15:11:01 UTC\n\nId=vendord.socket\nLoadState=not-found\n")
	if got, err = s.State(t.Context()); err != nil || !got.Stale || !got.Since.Equal(time.Date(2026, 11, 22, 15, 11, 1, 0, time.UTC)) {
		t.Errorf("State: got stale %v, since %v, %v", got.Stale, got.Since, err)
	}
	f.write("/etc/systemd/system/vendord.service", "[Service]\nExecStart=/bin/true\n")
	if got, err = s.State(t.Context()); err != nil || !got.ByHand {
		t.Errorf("State of somebody else's unit: got %+v, %v, want it to be said", got, err)
	}
}

// Another unit of that name, such as a package's, is not hidden behind ours.
func TestCheckElsewhere(t *testing.T) {
	f, s := newFake(t)
	s.Run = answers("Id=vendord.service\nLoadState=loaded\nFragmentPath=/usr/lib/systemd/system/vendord.service\n\nId=vendord.socket\n")
	_, err := s.Check(t.Context(), f.plan("new", "127.0.0.1:9797"))
	if want := "/usr/lib/systemd/system/vendord.service: there is such a unit already"; err == nil || err.Error() != want {
		t.Errorf("Check: got %v, want %s", err, want)
	}
}

// A user's systemd that cannot be reached is explained, as is the system's.
func TestNoBus(t *testing.T) {
	for system, want := range map[bool]string{true: "systemd: does not answer: ", false: "your systemd: cannot be reached from here: "} {
		_, s := newFake(t)
		s.System = system
		s.Run = func(_ context.Context, _, stderr io.Writer, _ string, args ...string) error {
			if slices.Contains(args, "--user") == system {
				t.Errorf("asked with %q", args)
			}
			_, _ = io.WriteString(stderr, "Failed to connect to bus: No medium found\n")
			return io.ErrUnexpectedEOF
		}
		if _, err := s.State(t.Context()); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("State: got %v, want %s…", err, want)
		}
	}
}

// Who starts a service that fails each time waits for the start under way, and is
// shown what that said, before they asked too.
func TestStartInALoopHasItsLog(t *testing.T) {
	f, s := installed(t)
	f.failAt = len(f.steps) + 1
	inner, since := s.Run, ""
	s.Run = func(ctx context.Context, out, errs io.Writer, name string, args ...string) error {
		if name == "journalctl" && len(args) > 1 {
			since = args[len(args)-1]
		}
		if args[0] != "show" || !slices.Contains(args, "vendord.socket") {
			return inner(ctx, out, errs, name, args...)
		}
		return answers("Id=vendord.service\nLoadState=loaded\nNRestarts=3\nActiveState=activating\nSubState=start\n"+
			"StateChangeTimestamp=Thu 2026-01-01 00:00:00 UTC\n\nId=vendord.socket\nLoadState=loaded\nActiveState=active\n")(ctx, out, errs, name, args...)
	}
	if err := s.Start(t.Context()); err == nil || since != "--since=@1767225600" {
		t.Errorf("Start: got %v and a log %q, want the log since the start under way began", err, since)
	}
}
