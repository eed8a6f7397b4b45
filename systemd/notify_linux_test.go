package systemd_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/systemd"
	"github.com/vendord/vendord/systemd/systemdtest"
)

func open(t *testing.T, environ ...string) *systemd.Manager {
	t.Helper()
	m, err := systemd.Open(environ)
	if err != nil {
		t.Fatalf("Open: got %v, want a manager", err)
	}
	return m
}

func TestWhatTheManagerIsTold(t *testing.T) {
	for _, abstract := range []bool{false, true} {
		t.Run(fmt.Sprintf("abstract socket: %t", abstract), func(t *testing.T) {
			manager := systemdtest.New(t, abstract)
			m := open(t, "NOTIFY_SOCKET="+manager.Address())
			for _, err := range []error{m.Ready("3 sessions"), m.Status("3 sessions"), m.Status("2 sessions"),
				m.Alive(), m.Reloading(), m.Ready("2 sessions"), m.Stopping()} {
				if err != nil {
					t.Fatalf("telling: %v", err)
				}
			}
			manager.Await(t, "STOPPING=1", 0)
			heard := manager.Heard()
			if !strings.HasPrefix(heard[3], "RELOADING=1\nMONOTONIC_USEC=") || strings.HasSuffix(heard[3], "=0") {
				t.Errorf("Reloading: got %q, want it with the time", heard[3])
			}
			heard[3] = ""
			want := []string{"READY=1\nSTATUS=3 sessions", "STATUS=2 sessions", "WATCHDOG=1", "", "READY=1\nSTATUS=2 sessions", "STOPPING=1"}
			if !slices.Equal(heard, want) {
				t.Errorf("the manager heard %q, want %q", heard, want)
			}
		})
	}
}

// What stands in a status may come from anywhere.
func TestAStatusIsOneLine(t *testing.T) {
	for name, row := range map[string]struct{ line, want string }{
		"a line that says something else": {"1 session\nSTOPPING=1", "STATUS=1 session"},
		"not UTF-8":                       {"a\xffb", "STATUS=a?b"},
		"too long, cut in a letter":       {strings.Repeat("a", 999) + "éé", "STATUS=" + strings.Repeat("a", 999)},
		"empty at last":                   {"", "STATUS="},
	} {
		t.Run(name, func(t *testing.T) {
			manager := systemdtest.New(t, false)
			m := open(t, "NOTIFY_SOCKET="+manager.Address())
			_ = m.Status("before")
			if err := m.Status(row.line); err != nil {
				t.Fatal(err)
			}
			if got := manager.Await(t, row.want, 1); got != row.want {
				t.Errorf("Status(%q): got %q, want %q", row.line, got, row.want)
			}
		})
	}
}

func TestAManagerThatIsGoneIsAnError(t *testing.T) {
	m := open(t, "NOTIFY_SOCKET="+t.TempDir()+"/gone")
	want := "notifying the service manager: no such file or directory"
	for range 2 { // a status that was not heard is new the next time
		if err := m.Status("x"); err == nil || err.Error() != want {
			t.Errorf("Status: got %v, want %q", err, want)
		}
	}
	if err := m.Forget("sessions"); err == nil || err.Error() != want {
		t.Errorf("Forget: got %v, want %q", err, want)
	}
}

// A nil manager is none, and is asked all the same.
func TestWithoutAManager(t *testing.T) {
	m := open(t, "PATH=/bin", "LISTEN_FDS=1")
	if m != nil {
		t.Fatalf("Open: got %v, want none", m)
	}
	for _, err := range []error{m.Ready(""), m.Reloading(), m.Stopping(), m.Status("x"), m.Alive(), m.Store("x", nil), m.Forget("x")} {
		if err != nil {
			t.Errorf("telling nobody: got %v, want nothing", err)
		}
	}
	if m.Sockets() != nil || m.Watchdog() != 0 || m.Stored("x") != nil || m.Stores() {
		t.Error("no manager: it has something")
	}
}

func TestWatchdog(t *testing.T) {
	own := fmt.Sprint(os.Getpid())
	for name, row := range map[string]struct {
		environ []string
		want    time.Duration
		err     string
	}{
		"for all":              {[]string{"WATCHDOG_USEC=3000000"}, 3 * time.Second, ""},
		"for this process":     {[]string{"WATCHDOG_USEC=3000000", "WATCHDOG_PID=" + own}, 3 * time.Second, ""},
		"for another process":  {[]string{"WATCHDOG_USEC=3000000", "WATCHDOG_PID=1"}, 0, ""},
		"none":                 {nil, 0, ""},
		"no time":              {[]string{"WATCHDOG_USEC=0"}, 0, `WATCHDOG_USEC="0": not a time in microseconds`},
		"a time that runs out": {[]string{"WATCHDOG_USEC=18446744073709551615"}, 0, `WATCHDOG_USEC="18446744073709551615": not a time in microseconds`},
		"no process":           {[]string{"WATCHDOG_USEC=1", "WATCHDOG_PID=-1"}, 0, `WATCHDOG_PID="-1": not the number of a process`},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := systemd.Open(row.environ)
			if message(err) != row.err || m.Watchdog() != row.want {
				t.Errorf("Open: got %s, %q, want %s, %q", m.Watchdog(), message(err), row.want, row.err)
			}
		})
	}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestJournal(t *testing.T) {
	stderr, err := os.Create(t.TempDir() + "/stream")
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	stream := streamOf(t, stderr)
	for name, row := range map[string]struct {
		value string
		want  bool
	}{"this file": {stream, true}, "another": {"1:2", false}, "none": {"", false}} {
		if got := systemd.Journal([]string{"JOURNAL_STREAM=" + row.value}, stderr); got != row.want {
			t.Errorf("Journal, %s: got %t, want %t", name, got, row.want)
		}
	}
	if systemd.Journal([]string{"JOURNAL_STREAM="}, nil) {
		t.Error("Journal of no file: got true")
	}
}
