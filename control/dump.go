package control

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"slices"
	"strconv"
	"time"

	"github.com/vendord/vendord/session"
)

// Dump is a look into the running daemon, in the form of go tool pprof, or of
// go tool trace.
//
// What it shows is the program's own: functions, lines, counts and times. It
// has no contents of memory, and so no secret. That is why the stacks as a
// crash prints them are not to be had: they show the arguments of every call,
// strings by their addresses but arrays and numbers, such as the state of a
// hash, as they are.
type Dump struct {
	// Name is one of Dumps.
	Name string `json:"name"`
	// Seconds is how long to look, 1 to 60, for cpu and trace; else 0.
	Seconds int `json:"seconds,omitempty"`
	// Text asks for goroutine as lines to read.
	Text bool `json:"text,omitempty"`
}

// Dumps are the names of what can be dumped, those that take seconds last. The
// profiles of locks are not among them: they would be empty, since to keep them
// costs every request something.
var Dumps = []string{"goroutine", "heap", "allocs", "cpu", "trace"}

// The bounds of a dump.
const (
	maxSeconds = 60
	maxDump    = 64 << 20 // bytes, after which a trace ends early
)

// Timed reports whether a dump takes seconds.
func (q Dump) Timed() bool { return q.Name == "cpu" || q.Name == "trace" }

func (q Dump) check() error {
	switch timed := q.Timed(); {
	case !slices.Contains(Dumps, q.Name):
		return invalid(fmt.Sprintf("dump %q: not known", q.Name), "there are goroutine, heap, allocs, cpu and trace")
	case timed && (q.Seconds < 1 || q.Seconds > maxSeconds):
		return invalid(fmt.Sprintf("dump %s: %d seconds are not between 1 and %d", q.Name, q.Seconds, maxSeconds), "such as 10")
	case !timed && q.Seconds != 0:
		return invalid("dump "+q.Name+": takes no time", "leave the seconds out; cpu and trace have them")
	case q.Text && q.Name != "goroutine":
		return invalid("dump "+q.Name+": not to be had as text", "go tool pprof shows it; trace is for go tool trace")
	}
	return nil
}

// dump answers with a dump. It is sent as it comes, since a trace is long.
func (s *Server) dump(r request) error {
	q, err := parse[Dump](r.body)
	if err == nil {
		err = q.check()
	}
	if err != nil {
		return err
	}
	if q.Timed() {
		if !s.dumping.TryLock() {
			return busy("another one is being taken")
		}
		defer s.dumping.Unlock()
	}
	s.log(r, "dump", "name", q.Name, "seconds", q.Seconds)
	out := &dumpWriter{w: r.w, full: make(chan struct{})}
	switch q.Name {
	case "cpu":
		return during(r.ctx, q, out, pprof.StartCPUProfile, pprof.StopCPUProfile)
	case "trace":
		return during(r.ctx, q, out, trace.Start, trace.Stop)
	case "heap":
		runtime.GC() // it is as of the last collection, which in a quiet daemon is minutes old
	}
	debug := 0
	if q.Text {
		debug = 1 // 2 would show arguments; see Dump
	}
	return pprof.Lookup(q.Name).WriteTo(out, debug)
}

// during lets a profile run for the time that was asked for, or until the
// client goes away or there is no room for more.
func during(ctx context.Context, q Dump, out *dumpWriter, start func(io.Writer) error, stop func()) error {
	if err := start(out); err != nil {
		return busy(err.Error())
	}
	ctx, left := ofClient(ctx)
	defer left()
	end := time.NewTimer(time.Duration(q.Seconds) * time.Second)
	defer end.Stop()
	select {
	case <-end.C:
	case <-out.full:
	case <-ctx.Done():
	}
	stop()
	return nil
}

// busy refuses a second CPU profile or trace: there is one of each in a
// process, and two would measure each other.
func busy(why string) error {
	return &session.Error{Class: session.Retry, Public: "dump: " + why, Hint: "try again when it is done, within a minute"}
}

// dumpWriter is the body of the answer. A client that does not read loses it:
// the runtime would keep in memory what it has of a trace.
type dumpWriter struct {
	w       http.ResponseWriter
	written int
	full    chan struct{} // closed when it is enough, or nobody reads it
	failed  error
}

func (d *dumpWriter) Write(b []byte) (int, error) {
	if d.failed != nil {
		return 0, d.failed
	}
	if d.written == 0 {
		h := d.w.Header()
		h.Set(versionHeader, strconv.Itoa(Version))
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Cache-Control", "no-store")
	}
	_ = http.NewResponseController(d.w).SetWriteDeadline(time.Now().Add(writeTimeout))
	n, err := d.w.Write(b)
	enough := d.written <= maxDump && d.written+n > maxDump
	if d.written, d.failed = d.written+n, err; enough || err != nil && d.written <= maxDump {
		close(d.full)
	}
	return n, err
}

// Dump has the daemon write a dump, which takes as long as it says and as ctx
// allows.
func (c *Client) Dump(ctx context.Context, q Dump, w io.Writer) error {
	ctx, done := context.WithTimeout(ctx, time.Duration(q.Seconds)*time.Second+answerTimeout)
	defer done()
	body, err := c.send(ctx, http.MethodPost, "/dump", q)
	if err != nil {
		return explain(ctx, c.path, err)
	}
	defer func() { _ = body.Close() }()
	from := &keptError{Reader: io.LimitReader(body, 2*maxDump)} // a trace has an end to be sent when it is enough
	_, err = io.Copy(w, from)
	if from.err != nil {
		return explain(ctx, c.path, from.err)
	}
	return err
}

// keptError tells what could not be read from what could not be written.
type keptError struct {
	io.Reader
	err error
}

func (k *keptError) Read(b []byte) (int, error) {
	n, err := k.Reader.Read(b)
	if err != io.EOF {
		k.err = err
	}
	return n, err
}
