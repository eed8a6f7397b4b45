package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/vendord/vendord/systemd"
)

// Priorities of the journal (syslog(3)).
const (
	journalError   = 3
	journalWarning = 4
	journalInfo    = 6
	journalDebug   = 7
)

// toJournal reports whether what the program prints to stderr goes to the journal.
func (p *program) toJournal() bool {
	file, ok := p.stderr.(*os.File)
	return ok && systemd.Journal(p.environ, file)
}

// journal writes a log for the journal, which keeps the time itself and the priority
// by itself if the line begins with it: "<4>" (sd-daemon(3)). A handler of slog writes
// a line into it, and the line is written at once, so that none is split.
type journal struct {
	slog.Handler // writes to line
	to           *journalLines
}

type journalLines struct {
	mu   sync.Mutex // guards line, and keeps lines whole
	out  io.Writer
	line bytes.Buffer
}

// newJournal makes a log of what a handler writes.
func newJournal(out io.Writer, handler func(io.Writer) slog.Handler) journal {
	to := &journalLines{out: out}
	return journal{handler(&to.line), to}
}

// Handle writes one line.
func (j journal) Handle(ctx context.Context, r slog.Record) error {
	r.Time = time.Time{}
	j.to.mu.Lock()
	defer j.to.mu.Unlock()
	j.to.line.Reset()
	fmt.Fprintf(&j.to.line, "<%d>", priority(r.Level))
	if err := j.Handler.Handle(ctx, r); err != nil {
		return err
	}
	_, err := j.to.out.Write(j.to.line.Bytes())
	return err
}

// WithAttrs keeps the priority in front.
func (j journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return journal{j.Handler.WithAttrs(attrs), j.to}
}

// WithGroup is the same for a group.
func (j journal) WithGroup(name string) slog.Handler { return journal{j.Handler.WithGroup(name), j.to} }

func priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return journalError
	case l >= slog.LevelWarn:
		return journalWarning
	case l >= slog.LevelInfo:
		return journalInfo
	}
	return journalDebug
}

// journalErrors is stderr for words that are no log: why the daemon did not start, as
// a person would read it. Each line is an error of its own to the journal.
type journalErrors struct{ out io.Writer }

// Write writes whole lines, each with its priority.
func (w journalErrors) Write(text []byte) (int, error) {
	var b bytes.Buffer
	for line := range bytes.Lines(text) {
		fmt.Fprintf(&b, "<%d>%s", journalError, line)
	}
	if _, err := w.out.Write(b.Bytes()); err != nil {
		return 0, err
	}
	return len(text), nil
}
