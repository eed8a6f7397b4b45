// Package audit keeps the record of what was handed out and what was refused:
// one line of JSON for each decision that the server records, and the latest
// refusals in memory for whoever asks why a program got nothing.
//
// Vending goes before recording. Lines gather in a bounded buffer that Run
// writes; when it is full, Record waits 50 ms for the writer, once, and then
// lines are dropped, counted, and the count is written in their place. Ids are
// given out in the order of the lines, so a gap that no such line explains means
// that somebody took lines away.
//
// No secret can be in an Event: tokens are named by their id, credentials by
// their access key id. What a stranger can put into one (a path, a User-Agent)
// is cut, and escaped so that it neither breaks a line nor reaches the terminal
// of whoever reads the file.
//
// The package does not rotate files, but notices when somebody did.
package audit

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"sync"
	"time"
)

// Event is one decision: who asked, what for, what they got or why not. Its
// JSON form has the keys of a line.
type Event struct {
	// Time is when the request came in.
	Time time.Time `json:"time"`
	// ID is the request's number since the daemon started. Record sets it.
	ID uint64 `json:"id"`
	// Path is the path as it was asked for, cut to 200 bytes.
	Path string `json:"path,omitempty"`
	// App and User are who asked, How says how they were recognised, and
	// TokenID by which token. All are empty for a stranger.
	App  string `json:"app,omitempty"`
	How  string `json:"how,omitempty"`
	User string `json:"user,omitempty"`
	// UID is the number of the user whose connection it was, by the kernel's
	// word; empty where that is not known. It is User's, or the request is
	// refused.
	UID     json.Number `json:"uid,omitempty"`
	TokenID string      `json:"token,omitempty"`
	// PID and Exe are a process that held the connection, and Unit and Container
	// what its control group belongs to, as far as they are known. Nothing was
	// decided by PID and Exe unless How says so.
	PID       int    `json:"pid,omitempty"`
	Exe       string `json:"exe,omitempty"`
	Unit      string `json:"unit,omitempty"`
	Container string `json:"container,omitempty"`
	// From is the address of a caller without a UID.
	From string `json:"from,omitempty"`
	// Narrowed says that the token has session policies of its own, beyond
	// the profile's.
	Narrowed bool `json:"narrowed,omitempty"`
	// Profile is what they asked for, RoleARN and SessionName what it means
	// to AWS.
	Profile     string `json:"profile,omitempty"`
	RoleARN     string `json:"role,omitempty"`
	SessionName string `json:"session,omitempty"`
	// KeyID is the access key id handed out, by which CloudTrail knows what
	// was done with it; empty for a refusal. Expires is when it ends, and
	// Minted tells whether AWS was asked for it in this request.
	KeyID   string    `json:"key,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Minted  bool      `json:"minted"`
	// Status is the HTTP status; whatever is not 200 is a refusal. Code,
	// Message and Hint say why.
	Status  int    `json:"status"`
	Code    string `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Hint    string `json:"hint,omitempty"`
	// Near says for the owner, and never for the caller, which rule nearly let a
	// refused caller through, and what about the caller is different.
	Near string `json:"near,omitempty"`
	// Unrecorded is how many refusals of the same caller since the last one
	// here have no line of their own: there were too many.
	Unrecorded uint64 `json:"unrecorded,omitempty"`
	// Agent is the User-Agent, cut to 200 bytes. It proves nothing.
	Agent string `json:"agent,omitempty"`
}

// Config says where a Log writes.
type Config struct {
	// Out gets the lines, each Write a whole number of them unless it fails
	// half way; nil for a Log that only remembers refusals.
	Out io.Writer
	// Ring is how many refusals are remembered for each app; 0 means 50.
	Ring int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log hears of a writer that fails or cannot keep up; nil for nobody.
	Log *slog.Logger
}

// Log records events. Its methods may be called at the same time.
type Log struct {
	out io.Writer
	now func() time.Time
	log *slog.Logger

	some chan struct{} // a line waits
	much chan struct{} // flushSize bytes wait

	mu      sync.Mutex // guards what follows
	id      uint64
	head    head          // of lines
	waiting []byte        // lines that no Flush has taken
	lost    int           // lines dropped since the last Flush took some
	stuck   bool          // a Record waited for room in vain, and no Flush came since
	room    chan struct{} // closed when a Flush takes what waits; nil if nobody cares

	writing sync.Mutex // held while writing; guards what follows; taken before mu
	left    []byte     // taken, and not written yet because a Write failed
	spare   []byte     // the buffer that is not waiting

	refusals ring
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
	return &Log{
		out: c.Out, now: c.Now, log: c.Log,
		some: make(chan struct{}, 1), much: make(chan struct{}, 1),
		refusals: ring{size: c.Ring},
	}
}

// Record gives e the next id and records it; memo is that of the connection, or
// nil. The caller's event can live on its stack.
func (l *Log) Record(e *Event, memo *Memo) {
	if e.Time.IsZero() {
		e.Time = l.now()
	}
	first := l.append(e, memo)
	if e.Status != 200 {
		l.refusals.add(*e)
	}
	if first {
		l.log.Warn("audit log: the writer cannot keep up, lines are lost; the log will say how many")
	}
}

// Refusals returns the refusals that are remembered of an app, or of all and
// of strangers if app is "", newest first.
func (l *Log) Refusals(app string) []Event { return l.refusals.of(app) }

// Run writes what is recorded, 100 ms after it was or as soon as 64 KiB wait,
// until ctx ends; then it writes the rest and returns that write's error.
func (l *Log) Run(ctx context.Context) error {
	failing := false
	for {
		select {
		case <-ctx.Done():
			return l.Flush()
		case <-l.some:
		}
		select {
		case <-ctx.Done():
			return l.Flush()
		case <-l.much:
		case <-time.After(flushEvery):
		}
		err := l.Flush()
		switch {
		case err != nil && !failing:
			l.log.Error("audit log: cannot be written, vending goes on", "err", err)
		case err == nil && failing:
			l.log.Info("audit log: can be written again")
		}
		if failing = err != nil; failing {
			notify(l.some) // to try again in 100 ms, whether or not more comes
		}
	}
}
