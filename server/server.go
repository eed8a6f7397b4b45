// Package server hands credentials to the AWS SDKs over HTTP, in the form of
// the ECS container credentials endpoint, which every SDK knows how to ask:
//
//	GET /v1/credentials          by token: those of the profile that the app uses now
//	GET /v1/process/credentials  by what the kernel knows of the caller: the same
//	…/{profile}                  the same, if that is its name
//	GET /v2/credentials/{id}     by an id in the path, at ECS's address alone
//
// and, on listeners of their own, in that of EC2's instance metadata service: see
// metadata.
//
// A request is read in this order: guard (is this a program's own request, or
// a browser's or a proxy's?), apps.Decide (who is it, and what may it have?),
// Credentials.Get (have it, or wait a moment), audit, answer. Nothing is
// answered with 200 but a whole and living set of credentials (and for metadata what
// EC2 has beside them), and nothing that can be reached here changes anything.
//
// Every error is JSON, or metadata's text, with a sentence that says what to do, because it ends up
// in the exception of somebody else's program. What net/http itself refuses (a
// malformed request line, control bytes, a second Host) stays its 400 in text.
//
// Whoever asks is known by the kernel's word, once for each connection; a caller
// who gets nothing is answered, and recorded, only so often. The package does
// not decide who may have what, nor how often they may have it (apps does), and
// does not talk to AWS.
package server

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/session"
)

// The paths at which credentials are asked for: with a token, and without one by
// programs that the kernel recognises.
const (
	Path        = "/v1/credentials"
	ProcessPath = "/v1/process/credentials"
)

const (
	// patience is under the one second after which, as of 2026-11, Java,
	// C++, PHP, Ruby and JavaScript's older SDK give up.
	patience  = 800 * time.Millisecond
	maxConns  = 1024
	maxHeader = 16 << 10
)

// Credentials gets the credentials of a session, waiting for them as long as
// patience and ctx allow. Its errors are *session.Error.
type Credentials interface {
	Get(ctx context.Context, key session.Key, patience time.Duration) (*session.Credentials, error)
}

// Config is what a Server is made of.
type Config struct {
	// Apps decides who may have what.
	Apps *apps.Apps
	// Credentials are what is handed out.
	Credentials Credentials
	// Audit gets one event for each request, but not for each of a caller's
	// refusals when there are too many; nil for no record.
	Audit *audit.Log
	// Who tells who is at the other end of a connection, at once; nil where the
	// system has nothing to say.
	Who func(net.Conn) *peer.Client
	// Recorded says that Audit keeps a line of each event, for which more may be
	// spent than for the latest refusals alone: the processes of up to 200 new
	// connections a second are looked up, and else of 20.
	Recorded bool
	// MetadataKey is the 32 bytes from which session tokens of metadata listeners, and
	// what is made up of their instance, follow: with the same key, tokens outlive a
	// restart. Anything else is replaced by a new one.
	MetadataKey []byte
	// Patience is how long a request waits for credentials; 0 means 0.8 s. One for
	// metadata waits for 0.4 s at most.
	Patience time.Duration
	// MaxConns bounds the connections open at a time; 0 means 1,024. One
	// costs 20 KiB.
	MaxConns int
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log hears of what should not happen; nil for nobody.
	Log *slog.Logger
}

// Server answers SDKs. It remembers nothing of them but who was refused how often.
type Server struct {
	apps        *apps.Apps
	credentials Credentials
	audit       *audit.Log
	who         func(net.Conn) *peer.Client
	looks       *looks
	// strangersLooks are for who was not recognised.
	strangersLooks *looks
	places         *places
	refusals       *refusals
	probes         *probes
	dates          dates
	sessions       *sessions
	sessionsAsked  *refusals // of strangers
	metadataKey    []byte
	patience       time.Duration
	now            func() time.Time
	log            *slog.Logger

	mu        sync.Mutex           // guards the next
	listening map[string]*listener // what is served now, by address
}

// New returns a Server that Serve starts.
func New(c Config) *Server {
	if c.Audit == nil {
		c.Audit = audit.New(audit.Config{Now: c.Now})
	}
	if c.Who == nil {
		c.Who = unknown
	}
	if c.Patience <= 0 {
		c.Patience = patience
	}
	if c.MaxConns <= 0 {
		c.MaxConns = maxConns
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if len(c.MetadataKey) != sha256.Size {
		c.MetadataKey = make([]byte, sha256.Size)
		_, _ = rand.Read(c.MetadataKey) // never fails
	}
	perSecond := looksForRing
	if c.Recorded {
		perSecond = looksForRecord
	}
	return &Server{
		apps: c.Apps, credentials: c.Credentials, audit: c.Audit, who: c.Who, looks: newLooks(perSecond, looksShare),
		strangersLooks: newLooks(looksForRing, strangersShare),
		places:         newPlaces(c.MaxConns, c.Apps.Owns, c.Log), refusals: newRefusals(), probes: newProbes(),
		sessions: newSessions(c.MetadataKey), sessionsAsked: newRefusals(), metadataKey: c.MetadataKey,
		listening: make(map[string]*listener),
		patience:  c.Patience, now: c.Now, log: c.Log,
	}
}

// unknown is Config.Who where the system has nothing to say.
func unknown(c net.Conn) *peer.Client {
	client := &peer.Client{Err: errors.ErrUnsupported}
	if at, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		client.Addr = at.AddrPort().Addr().Unmap().WithZone("")
	}
	return client
}

// Serve answers requests on ln until ctx ends, and then those that are under way:
// see end. It closes ln, and returns nil. It may be called for several, which share
// the places. It refuses a listener that is neither on a loopback address nor on one
// of its endpoint's kind, with a *session.Error of class Configuration.
func (s *Server) Serve(ctx context.Context, ln net.Listener, of Endpoint) error {
	h, err := s.answering(ln.Addr(), of)
	if err != nil {
		_ = ln.Close()
		return err
	}
	// Requests under way outlive ctx: a Ruby program that is told no once
	// will not ask again. They are cut off when Serve returns.
	base, cutOff := context.WithCancel(context.WithoutCancel(ctx))
	defer cutOff()
	own := &listener{Listener: ln, kind: of.Kind, own: of.ownAt(ln.Addr()), places: s.places, who: s.who, expects: s.expected(of.Kind), log: s.log,
		probes: s.probes, addr: ln.Addr(), host: addressOf(ln.Addr()).String(), handler: h}
	defer s.listens(own)()
	hs := newHTTPServer(base, h, s.log)
	defer func() { _ = hs.Close() }()

	served := make(chan error, 1)
	go func() { served <- hs.Serve(own) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving %s: %w", ln.Addr(), err)
	case <-ctx.Done():
	}
	own.end(served) // what is left after the grace is closed above
	return nil
}

// listens makes a listener known to Check until the func that it returns is called.
func (s *Server) listens(own *listener) (ended func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listening[own.host] = own
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.listening, own.host)
	}
}

// listenerAt returns the listener of an address, or nil: that Serve was called does
// not mean that it has begun, so it is waited for as long as ctx allows.
func (s *Server) listenerAt(ctx context.Context, at net.Addr) *listener {
	for {
		s.mu.Lock()
		on := s.listening[addressOf(at).String()]
		s.mu.Unlock()
		if on != nil && on.turns.Load() > 0 {
			return on
		}
		if ctx.Err() != nil {
			return nil
		}
		time.Sleep(endPoll)
	}
}

// newHTTPServer returns the http.Server for a handler. It has no timeouts:
// places closes what takes too long.
func newHTTPServer(base context.Context, h http.Handler, log *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true) // no SDK asks in h2c, and it is another parser
	return &http.Server{
		Handler:        h,
		Protocols:      protocols,
		MaxHeaderBytes: maxHeader,
		// net/http's own answer to OPTIONS * is 200, past the guard.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		BaseContext:                  func(net.Listener) context.Context { return base },
		ConnContext:                  withConn,
		ConnState:                    changed,
	}
}
