package server

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/vendord/vendord/peer"
)

// Check asks the server itself, at an address that it serves, for what it must
// refuse: who asks, guard and decision are those of every request. It leaves no
// trace in the record, the refusals or the places, and needs none of the latter.
//
// The error says that the server hangs: a connection is not taken, or not answered,
// before ctx ends, or with something else. A server that is busy, or attacked, does
// not hang: where others are let in all the time and the check is not, or this machine
// has no port or file left for it, the same request is put to the handler without a
// connection, and doubt says what was in the way.
func (s *Server) Check(ctx context.Context, at net.Addr) (doubt, err error) {
	on := s.listenerAt(ctx, at)
	if on == nil {
		return nil, errors.New("nobody listens")
	}
	before := on.turns.Load()
	reaching, done := withShare(ctx)
	defer done()
	p, err := s.probes.dial(reaching, on.addr)
	if err == nil {
		defer s.probes.end(p)
		if err = p.ask(reaching, on.kind, s.probes.request(on.kind, on.host)); err == nil {
			on.reached.Store(true)
			return nil, nil
		}
		if p.accepted.Load() {
			return nil, fmt.Errorf("no answer as it must be: %w", err)
		}
	}
	switch refused := p == nil; {
	case refused && scarce(err):
		doubt = fmt.Errorf("this machine has no connection left for it: %w", err)
	case on.turns.Load() != before:
		doubt = errors.New("too crowded to be let in")
	case refused && !on.reached.Load() && ctx.Err() == nil:
		// As behind a firewall. A new start would not help.
		doubt = fmt.Errorf("could never be reached from here: %w", err)
	default:
		return nil, fmt.Errorf("nobody is let in: %w", err)
	}
	return doubt, s.checkHandler(ctx, on)
}

// withShare leaves a third of the time for what is tried when the rest was in vain.
func withShare(ctx context.Context) (context.Context, context.CancelFunc) {
	until, ok := ctx.Deadline()
	if !ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(until)*2/3)
}

// scarce reports whether a connection failed for want of what all programs of the
// machine share, and one user can use up.
func scarce(err error) bool {
	for _, lack := range []error{syscall.EADDRNOTAVAIL, syscall.EADDRINUSE, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, lack) {
			return true
		}
	}
	return false
}

// ask sends the request and reads what has to come.
func (p *probe) ask(ctx context.Context, kind Kind, request string) error {
	stop := context.AfterFunc(ctx, func() { _ = p.conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if _, err := io.WriteString(p.conn, request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(p.conn), nil)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxFetch))
	if err != nil {
		return err
	}
	return asItMust(kind, answer.StatusCode, body)
}

// asItMust fails unless an answer is the one to a token that nobody issued.
func asItMust(kind Kind, status int, body []byte) error {
	if kind == Metadata {
		if want := answers[mustRefuse].status; status != want || string(body) != sentence(errBadSession) {
			return fmt.Errorf("status %d %q instead of %d", status, clip(string(body), 40), want)
		}
		return nil
	}
	want := answers[mustRefuse]
	var got problem
	if err := json.Unmarshal(body, &got); err != nil || status != want.status || got.Code != want.code {
		return fmt.Errorf("status %d %q instead of %d %q", status, clip(got.Code, 40), want.status, want.code)
	}
	return nil
}

// checkHandler puts the request to the handler alone. One that hangs is left behind.
func (s *Server) checkHandler(ctx context.Context, on *listener) error {
	caller := &peer.Client{Err: errors.ErrUnsupported, Addr: addressOf(on.addr).Addr()}
	own := newConn(nil, s.places, caller, false)
	own.check = true
	r, err := s.probes.parse(on.kind, on.host)
	if err != nil {
		return err
	}
	r = r.WithContext(context.WithValue(ctx, connKey{}, own))
	answered := make(chan error, 1)
	go func() {
		w := &kept{header: http.Header{}}
		on.handler.ServeHTTP(w, r)
		answered <- asItMust(on.kind, w.status, w.body)
	}()
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return fmt.Errorf("no request is answered: %w", ctx.Err())
	}
}

// kept is an answer that is sent to nobody.
type kept struct {
	header http.Header
	status int
	body   []byte
}

// Header is of http.ResponseWriter, as are the next.
func (k *kept) Header() http.Header { return k.header }

// WriteHeader keeps the status.
func (k *kept) WriteHeader(status int) { k.status = status }

// Write keeps the body.
func (k *kept) Write(b []byte) (int, error) {
	k.body = append(k.body, b...)
	return len(b), nil
}
