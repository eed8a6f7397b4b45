// Package audit keeps the record of what was handed out and what was refused:
// one line of JSON for each decision that the server records, in a file that is
// renamed where it gets too large (Rotation), in systemd's journal, or in both; the
// latest refusals in memory, for whoever asks why a program got nothing; and counts,
// for metrics. It reads the record too.
//
// Vending goes before recording, unless a Log is Required. Lines gather in a
// bounded buffer that Run writes; when it is full, Record waits 50 ms for the
// writer, once, and then lines are dropped, counted, and the count is written in
// their place. Ids are given out in the order of the lines, so a gap that no such
// line explains means that somebody took lines away.
//
// With Required, Record of what is to be vended returns when the kernel has taken
// its line (write, not fsync: a crash of vendord loses nothing of it, one of the
// machine may), and fails where it did not.
//
// No secret can be in an Event: tokens are named by their id, credentials by
// their access key id. What a stranger can put into one (a path, a User-Agent)
// is cut, and escaped so that it neither breaks a line nor reaches the terminal
// of whoever reads the file.
package audit

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Config says where a Log writes.
type Config struct {
	// Out gets the lines, each Write a whole number of them unless it fails
	// half way; nil for a Log that only remembers refusals.
	Out io.Writer
	// Also gets the same lines, as far as it keeps up: nothing waits for it. It
	// takes whole lines or fails. Nil for nobody; it needs Out.
	Also io.Writer
	// Required makes Record fail where Out did not take the line of something
	// that is to be vended.
	Required bool
	// Ring is how many refusals are remembered for each app; 0 means 50.
	Ring int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log hears of a writer that fails or cannot keep up; nil for nobody.
	Log *slog.Logger
}

// Log records events. Its methods may be called at the same time.
type Log struct {
	out      io.Writer
	also     *also // nil for none
	required bool
	now      func() time.Time
	log      *slog.Logger

	some chan struct{} // a line waits
	much chan struct{} // flushSize bytes wait

	mu      sync.Mutex // guards what follows
	id      uint64
	head    head          // of lines
	waiting []byte        // lines that no Flush has taken
	lost    int           // lines dropped since the last Flush took some
	ever    uint64        // lines lost since the start
	stuck   bool          // a Record waited for room in vain, and no Flush came since
	room    chan struct{} // closed when a Flush takes what waits; nil if nobody cares
	fate    *fate         // of what waits; nil if nobody waits for it
	failing failing       // why the latest write failed
	trouble error         // what was wrong with the latest, although it was written

	writing sync.Mutex // held while writing; guards what follows; taken before mu
	left    []byte     // taken, and not written yet because a Write failed
	spare   []byte     // the buffer that is not waiting
	refused int        // required: lines that Out did not take, and of which no line tells
	midline bool       // required: Out took a part of a line

	refusals ring
	tallies  tallies
}

// failing is why a writer fails, and since when; zero if it does not.
type failing struct {
	err   error
	since time.Time
}

// State is how a record is doing.
type State struct {
	// Lines and Lost count the lines since the start: those that were recorded,
	// or wait for it, and those that never will be.
	Lines, Lost uint64
	// Failing is why the latest write failed, or nil; Since is when that began.
	Failing error
	Since   time.Time
	// Trouble is what is wrong although the lines are written, such as a file that
	// cannot be renamed, or nil.
	Trouble error
	// AlsoLost and AlsoFailing are the same of Config.Also.
	AlsoLost    uint64
	AlsoFailing error
}

// New returns a Log. Its lines are written while Run runs, or by Flush.
func New(c Config) *Log {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Ring <= 0 {
		c.Ring = 50
	}
	l := &Log{
		out: c.Out, required: c.Required && c.Out != nil, now: c.Now, log: c.Log,
		some: make(chan struct{}, 1), much: make(chan struct{}, 1),
		refusals: ring{size: c.Ring},
	}
	if c.Also != nil && c.Out != nil {
		l.also = newAlso(c.Also, c.Log)
	}
	return l
}

// Record gives e the next id and records it; memo is that of the connection, or
// nil. The caller's event can live on its stack. It fails only if the Log is
// Required and e is to be vended (its status is 200): then with a *session.Error
// of class Retry, and nothing may be vended.
func (l *Log) Record(e *Event, memo *Memo) error {
	if e.Time.IsZero() {
		e.Time = l.now()
	}
	var space [800]byte // on the stack, and more than most lines have
	rest, kept := memo.of(e)
	if !kept {
		if l.out != nil {
			rest = appendRest(space[:0], e) // what takes long, before others have to wait
		}
		kept = memo.keep(e, rest)
	}
	first, place := l.append(e, rest)
	if first {
		l.log.Warn("audit log: the writer cannot keep up, lines are lost; the log will say how many")
	}
	if e.Status != 200 {
		l.refusals.add(*e)
	} else if l.required {
		if err := l.await(place); err != nil {
			return err
		}
	}
	l.tallies.count(e, memo, kept)
	return nil
}

// Required reports whether Record waits until what is vended is written.
func (l *Log) Required() bool { return l.required }

// Refusals returns the refusals that are remembered of an app, or of all and
// of strangers if app is "", newest first.
func (l *Log) Refusals(app string) []Event { return l.refusals.of(app) }

// Last returns the latest request of an app, without its number.
func (l *Log) Last(app string) (Event, bool) { return l.tallies.last(app) }

// State returns how the record is doing.
func (l *Log) State() State {
	l.mu.Lock()
	s := State{Lines: l.id - l.ever, Lost: l.ever, Failing: l.failing.err, Since: l.failing.since, Trouble: l.trouble}
	l.mu.Unlock()
	if l.also != nil {
		s.AlsoLost, s.AlsoFailing = l.also.state()
	}
	return s
}

// Run writes what is recorded, 100 ms after it was or as soon as 64 KiB wait,
// and at once if it is Required, until ctx ends; then it writes the rest and
// returns that write's error.
func (l *Log) Run(ctx context.Context) error {
	if l.also != nil {
		stop := l.also.start()
		defer stop()
	}
	failing := false
	for {
		select {
		case <-ctx.Done():
			return l.Flush()
		case <-l.some:
		}
		if !l.required || failing {
			select {
			case <-ctx.Done():
				return l.Flush()
			case <-l.much:
			case <-time.After(flushEvery):
			}
		}
		err := l.Flush()
		switch {
		case err != nil && !failing && l.required:
			l.log.Error("audit log: cannot be written, nothing is vended until it can", "err", err)
		case err != nil && !failing:
			l.log.Error("audit log: cannot be written, vending goes on", "err", err)
		case err == nil && failing:
			l.log.Info("audit log: can be written again", "lost", l.State().Lost)
		}
		if failing = err != nil; failing {
			notify(l.some) // to try again in 100 ms, whether or not more comes
		}
	}
}
