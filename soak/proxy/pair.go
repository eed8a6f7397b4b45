package proxy

import (
	"io"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2/stream"
	"github.com/Shopify/toxiproxy/v2/toxics"
)

// A pair is a client's connection and the one that leads on from it.
type pair struct {
	client, server *net.TCPConn
	stubs          []*toxics.ToxicStub
	chain          []toxics.Toxic
	first, last    chan *stream.StreamChunk // what the server says, before and after the toxics

	over chan struct{} // closed by cut
	cut  func()        // ends both connections, once
}

func newPair(client, server *net.TCPConn, chain []toxics.Toxic) *pair {
	p := &pair{client: client, server: server, chain: chain, over: make(chan struct{})}
	p.first = make(chan *stream.StreamChunk, room(chain, 0))
	p.last = p.first
	for i, t := range chain {
		next := make(chan *stream.StreamChunk, room(chain, i+1))
		stub := toxics.NewToxicStub(p.last, next)
		if stateful, ok := t.(toxics.StatefulToxic); ok {
			stub.State = stateful.NewState()
		}
		p.stubs, p.last = append(p.stubs, stub), next
	}
	p.cut = sync.OnceFunc(func() {
		if slices.ContainsFunc(chain, resets) {
			_ = client.SetLinger(0) // the kernel says RST instead of FIN
		}
		_ = client.Close()
		_ = server.Close()
		close(p.over)
	})
	return p
}

// room is the buffer that the i-th toxic wants before it.
func room(chain []toxics.Toxic, i int) int {
	if i < len(chain) {
		if buffered, ok := chain[i].(toxics.BufferedToxic); ok {
			return buffered.GetBufferSize()
		}
	}
	return 0
}

func resets(t toxics.Toxic) bool {
	_, ok := t.(*toxics.ResetToxic)
	return ok
}

// run lets bytes pass until either side, a toxic or the proxy ends it. It
// returns when every goroutine of the pair has ended.
func (p *pair) run() {
	var parts sync.WaitGroup
	parts.Go(func() {
		_, _ = io.Copy(p.server, p.client)
		p.cut() // HTTP closes no half of a connection
	})
	parts.Go(p.read)
	for i, stub := range p.stubs {
		parts.Go(func() { stub.Run(&toxics.ToxicWrapper{Toxic: p.chain[i], Toxicity: 1}) })
	}
	stopped := make(chan struct{})
	parts.Go(func() {
		<-p.over
		for _, stub := range p.stubs { // in order: each can still hand on what it holds
			stub.InterruptToxic()
		}
		close(stopped)
	})
	p.write(stopped)
	p.cut()
	// A toxic that is still to be stopped must find a reader.
	for stopping := true; stopping; {
		select {
		case _, open := <-p.last:
			if !open {
				<-stopped
				stopping = false
			}
		case <-stopped:
			stopping = false
		}
	}
	parts.Wait()
}

// read takes what the server says.
func (p *pair) read() {
	defer close(p.first)
	for buffer := make([]byte, 4<<10); ; {
		n, err := p.server.Read(buffer)
		if n > 0 {
			select {
			case p.first <- &stream.StreamChunk{Data: slices.Clone(buffer[:n]), Timestamp: time.Now()}:
			case <-p.over:
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// write hands the client what has passed the toxics.
func (p *pair) write(stopped <-chan struct{}) {
	for {
		select {
		case chunk, open := <-p.last:
			if !open {
				return
			}
			if _, err := p.client.Write(chunk.Data); err != nil {
				return
			}
		case <-stopped:
			return
		}
	}
}
