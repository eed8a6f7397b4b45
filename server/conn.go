package server

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
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
	client *peer.Client
	party  party
	caller apps.Caller
	number json.Number // the user's for the record, or empty
	from   string      // the address, of a client from another network
	seen   seen
	memo   apps.Memo    // of its requests, which come one after the other
	line   audit.Memo   // the same
	state  atomic.Int64 // phases times the tick at which the phase began, plus the phase
	closed atomic.Bool
	// readBy and writeBy say whether a deadline is set. Only the goroutine
	// that serves the connection sets any.
	readBy, writeBy bool
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
	if !c.closed.Swap(true) {
		c.of.leave(c)
	}
	return c.Conn.Close()
}
