// Package mint obtains a new session from AWS and says, in words, what went
// wrong when it does not.
//
// A Minter takes a session.Request, gets the credentials of its source (or of
// its parent session), and calls AssumeRole with exactly the parameters of the
// request at the STS of its region. Every failure is a *session.Error, sorted
// by who can mend it; no error and no log line holds a secret key, a session
// token, or a word of what a credential command printed.
//
// A Minter remembers nothing between two mints but open connections: a file
// that was edited is read anew by the next one. No AWS_* variable of the
// process decides whom it asks, for what or as whom; it asks no container or
// metadata endpoint (that could be vendord itself), and it never waits for a
// person. When to mint, how long to remember a failure and who may have the
// result is the cache's and the server's business.
//
// It is the only package that uses AWS service clients.
package mint

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/vendord/vendord/session"
)

// Config says how a Minter reaches the world. The zero value mints from
// shared-config and process sources that need no environment.
type Config struct {
	// Parent returns the credentials of the session that a request names as
	// its parent. Nil: requests with a parent are refused.
	Parent func(context.Context, session.Request) (*session.Credentials, error)
	// Environ is the environment that the daemon was started with:
	// environment sources are read from it, and commands get it.
	Environ []string
	// Home is the home directory whose .aws holds the SDKs' own files.
	// Empty: sources must name their files.
	Home string
	// HTTP is the client for AWS. Nil: one with short timeouts that honours
	// the proxies of the environment.
	HTTP *http.Client
	// Log gets what an operator should know. Nil: nothing.
	Log *slog.Logger
	// Now is the clock, also for signatures. Nil: time.Now.
	Now func() time.Time
}

// Minter mints sessions. It is safe for concurrent use.
type Minter struct {
	parent  func(context.Context, session.Request) (*session.Credentials, error)
	environ []string
	home    string
	http    *http.Client
	log     *slog.Logger
	now     func() time.Time
}

// New returns a Minter. The error is for a Config that cannot work, of which
// this version knows none.
func New(c Config) (*Minter, error) {
	m := &Minter{
		parent: c.Parent, environ: c.Environ, home: c.Home, http: c.HTTP,
		log: cmp.Or(c.Log, slog.New(slog.DiscardHandler)), now: c.Now,
	}
	if m.http == nil {
		m.http = newHTTP()
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
	who, err := m.identity(ctx, r)
	if err != nil {
		return nil, err
	}
	return m.assumeRole(ctx, who, r)
}

// possible refuses what this version cannot ask for. A parameter that was
// ignored would make a session that is not the one in vendord.toml.
func possible(r session.Request) error {
	refuse := func(problem, hint string) error {
		return &session.Error{Class: session.Configuration, Public: "role " + r.RoleARN + ": " + problem, Hint: hint}
	}
	switch {
	case r.Operation != session.AssumeRole:
		return refuse("operation \""+r.Operation+"\" is not supported by this version", "use \""+session.AssumeRole+"\"")
	case r.MFASerial != "":
		return refuse("mfa_serial is not supported by this version", "vendord never waits for a person to type a code")
	}
	return checkRegion("role "+r.RoleARN, r.Region)
}

// A region becomes part of a host name. The letters are checked, so that no
// region can make the request go to another host.
var regionShape = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

func checkRegion(subject, region string) error {
	if regionShape.MatchString(region) {
		return nil
	}
	return &session.Error{Class: session.Configuration, Public: subject + ": region \"" + region + "\" is not the name of a region",
		Hint: "set region in the profile, the source or [daemon], such as \"eu-west-1\""}
}
