package server

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/session"
)

// probes knows the connections that this process has to itself, for Check.
//
// Their requests go unrecorded, which everybody who tries tokens would like to have.
// So it takes all of this to be one: the connection comes from the very address
// and port that a socket of this process is bound to now, which no other socket can
// have meanwhile; the kernel, where it tells, says that it is our own user's; and
// the request has a secret that was made when the process began and has never left
// it. What comes close is a stranger's request like any other. And there is nothing
// to be had: the token of such a request is nobody's.
type probes struct {
	secret, token string

	pending atomic.Int32 // how many are open, so that others' connections cost nothing
	mu      sync.Mutex   // guards the next
	open    map[netip.AddrPort]*probe
}

// probe is one such connection.
type probe struct {
	conn     net.Conn
	from     netip.AddrPort // as the server sees it
	accepted atomic.Bool
}

// checkHeader has the secret.
const checkHeader = "Vendord-Check"

// mustRefuse is the class of what a probe is answered.
const mustRefuse = session.Unrecognised

func newProbes() *probes {
	token, _ := apps.NewSecret() // issued to nobody
	return &probes{secret: rand.Text(), token: token, open: make(map[netip.AddrPort]*probe)}
}

// dial connects to one of our own listeners. The end of the connection is known
// before the other can see it, or it would have to find a place like a stranger's.
func (p *probes) dial(ctx context.Context, to net.Addr) (*probe, error) {
	one := new(probe)
	// From the listener's own address, also so that what is sent never leaves the
	// machine: one that the machine does not have any more cannot be bound.
	d := net.Dialer{KeepAlive: -1, Control: bindTo(addressOf(to).Addr(), func(from netip.AddrPort) { p.expect(one, from) })}
	c, err := d.DialContext(ctx, "tcp", to.String())
	if err != nil {
		p.forget(one)
		return nil, err
	}
	one.conn = c
	p.expect(one, addressOf(c.LocalAddr()))
	return one, nil
}

// expect makes a connection known, by the address that it comes from.
func (p *probes) expect(one *probe, from netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgetLocked(one)
	one.from = from
	p.open[from] = one
	p.pending.Store(int32(len(p.open)))
}

func (p *probes) forget(one *probe) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgetLocked(one)
}

func (p *probes) forgetLocked(one *probe) {
	if p.open[one.from] == one {
		delete(p.open, one.from)
	}
	p.pending.Store(int32(len(p.open)))
}

// end forgets a connection before its port is free for others.
func (p *probes) end(one *probe) {
	p.forget(one)
	_ = one.conn.Close()
}

// at returns the probe that a connection is the other end of, or nil.
func (p *probes) at(from net.Addr) *probe {
	if p.pending.Load() == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.open[addressOf(from)]
}

// own reports whether a request is one of ours.
func (p *probes) own(r *http.Request) bool {
	said := r.Header[checkHeader]
	if len(said) != 1 || subtle.ConstantTimeCompare([]byte(said[0]), []byte(p.secret)) != 1 {
		return false
	}
	c := connOf(r)
	return c.check || (c.client.Err != nil || int(c.client.Socket.UID) == os.Geteuid()) && p.at(c.RemoteAddr()) != nil
}

// request is what a probe says to a listener of a kind.
func (p *probes) request(kind Kind, host string) string {
	if kind == Metadata {
		return strings.Join([]string{"GET /latest/meta-data/ HTTP/1.1", "Host: " + host, sessionHeader + ": " + p.token,
			checkHeader + ": " + p.secret, "Connection: close", "", ""}, "\r\n")
	}
	return strings.Join([]string{"GET " + Path + " HTTP/1.1", "Host: " + host, "Authorization: " + p.token,
		checkHeader + ": " + p.secret, "Connection: close", "", ""}, "\r\n")
}

// parse returns the same as the handler gets it.
func (p *probes) parse(kind Kind, host string) (*http.Request, error) {
	return http.ReadRequest(bufio.NewReader(strings.NewReader(p.request(kind, host))))
}

// addressOf returns a TCP address as it is compared.
func addressOf(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	at := tcp.AddrPort()
	return netip.AddrPortFrom(at.Addr().Unmap().WithZone(""), at.Port())
}
