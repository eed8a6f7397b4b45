package control

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vendord/vendord/peer"
)

// pings knows the connections that this process has to its own control socket.
// They need no place, and nobody is asked for their user's name: neither who takes
// all places nor a directory that hangs may make the daemon look as if it hung.
//
// Their name (Linux: unix(7), abstract) is known before they connect, no other
// socket can have it meanwhile, and the kernel says that they are this process's.
// What they may do is one thing: to be told that the daemon answers.
type pings struct {
	secret string // in the request, made when the process began

	mu   sync.Mutex // guards the next
	open map[string]*ping
}

// ping is one such connection.
type ping struct {
	name     string
	accepted atomic.Bool
}

// checkHeader has the secret.
const checkHeader = "Vendord-Check"

func newPings() *pings { return &pings{secret: rand.Text(), open: make(map[string]*ping)} }

// begin returns a ping that is known to Accept until the func is called.
func (p *pings) begin() (one *ping, end func()) {
	one = &ping{name: "@vendord-check-" + rand.Text()}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open[one.name] = one
	return one, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, one.name)
	}
}

// of returns the ping that a connection is the other end of, or nil.
func (p *pings) of(c net.Conn, who peer.Peer) *ping {
	if who.PID != os.Getpid() || int(who.UID) != os.Geteuid() || c.RemoteAddr() == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open[c.RemoteAddr().String()]
}

// own reports whether a request is Check's.
func (p *pings) own(r *http.Request) bool {
	return subtle.ConstantTimeCompare([]byte(r.Header.Get(checkHeader)), []byte(p.secret)) == 1
}

// Check asks the server itself, at the address of a listener that it serves. The
// error says that it hangs: a connection is not taken, or not answered, before ctx
// ends. A server that is busy or attacked does not hang, nor one whose socket
// somebody has removed: doubt is why it could not be asked.
func (s *Server) Check(ctx context.Context, at net.Addr) (doubt, err error) {
	d := s.doorAt(ctx, at)
	if d == nil {
		return nil, errors.New("nobody listens")
	}
	before := d.turns.Load()
	one, end := s.pings.begin()
	defer end()
	c, err := dialSelf(ctx, at, one.name)
	if err == nil {
		defer func() { _ = c.Close() }()
		err = s.askSelf(ctx, c)
	}
	switch crowded := d.turns.Load() != before; {
	case err == nil && !one.accepted.Load() && ownNames:
		return fmt.Errorf("%s leads to somebody else", at), nil
	case err == nil:
		return nil, nil
	case one.accepted.Load():
		return nil, fmt.Errorf("no answer as it must be: %w", err)
	case crowded:
		return errors.New("too crowded to be let in"), nil
	case c == nil && !late(err):
		return fmt.Errorf("it cannot be reached: %s", reason(err)), nil
	}
	return nil, fmt.Errorf("nobody is let in: %s", reason(err))
}

// late reports whether a connection failed for want of time, or of room in the queue.
func late(err error) bool {
	slow, ok := errors.AsType[net.Error](err)
	return ok && slow.Timeout()
}

// dialSelf connects by a name that is known to Accept.
func dialSelf(ctx context.Context, to net.Addr, name string) (net.Conn, error) {
	var d net.Dialer
	if ownNames {
		d.LocalAddr = &net.UnixAddr{Name: name, Net: "unix"}
	}
	return dialPatiently(ctx, &d, to.String())
}

// askSelf asks for /health, and expects the answer that is for Check alone.
func (s *Server) askSelf(ctx context.Context, c net.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	request := strings.Join([]string{"GET /health HTTP/1.1", "Host: " + hostName, versionHeader + ": " + strconv.Itoa(Version),
		checkHeader + ": " + s.pings.secret, "Connection: close", "", ""}, "\r\n")
	if _, err := io.WriteString(c, request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := readAnswer(answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", answer.StatusCode)
	}
	return nil
}

// open makes a listener known to Check until the func is called.
func (s *Server) open(d *door) (closed func()) {
	at := d.Addr().String()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.doors[at] = d
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.doors, at)
	}
}

// doorAt returns the listener of an address, or nil: that Serve was called does not
// mean that it has begun, so it is waited for as long as ctx allows.
func (s *Server) doorAt(ctx context.Context, at net.Addr) *door {
	for {
		s.mu.Lock()
		d := s.doors[at.String()]
		s.mu.Unlock()
		if d != nil && d.turns.Load() > 0 {
			return d
		}
		if ctx.Err() != nil {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
}
