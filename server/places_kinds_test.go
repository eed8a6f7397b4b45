package server_test

import (
	"bufio"
	"context"
	"net"
	"testing"

	"github.com/vendord/vendord/server"
)

// beside has a server answer at one more listener, as another endpoint.
func (w *world) beside(of server.Endpoint) *world {
	w.tb.Helper()
	ln := listening(w.tb)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.server.Serve(ctx, ln, of) }()
	w.tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			w.tb.Errorf("Serve: %v", err)
		}
	})
	return &world{tb: w.tb, addr: ln.Addr().String(), of: of, token: w.token, apps: w.apps, server: w.server, log: w.log}
}

// The places are those of all listeners together. Who fills them at one loses their own,
// whoever it is: programs at another keep theirs, and newcomers are let in at once.
func TestACrowdAtOneListenerStarvesNoOther(t *testing.T) {
	for name, test := range map[string]struct {
		of     server.Endpoint
		sent   string // by the crowd, on each connection
		greedy func(i int) byte
	}{
		"strangers who want session tokens":       {server.Endpoint{Kind: server.Metadata}, put, func(int) byte { return 8 }},
		"strangers who say nothing":               {server.Endpoint{Kind: server.Metadata}, "", func(int) byte { return 8 }},
		"one person as many others":               {server.Endpoint{Kind: server.Metadata}, put, func(i int) byte { return byte(10 + i) }},
		"a user who has an app":                   {server.Endpoint{Kind: server.Metadata}, put, func(int) byte { return 7 }},
		"a user who has an app, at ECS's address": {server.Endpoint{Kind: server.ECS}, plain, func(int) byte { return 7 }},
		"strangers, at EKS's address":             {server.Endpoint{Kind: server.EKS}, carrying("vnd_wrong"), func(int) byte { return 8 }},
	} {
		t.Run(name, func(t *testing.T) {
			here := house(t, 12)
			here.own(7)
			here.own(1)
			there := here.beside(test.of)
			starve(t, here, there, plain, test.sent, test.greedy)
		})
		t.Run(name+", the other way round", func(t *testing.T) {
			here := house(t, 12)
			here.own(7)
			here.own(1)
			there := here.beside(test.of)
			honest := plain
			if test.of.Kind == server.Metadata {
				honest = put
			}
			starve(t, there, here, honest, carrying("vnd_wrong"), test.greedy)
		})
	}
}

// starve has user 1 ask at here, over connections that are kept and over new ones, while
// a crowd of three times as many as there are places comes to there.
func starve(t *testing.T, here, there *world, honest, sent string, greedy func(i int) byte) {
	t.Helper()
	var calm []net.Conn
	var in []*bufio.Reader
	for i := range 3 {
		calm = append(calm, here.from(1))
		in = append(in, bufio.NewReader(calm[i]))
		if got := here.askOn(calm[i], in[i], honest); got.status != 200 {
			t.Fatalf("who came first: got %d %s, want 200", got.status, got.body)
		}
	}
	for i := range 36 {
		c := there.from(greedy(i))
		_, _ = c.Write([]byte(there.fill(sent)))
		newcomer := here.from(1)
		if got := here.askOn(newcomer, bufio.NewReader(newcomer), honest); got.status != 200 {
			t.Fatalf("a newcomer after %d of the crowd: got %d %s, want 200", i+1, got.status, got.body)
		}
		_ = newcomer.Close()
	}
	for i := range calm {
		if got := here.askOn(calm[i], in[i], honest); got.status != 200 {
			t.Errorf("who came first, again: got %d %s, want 200", got.status, got.body)
		}
	}
}
