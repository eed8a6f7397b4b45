package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/peer"
)

// How long a connection may be in each phase. A request is one segment on
// loopback, so who needs longer for its header holds a place that another
// program wants.
const (
	headerTimeout = 2 * time.Second
	answerTimeout = 10 * time.Second
	idleTimeout   = 60 * time.Second
	// sweepEvery is how often overdue connections are looked for, and how
	// coarse the time is at which a phase begins.
	sweepEvery = 250 * time.Millisecond
)

// phase is what a connection is doing.
type phase int64

const (
	accepted  phase = iota // and nobody had the time to read from it yet
	reading                // a header: its first, or since a byte of the next came
	answering              // waiting for credentials, or writing
	idling                 // between two requests
	phases                 // how many there are
)

// phaseLimits has no mercy with clients that are slow, and all with those that
// have to wait for us: where a thousand ask at once, the last one's header lies
// there for a while before anybody reads it.
var phaseLimits = [phases]time.Duration{
	accepted: idleTimeout, reading: headerTimeout, answering: answerTimeout, idling: idleTimeout}

// nobody is the number under which callers who are not known, and users who have
// no token here, are counted together: one person can come as 65,536 of those, in
// a user namespace. It is no user's: the kernel reserves it as "none".
const nobody = math.MaxUint32

// listener knows who is at the other end of each connection and keeps their
// number and their time in bounds.
//
// It does in one sweep what net/http does with a timer for each connection and
// timeout, which is moved seven times a request, at up to 1.8 µs in all. And it
// knows which connections are quiet: where there is no room for one more, the
// user who has the most loses the one that has been quiet for longest. So who
// opens thousands loses their own, and a newcomer is let in at once.
type listener struct {
	net.Listener
	most int
	who  func(net.Conn) (peer.Socket, error)
	owns func(uid uint32) bool
	log  *slog.Logger

	told    time.Time // when the log last heard of a full house; Accept's alone
	started time.Time
	tick    atomic.Int64 // coarse time since started, in milliseconds

	mu    sync.Mutex // guards the rest; no request takes it
	open  map[*conn]struct{}
	users map[uint32]int // of open
	sweep *time.Timer    // nil while nothing is open
}

func newListener(ln net.Listener, most int, who func(net.Conn) (peer.Socket, error), owns func(uint32) bool, log *slog.Logger) *listener {
	return &listener{Listener: ln, most: most, who: who, owns: owns, log: log, started: time.Now(),
		open: make(map[*conn]struct{}), users: make(map[uint32]int)}
}

// Accept returns the next connection, and makes room for it if need be. One
// that finds none is closed: its client sees a reset and tries again, while
// waiting in the kernel's queue would look like a daemon that hangs.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		// All of ours are open. (ENFILE is all of the machine's, and to close
		// connections would not help for long.)
		if errors.Is(err, syscall.EMFILE) && l.evict(nobody) {
			l.tell("no more files can be opened")
			continue
		}
		if err != nil {
			return nil, err // net/http waits and goes on, if it can come right
		}
		own := &conn{Conn: c, of: l, uid: nobody}
		peer, err := l.who(c)
		if own.caller.Err = err; err == nil {
			own.caller.UID = peer.UID
			if l.owns(peer.UID) {
				own.uid = peer.UID
			}
			own.number = json.Number(strconv.FormatUint(uint64(peer.UID), 10))
		}
		if l.admit(own) {
			return own, nil
		}
		_ = c.Close()
	}
}

// admit counts a connection in, if there is room or can be made.
func (l *listener) admit(c *conn) bool {
	l.mu.Lock()
	full := len(l.open) >= l.most
	l.mu.Unlock()
	if full {
		l.tell("all places are taken")
		if !l.evict(c.uid) {
			return false
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tick.Store(time.Since(l.started).Milliseconds())
	c.enter(accepted)
	l.open[c] = struct{}{}
	l.users[c.uid]++
	if l.sweep == nil {
		l.sweep = time.AfterFunc(sweepEvery, l.closeOverdue)
	}
	return true
}

// tell says in the log, once a minute, that connections are closed for others.
func (l *listener) tell(why string) {
	if time.Since(l.told) < time.Minute {
		return
	}
	l.told = time.Now()
	l.log.Warn("server: "+why+", so that whoever has most connections loses the quiet ones", "places", l.most)
}

// evict closes the connection that is missed least, for one of the user uid: of
// the user who has most, the one that is quiet for longest, and if all of them
// have requests under way, the oldest of those. Only their own user has to wait
// instead.
func (l *listener) evict(uid uint32) bool {
	l.mu.Lock()
	var least *conn
	var worst [3]int64
	for c := range l.open {
		doing, since := c.now()
		quiet := int64(1)
		if doing == answering {
			quiet = 0
		}
		rank := [3]int64{int64(l.users[c.uid]), quiet, -since}
		if least == nil || slices.Compare(rank[:], worst[:]) > 0 {
			least, worst = c, rank
		}
	}
	l.mu.Unlock()
	if least == nil || worst[1] == 0 && least.uid == uid {
		return false
	}
	_ = least.Close()
	return true
}

// closeOverdue closes the connections that took too long, moves the tick, and
// comes again as long as there are any.
func (l *listener) closeOverdue() {
	tick := time.Since(l.started).Milliseconds()
	l.tick.Store(tick)
	var overdue []*conn
	l.mu.Lock()
	for c := range l.open {
		if doing, since := c.now(); tick-since >= phaseLimits[doing].Milliseconds() {
			overdue = append(overdue, c)
		}
	}
	if len(l.open) > 0 {
		l.sweep.Reset(sweepEvery)
	} else {
		l.sweep = nil
	}
	l.mu.Unlock()
	for _, c := range overdue {
		_ = c.Close()
	}
}

// changed follows net/http's own account of its connections.
func (l *listener) changed(c net.Conn, state http.ConnState) {
	own, ok := c.(*conn)
	if !ok {
		return
	}
	switch state {
	case http.StateActive: // the header is here
		own.enter(answering)
	case http.StateIdle:
		own.enter(idling)
	}
}

// conn is a connection whose user is known, or known to be unknown.
type conn struct {
	net.Conn
	of     *listener
	uid    uint32 // the caller's, or nobody
	caller apps.Caller
	number json.Number  // uid for the record, or empty
	memo   apps.Memo    // of its requests, which come one after the other
	line   audit.Memo   // the same
	state  atomic.Int64 // phases times the tick at which the phase began, plus the phase
	closed atomic.Bool
	// readBy and writeBy say whether a deadline is set. Only the goroutine
	// that serves the connection sets any.
	readBy, writeBy bool
}

type connKey struct{}

// withConn makes a connection known to its requests.
func withConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// connOf returns the connection of a request.
func connOf(r *http.Request) *conn {
	c, _ := r.Context().Value(connKey{}).(*conn)
	return c
}

func (c *conn) enter(p phase) { c.state.Store(c.of.tick.Load()*int64(phases) + int64(p)) }

// now returns the phase, and the tick at which it began.
func (c *conn) now() (phase, int64) {
	state := c.state.Load()
	return phase(state % int64(phases)), state / int64(phases)
}

// Read notices that a header begins: to net/http a connection is idle until all
// of the next one is here, so that half a header would have a minute.
func (c *conn) Read(b []byte) (int, error) {
	if doing, _ := c.now(); doing == accepted {
		c.enter(reading)
	}
	n, err := c.Conn.Read(b)
	if n > 0 {
		if doing, _ := c.now(); doing == idling {
			c.enter(reading)
		}
	}
	return n, err
}

// SetReadDeadline passes on what makes a difference. net/http takes a deadline
// away three times for each request, whether there was one or not.
func (c *conn) SetReadDeadline(t time.Time) error {
	if t.IsZero() && !c.readBy {
		return nil
	}
	c.readBy = !t.IsZero()
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline does the same, once for each request.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if t.IsZero() && !c.writeBy {
		return nil
	}
	c.writeBy = !t.IsZero()
	return c.Conn.SetWriteDeadline(t)
}

// CloseWrite ends our half of the connection. net/http looks for it, to let a
// client read the refusal of what it has not yet sent in full.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close closes the connection and makes room for another.
func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return c.Conn.Close()
	}
	l := c.of
	l.mu.Lock()
	delete(l.open, c)
	if l.users[c.uid]--; l.users[c.uid] <= 0 {
		delete(l.users, c.uid) // or every uid that ever came stays
	}
	l.mu.Unlock()
	return c.Conn.Close()
}
