// Package fakeaws is an AWS small enough to carry along: an STS that behaves
// like STS, and an S3 (path style) that enforces identity and session policies.
// `vendord demo`, vendord's tests and its users' own tests run against it, with
// any AWS SDK as the client.
//
// It promises to be as strict as AWS where a client can be wrong: signatures,
// token and clock are verified in full, parameters are held to STS's limits,
// and every S3 request is authorised by the identity's policies and by the
// session's. What it does not have it refuses by name, with NotImplemented or
// InvalidAction; it never answers 200 to what it did not understand.
//
// Its STS has AssumeRole, also with a web identity or a SAML assertion, which
// are verified for real, GetFederationToken, GetSessionToken, GetCallerIdentity,
// and GetScopedCredentials, with a switch for everything that AWS has not said
// of it (ScopedRules). Issuer and IdentityProvider make JWTs and assertions, good
// ones and bad; where a provider has no keys in the state, the fake plays it.
//
// Beside them it has IAM Identity Center, sign-in and portal, on the same port,
// where a person is played by a switch (SignIn, Decide); of IAM the managed
// policies' texts; of EC2 two operations in dry run, for which region and which
// resource a policy allows them; and the endpoints that give a machine its role
// (Metadata, Container), as handlers for ports of their own.
//
// It is not AWS: it serves loopback listeners and loopback Host names only, says
// so in its log and in the Server header, and everything it knows is made up
// and kept in bounded memory. It has no bucket policies, permissions
// boundaries, organisation policies, multipart uploads or presigned URLs.
//
// Beside AWS's own addresses it has /_fake/ (faults, journal, clock, JWTs,
// assertions, MFA codes, the sign-in's person) for tests in other processes.
// Whoever reaches the port may use those.
package fakeaws

import (
	"cmp"
	"context"
	"crypto/cipher"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Banner is what the fake says about itself wherever it starts.
const Banner = "fakeaws: this is not AWS; its accounts, keys and buckets are made up and live in memory"

// serverHeader is the Server header of every answer.
const serverHeader = "fakeaws (not AWS)"

// Config says what a fake AWS contains and how it behaves.
type Config struct {
	// State is the world at start; Example returns one. The fake never
	// writes it back: objects put later live in memory only.
	State State
	// Now is AWS's clock; nil means time.Now. Expiry, Date headers and
	// condition keys follow it. A request may be signed by it or by the
	// machine's own clock, since signers cannot be shifted with a test.
	Now func() time.Time
	// Log receives a line at start (Warn) and one for each call (Debug).
	// Nil means none.
	Log *slog.Logger
	// Plaintext2048 brings back the rule that STS dropped in 2026-09: a
	// session policy and the policy ARNs together at most 2,048 characters.
	Plaintext2048 bool
	// ClockOverHTTP lets POST /_fake/clock advance the clock, where Now is
	// nil.
	ClockOverHTTP bool
	// SignIn is what happens at IAM Identity Center's sign-in page at first;
	// empty means WaitSignIn.
	SignIn SignInMode
}

// Fake is one fake AWS. It is an http.Handler and safe for concurrent use.
type Fake struct {
	config Config
	world  *world
	store  *store
	mfa    *usedCodes
	scoped atomic.Pointer[ScopedRules]

	signIns signIns

	// tokens seals session tokens, secrets derives secret keys from key
	// ids. Both are fresh for each Fake: tokens of another are unknown.
	tokens  cipher.AEAD
	secrets []byte
	packers sync.Pool // of *flate.Writer, each most of a megabyte

	faults  faults
	journal journal
	ahead   atomic.Int64 // how far Advance has moved the clock
}

// New makes a fake AWS. Its error joins everything that is wrong with the
// state, each problem with the path of the value.
func New(c Config) (*Fake, error) {
	w, s, err := build(c.State)
	if err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	f := &Fake{config: c, world: w, store: s, mfa: newUsedCodes()}
	f.scoped.Store(&c.State.Scoped)
	f.tokens, f.secrets = newTokenKeys()
	s.stamp(f.now())
	if err := f.SignIn(cmp.Or(c.SignIn, WaitSignIn), ""); err != nil {
		return nil, err
	}
	return f, nil
}

// Advance moves the fake's clock on by d, as if that time had passed.
func (f *Fake) Advance(d time.Duration) { f.ahead.Add(int64(d)) }

// now returns AWS's time.
func (f *Fake) now() time.Time {
	now := time.Now
	if f.config.Now != nil {
		now = f.config.Now
	}
	return now().Add(time.Duration(f.ahead.Load())).UTC()
}

// Serve answers on ln until ctx ends, then lets requests finish for two
// seconds. It returns nil after such an end. It refuses a listener that is not
// on a loopback address: made-up keys are public, and so would be every object.
func (f *Fake) Serve(ctx context.Context, ln net.Listener) error {
	return f.ServeHandler(ctx, ln, f)
}

// ServeHandler is Serve for another handler: Metadata's or Container's.
func (f *Fake) ServeHandler(ctx context.Context, ln net.Listener, h http.Handler) error {
	if a, ok := ln.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		_ = ln.Close()
		return fmt.Errorf("listening on %s: fakeaws serves loopback addresses only", ln.Addr())
	}
	f.config.Log.Warn(Banner, "endpoint", "http://"+ln.Addr().String())
	s := &http.Server{
		Handler:     h,
		BaseContext: func(net.Listener) context.Context { return ctx }, // ends hanging faults
		// No ReadTimeout: it would end long latencies and hanging faults.
		ReadHeaderTimeout: time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(f.config.Log.Handler(), slog.LevelDebug),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		shut(s)
	})
	err := s.Serve(ln)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) && ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("serving fakeaws: %w", err)
}

// shut ends a server, without patience for clients that keep a request open.
func shut(s *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if s.Shutdown(ctx) != nil {
		_ = s.Close()
	}
}
