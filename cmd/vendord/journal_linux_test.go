package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// toJournal makes the daemon's stderr a file that it takes for the journal's.
func (m *managed) toJournal() {
	m.t.Helper()
	f, err := os.Create(filepath.Join(m.dir, "journal"))
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = f.Close() })
	info, err := f.Stat()
	if err != nil {
		m.t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	m.stderr, m.environ = f, []string{fmt.Sprintf("JOURNAL_STREAM=%d:%d", stat.Dev, stat.Ino)}
}

func (m *managed) journal() string {
	m.t.Helper()
	text, err := os.ReadFile(m.stderr.Name())
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

// The journal keeps the time, and a line's priority is in front of it.
func TestTheLogInTheJournal(t *testing.T) {
	for format, line := range map[string]string{"text": `^<[3-7]>level=[A-Z]+ msg=`, "json": `^<[3-7]>{"level":`} {
		t.Run(format, func(t *testing.T) {
			m := newManaged(t)
			m.toJournal()
			m.stop(m.start("--log-format", format, "--log-level", "debug"))
			form := regexp.MustCompile(line)
			lines := strings.Split(strings.TrimSpace(m.journal()), "\n")
			if len(lines) < 2 {
				t.Fatalf("the journal got %q, want lines", lines)
			}
			for _, l := range lines {
				if !form.MatchString(l) || strings.Contains(l, "time=") {
					t.Errorf("the journal got %q, want it like %q, without a time", l, line)
				}
				if format == "json" && !json.Valid([]byte(l[3:])) {
					t.Errorf("the journal got %q, want JSON", l)
				}
			}
		})
	}
}

// Why the daemon does not start is an error to the journal as well, line by line.
func TestAFailedStartInTheJournal(t *testing.T) {
	m := newManaged(t)
	m.toJournal()
	m.relisten("127.0.0.1:1")
	err := m.command().Run()
	want := "<3>vendord: daemon.listen: 127.0.0.1:1 is not among the sockets that the service manager holds for vendord\n" +
		"<3>hint: write the units anew: vendord service install --user\n"
	if err == nil || !strings.HasSuffix(m.journal(), want) {
		t.Errorf("serve: got %v and %q, want it to end with %q", err, m.journal(), want)
	}
}

func TestPriorities(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newJournal(&out, func(w io.Writer) slog.Handler {
		return slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug})
	}))
	log.Debug("a")
	log.With("app", "x").Info("b")
	log.WithGroup("g").Warn("c\nd", "k", 1)
	log.Error("e")
	want := "<7>level=DEBUG msg=a\n<6>level=INFO msg=b app=x\n<4>level=WARN msg=\"c\\nd\" g.k=1\n<3>level=ERROR msg=e\n"
	if out.String() != want {
		t.Errorf("the journal got %q, want %q", out.String(), want)
	}
}
