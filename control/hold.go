package control

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// hold registers a token for as long as the client keeps its connection: the
// kernel closes it when the client dies, however it dies.
//
// The connection is taken from net/http, which would stop watching it for its
// end after one stray byte from the client, and keep a token of somebody who
// has long gone.
func (s *Server) hold(r request) error {
	q, err := parse[tokenRequest](r.body)
	if err != nil {
		return err
	}
	before := s.revoked()
	spec, err := s.grant(r.caller, q, true)
	if err != nil {
		return err
	}
	// Up to the Hijack net/http watches the connection, so that a client
	// that dies while AWS is asked ends r.ctx.
	issued, release, err := s.cfg.Hold(r.ctx, spec)
	if err != nil {
		return err
	}
	defer release()
	if err := s.stillGranted(spec, before); err != nil {
		return err
	}
	what := "token held"
	if spec.Narrowed {
		what = "narrowed token held"
	}
	s.log(r, what, "app", spec.App, "for", spec.User, "profile", spec.Profile, "id", issued.ID)
	l, err := takeOver(r, issued)
	if err != nil {
		return nil // the client has gone: nobody is left to be told
	}
	defer l.close()
	defer s.holding.add(issued.ID, l)()
	s.letGo() // it may have been revoked since it was held
	lasting, left := ofClient(r.ctx)
	defer left()
	stop := context.AfterFunc(lasting, l.close) // the daemon stops
	defer stop()
	l.gone()
	return nil
}

// line is a connection that outlives the first line of its answer.
type line struct {
	conn net.Conn
	rest *bufio.Reader // what came behind the request
}

func (l line) close() { _ = l.conn.Close() }

// takeOver takes a request's connection from net/http, answers with a first
// line, and returns it for the caller to close.
func takeOver(r request, first any) (line, error) {
	conn, rw, err := http.NewResponseController(r.w).Hijack()
	if err != nil {
		return line{}, fmt.Errorf("taking a connection over: %w", err)
	}
	l := line{conn, rw.Reader}
	if err := l.send(fmt.Appendf(nil, "HTTP/1.1 200 OK\r\n%s: %d\r\nContent-Type: application/json\r\n"+
		"Cache-Control: no-store\r\nConnection: close\r\n\r\n%s", versionHeader, Version, encode(first))); err != nil {
		l.close()
		return line{}, err
	}
	return l, nil
}

// send writes to the client, within a time.
func (l line) send(text []byte) error {
	_ = l.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	_, err := l.conn.Write(text)
	return err
}

// gone waits for the client's end. Whatever is read, be it the end or a byte
// that no client of ours sends, is the end.
func (l line) gone() {
	if l.rest.Buffered() == 0 {
		_ = l.conn.SetReadDeadline(time.Time{})
		_, _ = l.conn.Read(make([]byte, 1))
	}
}

// Held is a token that lives until Close, or until the daemon or this process
// ends.
type Held struct {
	Issued
	gone    chan struct{}
	revoked bool // set before gone is closed
	close   func()
	done    chan struct{}
}

// Hold has the daemon register a token, by its hash, and keep it for as long as
// Held is not closed. A secret that a former daemon knew can be held again, unless it
// was revoked. ctx bounds the registration, not what comes after.
func (c *Client) Hold(ctx context.Context, t TokenSpec) (*Held, error) {
	// The request lives as long as the hold, so it gets a context that
	// follows ctx only until the first line of the answer is here.
	holding, cancel := context.WithCancel(context.WithoutCancel(ctx))
	setup, done := context.WithTimeout(ctx, answerTimeout)
	defer done()
	unhook := context.AfterFunc(setup, cancel)

	body, err := c.send(holding, http.MethodPost, "/hold", requestOf(t))
	if err != nil {
		cancel()
		return nil, explain(setup, c.path, err)
	}
	lines := bufio.NewReaderSize(body, maxBody)
	var issued Issued
	if err := readLine(lines, &issued); err != nil || !unhook() {
		cancel()
		_ = body.Close()
		return nil, explain(setup, c.path, err)
	}
	h := &Held{Issued: issued, gone: make(chan struct{}), close: cancel, done: make(chan struct{})}
	go h.watch(holding, lines, body)
	return h, nil
}

// watch waits for the answer's end, which comes when either end goes.
func (h *Held) watch(holding context.Context, rest *bufio.Reader, body io.Closer) {
	defer close(h.done)
	var last goodbye
	if readLine(rest, &last) == nil {
		_, _ = io.Copy(io.Discard, rest)
	}
	_ = body.Close()
	if holding.Err() == nil {
		h.revoked = last.Revoked
		close(h.gone)
	}
}

// Gone is closed when the daemon went away, or the token was revoked. It stays open
// after Close.
func (h *Held) Gone() <-chan struct{} { return h.gone }

// Revoked reports, once Gone is closed, whether the token was revoked. Its secret
// must not be registered anew.
func (h *Held) Revoked() bool { return h.revoked }

// Close gives the token up. When it returns the connection is closed; the
// daemon forgets the token as soon as it notices.
func (h *Held) Close() error {
	h.close()
	<-h.done
	return nil
}
