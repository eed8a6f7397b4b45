package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/session"
)

// door is a listener that counts who comes in by what the kernel says at once:
// a number. Nobody waits at the door for another's name, which a directory on
// the network may be slow to tell.
type door struct {
	net.Listener
	who   func(peer.Peer) (Caller, error)
	in    *places
	pings *pings
	turns atomic.Uint64 // how often somebody was waited for
}

// Accept returns the next connection that has a place. The others are closed
// without a word, since a word would need a goroutine that waits for them.
func (d *door) Accept() (net.Conn, error) {
	for {
		d.turns.Add(1)
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		p, err := peerOf(c)
		uid := p.UID
		if err != nil {
			uid = nobody
		}
		if own := d.pings.of(c, p); own != nil {
			own.accepted.Store(true)
			return &visitor{Conn: c}, nil
		}
		place, ok := d.in.enter(uid)
		if !ok {
			_ = c.Close()
			continue
		}
		return &visitor{Conn: c, place: place, meet: func() (Caller, error) {
			if err != nil {
				return Caller{}, err
			}
			return d.who(p)
		}}, nil
	}
}

// peerOf asks the kernel who is there.
func peerOf(c net.Conn) (peer.Peer, error) {
	unix, ok := c.(*net.UnixConn)
	if !ok {
		return peer.Peer{}, unknown(fmt.Errorf("connected over %s", c.LocalAddr().Network()))
	}
	p, err := peer.OfUnix(unix)
	if err != nil {
		return peer.Peer{}, unknown(err)
	}
	return p, nil
}

// identify asks for the names of a peer, and Config.Rights what it may do. With
// an error the caller is empty and has no rights.
func (s *Server) identify(p peer.Peer) (Caller, error) {
	p = p.Named()
	if p.User == "" {
		return Caller{}, unknown(errors.New("a user without name or number"))
	}
	rights, err := s.cfg.Rights(p)
	if _, said := errors.AsType[*session.Error](err); said {
		return Caller{}, err
	}
	if err != nil {
		return Caller{}, &session.Error{Class: session.Unrecognised,
			Public: fmt.Sprintf("control socket: whether user %q may do this is not known: %v", p.User, err),
			Hint:   "try again; if it stays so, this system's users and groups cannot be read", Err: err}
	}
	return Caller{Peer: p, Rights: rights}, nil
}

func unknown(err error) error {
	return &session.Error{Class: session.Unrecognised,
		Public: fmt.Sprintf("control socket: who asks is not known: %v", err),
		Hint:   "vendord obeys only processes of this machine that the kernel can name", Err: err}
}

// visitor is a connection with what is known of its other end: found out once,
// since a process can hand its socket to another.
type visitor struct {
	net.Conn
	place *place // nil of Check, who is nobody, and needs neither
	meet  func() (Caller, error)

	awaited atomic.Bool // nothing stands between it and us: what it sends is read

	met sync.Once // guards the rest
	// caller is empty while err, why it is not known, is not nil.
	caller Caller
	err    error
}

// Read finds out who is there when net/http reads first, which it does on the
// connection's own goroutine. A connection for which there is no place any more,
// now that it is known whose it is, ends here.
func (v *visitor) Read(b []byte) (int, error) {
	v.met.Do(func() {
		if v.place == nil {
			return
		}
		v.caller, v.err = v.meet()
		if !v.place.settle(v.caller.Steers()) {
			_ = v.Conn.Close()
			return
		}
		// What a directory took is not the client's slowness.
		_ = v.Conn.SetReadDeadline(time.Now().Add(headerTimeout))
	})
	v.awaited.Store(true)
	return v.Conn.Read(b)
}

// Close gives the connection's place back.
func (v *visitor) Close() error {
	if v.place != nil {
		v.place.leave()
	}
	return v.Conn.Close()
}

type visitorKey struct{}

// withVisitor is the http.Server.ConnContext that lets requests know their
// caller.
func withVisitor(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, visitorKey{}, c)
}

// callerOf returns who sent a request. It was read, so that they are known.
func callerOf(ctx context.Context) (Caller, error) {
	v, ok := ctx.Value(visitorKey{}).(*visitor)
	if !ok {
		return Caller{}, unknown(errors.New("a connection that was not accepted here"))
	}
	return v.caller, v.err
}
