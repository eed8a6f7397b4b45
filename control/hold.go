package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
	conn, rw, err := http.NewResponseController(r.w).Hijack()
	if err != nil {
		return fmt.Errorf("holding a token: %w", err)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(r.ctx, func() { _ = conn.Close() }) // the daemon stops
	defer stop()

	what := "token held"
	if spec.Narrowed {
		what = "narrowed token held"
	}
	s.log(r, what, "app", spec.App, "for", spec.User, "profile", spec.Profile, "id", issued.ID)
	_ = conn.SetDeadline(time.Now().Add(writeTimeout))
	if _, err := fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\n%s: %d\r\nContent-Type: application/json\r\n"+
		"Cache-Control: no-store\r\nConnection: close\r\n\r\n%s", versionHeader, Version, encode(issued)); err != nil {
		return nil // the client has gone: nobody is left to be told
	}
	_ = conn.SetDeadline(time.Time{})
	// Whatever is read, be it the end or a byte that no client of ours
	// sends, is the end.
	if rw.Reader.Buffered() == 0 {
		_, _ = conn.Read(make([]byte, 1))
	}
	return nil
}

// Held is a token that lives until Close, or until the daemon or this process
// ends.
type Held struct {
	Issued
	gone  chan struct{}
	close func()
	done  chan struct{}
}

// Hold has the daemon register a token, by its hash, and keep it for as long as
// Held is not closed. ctx bounds the registration, not what comes after.
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
	issued, err := readIssued(lines)
	if err != nil || !unhook() {
		cancel()
		_ = body.Close()
		return nil, explain(setup, c.path, err)
	}
	h := &Held{Issued: issued, gone: make(chan struct{}), close: cancel, done: make(chan struct{})}
	go h.watch(holding, lines, body)
	return h, nil
}

// readIssued reads the one line that comes at once. It fits r's buffer.
func readIssued(r *bufio.Reader) (issued Issued, err error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return Issued{}, errTooLong
	case err != nil:
		return Issued{}, err
	case json.Unmarshal(line, &issued) != nil:
		return Issued{}, errUnreadable
	}
	return issued, nil
}

// watch waits for the answer's end, which comes when either end goes.
func (h *Held) watch(holding context.Context, rest io.Reader, body io.Closer) {
	defer close(h.done)
	_, _ = io.Copy(io.Discard, rest)
	_ = body.Close()
	if holding.Err() == nil {
		close(h.gone)
	}
}

// Gone is closed when the daemon went away, and the token with it. It stays
// open after Close.
func (h *Held) Gone() <-chan struct{} { return h.gone }

// Close gives the token up. When it returns the connection is closed; the
// daemon forgets the token as soon as it notices.
func (h *Held) Close() error {
	h.close()
	<-h.done
	return nil
}
