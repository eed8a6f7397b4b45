// Package proxy is a bad road to AWS: a TCP proxy on loopback that delays,
// slices, cuts and resets the answers that pass through it, or refuses to
// connect. The ways in which it is bad are toxiproxy's toxics; the connections
// are handled here, because toxiproxy's own proxy comes with an HTTP API and a
// metrics server, and leaves a goroutine and a connection behind for each
// answer that it cuts.
//
// A change concerns every connection: those that are open are cut, so that no
// client gets past a fault on a connection that it kept. Requests pass
// untouched; only answers are spoiled. Nothing is left behind after Close.
//
// It is for tests and the soak. It does not look into what passes.
package proxy

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
)

// A Proxy leads from a loopback port to one address. Its methods may be called
// from many goroutines.
type Proxy struct {
	address, target string
	accepted        atomic.Int64
	running         sync.WaitGroup // the accept loop and every pair

	mu       sync.Mutex   // guards what follows
	listener net.Listener // nil while it refuses
	chain    []toxics.Toxic
	pairs    map[*pair]struct{}
}

// New returns a Proxy that listens on a free port and leads to target, a host
// and port, without fault.
func New(target string) (*Proxy, error) {
	p := &Proxy{address: "127.0.0.1:0", target: target, pairs: map[*pair]struct{}{}}
	if err := p.listenLocked(); err != nil {
		return nil, err
	}
	p.address = p.listener.Addr().String()
	return p, nil
}

// Addr returns the host and port that the proxy listens on, the same for life.
func (p *Proxy) Addr() string { return p.address }

// Accepted returns how many connections came in since the start.
func (p *Proxy) Accepted() int64 { return p.accepted.Load() }

// Set cuts the open connections and has the answers of those to come pass
// through chain, one toxic after the other; no toxic is a good road. A proxy
// that refused listens again; the error is that of listening.
func (p *Proxy) Set(chain ...toxics.Toxic) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chain = chain
	p.cutLocked()
	if p.listener != nil {
		return nil
	}
	return p.listenLocked()
}

// Refuse cuts the open connections and has the kernel refuse those to come,
// until Set.
func (p *Proxy) Refuse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	p.cutLocked()
}

// Close refuses for good, and waits until nothing of the proxy runs any more.
func (p *Proxy) Close() {
	p.Refuse()
	p.running.Wait()
}

func (p *Proxy) cutLocked() {
	for pair := range p.pairs {
		pair.cut()
	}
}

// listenLocked listens on the address. After a Refuse another program may hold
// the port as its own end of a connection for a moment.
func (p *Proxy) listenLocked() (err error) {
	for range 20 {
		if p.listener, err = net.Listen("tcp", p.address); err == nil {
			listener := p.listener
			p.running.Go(func() { p.accept(listener) })
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.listener = nil
	return fmt.Errorf("proxy: %w", err)
}

// accept serves one listener until it is closed.
func (p *Proxy) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		p.accepted.Add(1)
		server, err := net.DialTimeout("tcp", p.target, time.Second)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.join(listener, client.(*net.TCPConn), server.(*net.TCPConn))
	}
}

// join starts a pair, unless the proxy has begun to refuse meanwhile.
func (p *Proxy) join(listener net.Listener, client, server *net.TCPConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pair := newPair(client, server, p.chain)
	if p.listener != listener {
		pair.cut()
	}
	p.pairs[pair] = struct{}{}
	p.running.Go(func() {
		pair.run()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.pairs, pair)
	})
}
