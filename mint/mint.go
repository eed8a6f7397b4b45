// Package mint obtains a new session from AWS and says, in words, what went
// wrong when it does not.
//
// A Minter takes a session.Request, gets the credentials of its source (or of
// its parent session, or the token that proves who asks), and calls the STS of
// its region with exactly the parameters of the request. Every failure is a
// *session.Error, sorted by who can mend it; no error and no log line holds a
// secret key, a token, a code, or a word of what a command printed.
//
// A Minter remembers nothing between two mints but open connections and which
// MFA codes were used: a file that was edited is read anew by the next one. No
// AWS_* variable of the process decides whom it asks, for what or as whom: those
// that count are in Config.Environ. It never asks vendord itself, and it never
// waits for a person. When to mint, how long to remember a failure and who may
// have the result is the cache's and the server's business.
//
// It is the only package that asks AWS for credentials; package login signs
// people in.
package mint

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/vendord/vendord/awshttp"
	"github.com/vendord/vendord/session"
)

// Config says how a Minter reaches the world. The zero value mints from
// shared-config and process sources that need no environment.
type Config struct {
	// Parent returns the credentials of the session that a request names as
	// its parent. Nil: requests with a parent are refused.
	Parent func(context.Context, session.Request) (*session.Credentials, error)
	// SignedIn returns the access token of somebody who signed in to IAM
	// Identity Center through vendord; known is false where nobody ever did.
	// Nil, or not known: what "aws sso login" left behind is used.
	SignedIn func(context.Context, session.SignIn) (token string, known bool, err error)
	// Rejected tells of a token of SignedIn that AWS does not take any more. It is
	// asked for once more then: it may be renewed before its time. Nil: it is not.
	Rejected func(s session.SignIn, token string)
	// Code returns the code of a request's MFA device, which a person typed
	// and which nobody has used. It must not wait for one. Nil: there is none.
	Code func(context.Context, session.Request) (string, error)
	// Keyring returns an entry of the operating system's keyring. Nil: keyring
	// sources are refused.
	Keyring func(ctx context.Context, name string) (string, error)
	// Own returns the addresses (host and port) where this vendord answers
	// programs, so that no source asks it. Nil: none.
	Own func() []string
	// Environ is the environment that the daemon was started with:
	// environment, container and imds sources are read from it, and commands
	// get it.
	Environ []string
	// Home is the home directory whose .aws holds the SDKs' own files.
	// Empty: sources must name their files.
	Home string
	// HTTP is the client for AWS. Nil: one with short timeouts that honours
	// the proxies of the environment.
	HTTP *http.Client
	// Hindered tells, of a command that could not be run or did not end well, what of
	// this service's sandbox was in the way: a hint, or "". Nil: nothing ever is.
	Hindered func(command string, err error) string
	// Log gets what an operator should know. Nil: nothing.
	Log *slog.Logger
	// Now is the clock, also for signatures. Nil: time.Now.
	Now func() time.Time
}

// Minter mints sessions. It is safe for concurrent use.
type Minter struct {
	config Config
	http   *http.Client
	log    *slog.Logger
	now    func() time.Time
	// local is the client for the endpoints that a machine or a container has.
	local *http.Client
	used  usedCodes
	// scoper asks for scoped credentials. The SDK's client takes its place
	// once it knows the operation.
	scoper scoper
}

// New returns a Minter. The error is for a Config that cannot work, of which
// this version knows none.
func New(c Config) (*Minter, error) {
	m := &Minter{config: c, http: c.HTTP, log: cmp.Or(c.Log, slog.New(slog.DiscardHandler)), now: c.Now,
		local: newLocalHTTP(), scoper: handSigned{}}
	if m.http == nil {
		m.http = awshttp.NewClient()
	}
	if m.now == nil {
		m.now = time.Now
	}
	return m, nil
}

// Mint asks AWS for a new session. It makes at most three attempts within ctx
// and leaves longer patience to its caller. The error is a *session.Error.
func (m *Minter) Mint(ctx context.Context, r session.Request) (*session.Credentials, error) {
	if err := possible(r); err != nil {
		return nil, err
	}
	switch r.Operation {
	case session.AssumeRoleWithWebIdentity, session.AssumeRoleWithSAML:
		return m.withProof(ctx, r)
	}
	who, err := m.identity(ctx, r)
	if err == nil && r.Region == "" { // of an instance
		r.Region, err = m.instanceRegion(ctx, r.Source)
	}
	if err != nil {
		return nil, err
	}
	switch r.Operation {
	case session.GetFederationToken:
		return m.federationToken(ctx, who, r)
	case session.GetSessionToken:
		return m.sessionToken(ctx, who, r)
	case session.GetScopedCredentials:
		return m.scope(ctx, who, r)
	case session.SourceItself:
		return m.itself(who, r)
	}
	return m.assumeRole(ctx, who, r)
}

// exchange returns a new exchange with AWS.
func (m *Minter) exchange() *exchange { return &exchange{client: m.http, now: m.now} }
