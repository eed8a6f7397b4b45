package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vendord/vendord/session"
)

// Server answers the owner's API.
type Server struct {
	cfg Config

	revoking sync.RWMutex // guards the next; held while who steers revokes
	// revocations counts what was revoked by who steers.
	revocations int

	holding holding

	dumping sync.Mutex // held while a CPU profile or a trace is taken

	pings *pings
	mu    sync.Mutex       // guards the next
	doors map[string]*door // what is served now, by address
}

// New returns a server for what cfg steers.
func New(cfg Config) *Server {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Server{cfg: cfg, pings: newPings(), doors: make(map[string]*door)}
}

// Serve answers on ln until ctx ends, and then returns nil: by then what was under way
// is answered, see end, and every token that was held is released. It closes ln. The
// listener must be one of Unix sockets, or everyone is refused.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	answering, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	// running is held for reading while a request is answered, a hold
	// included, and for writing at the end, to wait for all of them.
	var running sync.RWMutex
	web := s.web(context.WithValue(answering, endingKey{}, ctx), &running)
	in := &visitors{spoke: make(map[net.Conn]bool)}
	web.ConnState = in.note
	through := &door{Listener: ln, who: s.identify, in: newPlaces(), pings: s.pings}
	defer s.open(through)()
	served := make(chan error, 1)
	go func() { served <- web.Serve(through) }()
	var err error
	select {
	case err = <-served:
		err = fmt.Errorf("serving the control socket: %w", err)
	case <-ctx.Done():
		in.end(web, through, served, cancel)
	}
	cancel()
	_ = web.Close()
	running.Lock()
	defer running.Unlock()
	return err
}

// web returns the HTTP server, with what bounds its clients.
func (s *Server) web(ctx context.Context, running *sync.RWMutex) *http.Server {
	return &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !running.TryRLock() {
				s.refuse(w, r, context.Canceled)
				return
			}
			defer running.RUnlock()
			defer s.rescue(w, r)
			if err := s.dispatch(w, r); err != nil {
				s.refuse(w, r, err)
			}
		}),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withVisitor,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       requestTimeout,
		WriteTimeout:      requestTimeout + writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		// net/http reports what clients send wrong: nothing to wake anybody
		// for, and any local user could fill the log with it.
		ErrorLog: slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
		// "OPTIONS *" is for us to refuse.
		DisableGeneralOptionsHandler: true,
	}
}

// rescue answers for a call that panicked. Of what it panicked with only the type
// is logged: net/http would print the value, which may be a code or a token.
func (s *Server) rescue(w http.ResponseWriter, r *http.Request) {
	p := recover()
	if p == nil {
		return
	}
	s.cfg.Log.Error("control: a call panicked", "call", r.URL.Path, "type", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
	s.refuse(w, r, &session.Error{Class: session.Retry, Public: "daemon: it made a mistake", Hint: "report it with what the log says"})
}

// dispatch finds out who asks for what, and whether they may, before anything
// of the request's body is read.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) error {
	caller, err := callerOf(r.Context())
	if err != nil {
		return err
	}
	if err := guard(r); err != nil {
		return err
	}
	call, known := calls[r.URL.Path]
	if !call.anyVersion {
		if err := checkVersion(r.Header.Get(versionHeader)); err != nil {
			return err
		}
	}
	own := s.pings.own(r)
	switch {
	case !known:
		return invalid(fmt.Sprintf("call %q: not known", r.URL.Path), sameVersion)
	case r.Method != call.method:
		return invalid(fmt.Sprintf("call %q: method %q is not for it", r.URL.Path, r.Method), "it is "+call.method)
	case !caller.may(call.needs) && !(own && call.check):
		return call.refusal(r.URL.Path, caller)
	}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	if !call.unbounded {
		var done context.CancelFunc
		ctx, done = context.WithTimeout(ctx, requestTimeout)
		defer done()
	}
	return call.do(s, request{ctx: ctx, caller: caller, own: own, body: body, w: w})
}

// guard refuses what was not sent by a command of ours. A browser cannot open
// a Unix socket, but it can talk to a proxy that somebody put before one (as
// people do with Docker's), and then a web page would be the one who steers.
func guard(r *http.Request) error {
	if r.Host != hostName {
		return &session.Error{Class: session.Refused,
			Public: fmt.Sprintf("host %q: this is vendord's control socket, whose only host is %q", r.Host, hostName),
			Hint:   "credentials are elsewhere: vendord status shows the address"}
	}
	for name := range r.Header {
		if foreign(name) {
			return &session.Error{Class: session.Refused,
				Public: fmt.Sprintf("header %s: what comes through a browser or a proxy is refused", name),
				Hint:   "speak to the socket directly"}
		}
	}
	return nil
}

// foreign reports whether a header, in its canonical form, is one that a
// browser or a proxy adds. Package server refuses the same.
func foreign(name string) bool {
	switch name {
	case "Origin", "Referer", "Via", "Forwarded", "X-Real-Ip":
		return true
	}
	return strings.HasPrefix(name, "X-Forwarded") || strings.HasPrefix(name, "Sec-")
}

// readBody reads all of a request, and then lifts the time limit for reading:
// from there on net/http reads only to notice that the client has gone.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
		return nil, invalid(fmt.Sprintf("request: longer than %d KiB", maxBody>>10), sameVersion)
	}
	if err != nil {
		return nil, &session.Error{Class: session.Configuration, Public: "request: did not arrive whole", Err: err}
	}
	return body, http.NewResponseController(w).SetReadDeadline(time.Time{})
}

// refuse answers with an error.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := encodeError(inWords(err))
	s.cfg.Log.Debug("control refused", "call", r.URL.Path, "problem", e.Public)
	write(w, statusOf(e.Class), e)
}

// inWords says what ended a call that nothing else ended.
func inWords(err error) error {
	if _, said := errors.AsType[*session.Error](err); said {
		return err
	}
	switch {
	case errors.Is(err, context.Canceled): // or the client has gone, and reads nothing
		return &session.Error{Class: session.Retry, Public: "daemon: stopping",
			Hint: "try again when it runs", Err: err}
	case errors.Is(err, context.DeadlineExceeded):
		return &session.Error{Class: session.Retry,
			Public: fmt.Sprintf("daemon: no result within %s", requestTimeout), Hint: "try again", Err: err}
	}
	return err
}

// statusOf is for people with curl; the client goes by the body.
func statusOf(c session.Class) int {
	switch c {
	case session.Configuration:
		return http.StatusBadRequest
	case session.Limited:
		return http.StatusTooManyRequests
	case session.Retry:
		return http.StatusServiceUnavailable
	}
	return http.StatusForbidden
}

// write sends an answer, within its own time: a reload may have used up more
// than the connection was given.
func write(w http.ResponseWriter, status int, answer any) {
	text := encode(answer)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(writeTimeout))
	w.Header().Set(versionHeader, strconv.Itoa(Version))
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a client that has gone learns nothing
}

// encode returns an answer as one line of JSON.
func encode(answer any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(answer); err != nil {
		panic(err) // flat structs: only a time beyond the year 9999 fails
	}
	return b.Bytes()
}
