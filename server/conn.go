package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/peer"
)

// conn is a connection whose client is known, or known to be unknown.
type conn struct {
	net.Conn
	of     *places
	in     *listener
	client *peer.Client
	party  party
	caller apps.Caller
	number json.Number // the user's for the record, or empty
	from   string      // the address, of a client from another network
	seen   seen
	memo   apps.Memo    // of its requests, which come one after the other
	line   audit.Memo   // the same
	state  atomic.Int64 // phases times the tick at which the phase began, plus the phase
	told   atomic.Bool  // that it has had its last answer
	closed atomic.Bool
	// writeBy says whether a deadline is set. Only the goroutine that serves the
	// connection sets any.
	writeBy bool

	limiting sync.Mutex // guards the next two, and deadlines for reading
	readBy   bool       // the goroutine that serves the connection has set one
	nudged   bool       // so have we, to see whether it is to be closed

	check bool // no connection, but a request of Check's that could not have one
}

func newConn(c net.Conn, of *places, client *peer.Client, remote bool) *conn {
	own := &conn{Conn: c, of: of, client: client, party: of.party(client, remote),
		caller: apps.Caller{UID: client.Socket.UID, Err: client.Err, Addr: client.Addr, Kernel: client}}
	if client.Err == nil {
		own.number = json.Number(strconv.FormatUint(uint64(client.Socket.UID), 10))
	}
	if remote {
		own.from = client.Addr.String()
	}
	return own
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
	for {
		n, err := c.Conn.Read(b)
		if n > 0 {
			if doing, _ := c.now(); doing == idling {
				c.enter(reading)
			}
		}
		if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if err := c.why(err); err != nil {
			return 0, err
		}
	}
}

// nudge interrupts a Read, for it to see whether the connection is to be closed. It
// is Read that closes it, since nobody else knows whether a request has been read.
func (c *conn) nudge() {
	c.limiting.Lock()
	defer c.limiting.Unlock()
	if !c.readBy {
		c.nudged = true
		_ = c.Conn.SetReadDeadline(time.Unix(1, 0))
	}
}

// why returns the error with which an interrupted Read ends, or nil if it goes on.
func (c *conn) why(err error) error {
	c.limiting.Lock()
	defer c.limiting.Unlock()
	if c.readBy || !c.nudged {
		return err
	}
	c.nudged = false
	_ = c.Conn.SetReadDeadline(time.Time{})
	if doing, _ := c.now(); doing == idling && hangUp(c.Conn) {
		return io.EOF
	}
	return nil
}

// SetReadDeadline passes on what makes a difference. net/http takes a deadline
// away three times for each request, whether there was one or not.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.limiting.Lock()
	defer c.limiting.Unlock()
	if t.IsZero() && !c.readBy {
		return nil
	}
	c.readBy, c.nudged = !t.IsZero(), false
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
	if !c.closed.Swap(true) {
		c.of.leave(c)
	}
	return c.Conn.Close()
}
