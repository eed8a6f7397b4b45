package control

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/session"
)

// How many connections there may be. A user without Steer has at most perUser,
// and all such users together at most shared; the rest of total is for those
// who steer, so that nobody can keep the owner from a daemon by connecting to
// it. The owner has no limit of their own: a build may run `vendord exec` a
// hundred times at once, and each holds a connection.
const (
	perUser = 64
	shared  = 192
	total   = 256
)

// nobody is the number under which callers who are not known are counted
// together. It is no user's: the kernel reserves it as "none".
const nobody = math.MaxUint32

// visitor is a connection with what is known of its other end: found out once,
// when it was accepted, since a process can hand its socket to another.
type visitor struct {
	net.Conn
	caller Caller
	err    error // why caller is not known
	leave  func()
}

// Close gives the connection's place back.
func (v *visitor) Close() error {
	v.leave()
	return v.Conn.Close()
}

type visitorKey struct{}

// withVisitor is the http.Server.ConnContext that lets requests know their
// caller.
func withVisitor(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, visitorKey{}, c)
}

func callerOf(ctx context.Context) (Caller, error) {
	v, ok := ctx.Value(visitorKey{}).(*visitor)
	if !ok {
		return Caller{}, unknown(errors.New("a connection that was not accepted here"))
	}
	return v.caller, v.err
}

// identify asks the kernel who is there, and Config.Rights what they may do.
// With an error the caller is empty and has no rights.
func (s *Server) identify(c net.Conn) (Caller, error) {
	unix, ok := c.(*net.UnixConn)
	if !ok {
		return Caller{}, unknown(fmt.Errorf("connected over %s", c.LocalAddr().Network()))
	}
	p, err := peer.OfUnix(unix)
	if err != nil {
		return Caller{}, unknown(err)
	}
	if p.User == "" {
		return Caller{}, unknown(errors.New("a user without name or number"))
	}
	rights, err := s.cfg.Rights(p)
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

// door is a listener that knows who comes in, and how many of them.
type door struct {
	net.Listener
	who func(net.Conn) (Caller, error)
	in  places
}

// Accept returns the next connection that has a place. The others are closed
// without a word, since a word would need a goroutine that waits for them.
func (d *door) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		caller, err := d.who(c)
		uid := caller.Peer.UID
		if err != nil {
			uid = nobody
		}
		leave, ok := d.in.enter(uid, caller.Steers())
		if !ok {
			_ = c.Close()
			continue
		}
		return &visitor{Conn: c, caller: caller, err: err, leave: leave}, nil
	}
}

// places counts connections.
type places struct {
	mu     sync.Mutex     // guards the rest
	byUser map[uint32]int // uid → connections, of users without Steer
	others int            // the sum of byUser
	all    int
}

// enter takes a place for a user, and returns the func that gives it back,
// which may be called more than once.
func (p *places) enter(uid uint32, steers bool) (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all >= total || !steers && (p.others >= shared || p.byUser[uid] >= perUser) {
		return nil, false
	}
	p.countLocked(uid, steers, 1)
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.countLocked(uid, steers, -1)
	}), true
}

func (p *places) countLocked(uid uint32, steers bool, n int) {
	p.all += n
	if steers {
		return
	}
	p.others += n
	if p.byUser == nil {
		p.byUser = make(map[uint32]int)
	}
	if p.byUser[uid] += n; p.byUser[uid] == 0 {
		delete(p.byUser, uid) // or every uid that ever came stays
	}
}
