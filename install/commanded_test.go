//go:build unix

package install_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/install"
)

// launchctl stands in for macOS': it does what its manual says, of one service. What
// a real one does has not been seen yet.
type launchctl struct {
	loaded, broken bool // broken: what is started ends at once
	calls          []string
}

func (l *launchctl) run(ctx context.Context, stdout, _ io.Writer, name string, args ...string) error {
	line := name + " " + strings.Join(args, " ")
	if args[0] != "print" {
		l.calls = append(l.calls, line)
	}
	switch {
	case name != "launchctl":
		return errors.New(line + ": not a command of launchd's")
	case args[0] == "bootstrap":
		l.loaded = true
	case args[0] == "bootout":
		l.loaded = false
	case args[0] == "print" && !l.loaded:
		return exec.CommandContext(ctx, "sh", "-c", "exit 113").Run() // Could not find service
	case args[0] == "print" && l.broken:
		fmt.Fprint(stdout, "com.github.vendord = {\n\tstate = spawn scheduled\n\tlast exit code = 1\n}\n")
	case args[0] == "print":
		fmt.Fprint(stdout, "com.github.vendord = {\n\tstate = running\n\tpid = 4242\n\tsub = {\n\t\tstate = active\n\t}\n\tlast exit code = (never exited)\n}\n")
	}
	return nil
}

// agent is a user's service on a Mac, with its plan, below a directory of the test's.
func agent(t *testing.T, l *launchctl) (install.Manager, install.Plan, string) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "Users/ann/Library/LaunchAgents"), 0o755); err != nil {
		t.Fatal(err)
	}
	m := install.NewLaunchd(install.Host{UID: 501, Home: "/Users/ann", Config: "/Users/ann/.config/vendord/vendord.toml", Root: root, Run: l.run})
	plan := install.Plan{
		Service: install.Service{Binary: "/Users/ann/bin/vendord", User: "ann", Home: "/Users/ann"},
		First:   install.File{Path: "/Users/ann/.config/vendord/vendord.toml", Mode: 0o600, Text: "# first\n"},
		Wrote:   install.Sum("# first\n"),
		Ready: func(_ context.Context, pid int) error {
			if pid != 4242 {
				return fmt.Errorf("ready: asked of pid %d", pid)
			}
			return nil
		},
	}
	return m, plan, root
}

const agentFile = "/Users/ann/Library/LaunchAgents/com.github.vendord.plist"

func TestLaunchdInstall(t *testing.T) {
	l := &launchctl{}
	m, plan, root := agent(t, l)
	if err := m.Install(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	want := []string{"launchctl enable gui/501/com.github.vendord", "launchctl bootstrap gui/501 " + agentFile}
	if !slices.Equal(l.calls, want) {
		t.Errorf("install: got the calls %q, want %q", l.calls, want)
	}
	st, err := m.State(t.Context())
	if err != nil || st.Phase != install.Running || st.PID != 4242 || st.Binary != plan.Service.Binary || !st.Enabled {
		t.Errorf("state: got %+v and %v, want it running", st, err)
	}
	text, err := os.ReadFile(filepath.Join(root, agentFile))
	if err != nil {
		t.Fatal(err)
	}
	readPlists(t, []string{string(text)}) // with what is noted in it, too

	l.calls = nil // an upgrade: launchd reads a file only once
	if err := m.Install(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	want = []string{"launchctl bootout gui/501/com.github.vendord", "launchctl bootstrap gui/501 " + agentFile}
	if !slices.Equal(l.calls, want) {
		t.Errorf("upgrade: got the calls %q, want %q", l.calls, want)
	}
	r, err := m.Uninstall(t.Context(), true)
	if want := []string{agentFile, plan.First.Path}; err != nil || !slices.Equal(r.Gone, want) || l.loaded {
		t.Errorf("uninstall --purge: got %q and %v, want %q", r.Gone, err, want)
	}
}

// TestLaunchdPutsBack: what was there runs again, and what was not is gone.
func TestLaunchdPutsBack(t *testing.T) {
	l := &launchctl{}
	m, plan, root := agent(t, l)
	plan.Ready = func(context.Context, int) error { return errors.New("never ready") }
	soon, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	plan.Ready = func(context.Context, int) error { cancel(errors.New("interrupted")); return errors.New("not ready") }
	if err := m.Install(soon, plan); err == nil || l.loaded {
		t.Errorf("install of what is never ready: got %v, loaded %t", err, l.loaded)
	}
	var left []string
	_ = filepath.WalkDir(root, func(path string, d os.DirEntry, _ error) error {
		if !d.IsDir() {
			left = append(left, path)
		}
		return nil
	})
	if len(left) != 0 {
		t.Errorf("after an install that failed: got %q, want nothing", left)
	}
}

// TestCommandedRefuses has what people are told before anything is changed.
func TestCommandedRefuses(t *testing.T) {
	l := &launchctl{}
	_, plan, _ := agent(t, l)
	t.Run("a file of somebody else's", func(t *testing.T) {
		m, _, root := agent(t, l)
		write(t, filepath.Join(root, agentFile), "<plist/>")
		_, err := m.Check(t.Context(), plan)
		saysAll(t, err, agentFile+": not written by vendord, and not overwritten")
		_, err = m.Uninstall(t.Context(), false)
		saysAll(t, err, agentFile+": not written by vendord, and not removed")
	})
	t.Run("not installed", func(t *testing.T) {
		m, _, _ := agent(t, l)
		saysAll(t, errors.Join(m.Start(t.Context()), m.Stop(t.Context()), m.Restart(t.Context())), "service: not installed")
		if r, err := m.Uninstall(t.Context(), true); err != nil || len(r.Gone)+len(r.Kept) != 0 {
			t.Errorf("uninstall: got %+v and %v, want nothing to do", r, err)
		}
	})
	t.Run("logs of a time", func(t *testing.T) {
		m, _, _ := agent(t, l)
		saysAll(t, m.Logs(t.Context(), install.Logs{Since: "today"}), `logs since "today": under launchd the log is a file, /Users/ann/Library/Logs/vendord.log, which has no index of times`)
		saysAll(t, m.Logs(t.Context(), install.Logs{}), "/Users/ann/Library/Logs/vendord.log: ")
	})
	t.Run("not root", func(t *testing.T) {
		for _, m := range []install.Manager{install.NewOpenRC(install.Host{System: true, UID: 1000}), install.NewSysV(install.Host{System: true, UID: 1000})} {
			remarks, err := m.Check(t.Context(), install.Plan{Service: asService(install.Needs{})})
			saysAll(t, err, "system service: only root can install it")
			if want := m.Name() + ": holds no sockets for vendord: programs are refused while it is down, in an upgrade too"; !slices.Contains(remarks, want) {
				t.Errorf("remarks: got %q, want %q", remarks, want)
			}
		}
	})
	t.Run("no user", func(t *testing.T) {
		m := install.NewLaunchd(install.Host{System: true, Root: t.TempDir(), Run: l.run})
		_, err := m.Check(t.Context(), install.Plan{Service: asService(install.Needs{})})
		saysAll(t, err, "user _vendord: does not exist, and vendord is to run as it")
	})
	t.Run("no such program", func(t *testing.T) {
		t.Setenv("PATH", t.TempDir())
		m := install.NewOpenRC(install.Host{System: true})
		_, err := m.Check(t.Context(), install.Plan{Service: asService(install.Needs{})})
		saysAll(t, err, "rc-service: no such program in PATH, which steers OpenRC")
	})
}

func saysAll(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want an error with %q", err, want)
	}
}
