package server

import (
	"net"
	"sync/atomic"
	"time"
)

// listener bounds the connections that are open at a time. One too many is
// accepted and closed: its client sees a reset and tries again, while waiting
// in the kernel's queue would look like a daemon that hangs. (An accept that
// fails for want of descriptors is net/http's matter, which waits and goes on.)
type listener struct {
	net.Listener
	most int64
	open atomic.Int64
}

// Accept returns the next connection for which there is room.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if l.open.Add(1) <= l.most {
			return &conn{Conn: c, of: l}, nil
		}
		l.open.Add(-1)
		_ = c.Close()
	}
}

// conn is a connection that counts, and whose write deadline is cheap. net/http
// moves that deadline twice for each request, at a microsecond each; the one in
// force may as well be a second old, which makes a client that does not read
// lose its connection after nine seconds instead of ten.
type conn struct {
	net.Conn
	of       *listener
	closed   atomic.Bool
	deadline time.Time // of writes; net/http sets it from one goroutine
}

// SetWriteDeadline moves the deadline if that makes a difference, and never
// takes it away.
func (c *conn) SetWriteDeadline(t time.Time) error {
	if move := t.Sub(c.deadline); t.IsZero() || move >= 0 && move < time.Second {
		return nil
	}
	c.deadline = t
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
		c.of.open.Add(-1)
	}
	return c.Conn.Close()
}
