// Package control is the owner's API on a Unix socket, and its client: what
// the commands of vendord say to the daemon. It speaks HTTP/1.1 and JSON, and
// both ends name the version they speak in every message.
//
// It is the only place that enforces the three rights (see Rights), but for
// which rows of a status are whose (see Config.Status). They follow from what the
// kernel says of the process at the other end, once per connection, and from
// nothing that the request says. Who is not known has no rights, and unknown
// never means root.
//
// No secret crosses the socket. A client makes a token's secret itself and
// sends its hash; credentials are fetched from the vending address like by
// everyone else.
//
// In system mode every local user can connect, so the server counts on
// hostile ones: connections, sizes and times are bounded per user, and those
// who steer keep places of their own. What it does not do: it does not store
// tokens, read the configuration or speak to AWS; all that it steers comes as
// func fields of its Config.
package control

import (
	"context"
	"log/slog"
	"time"

	"github.com/vendord/vendord/peer"
)

// Version is the version of the API that this package speaks, at both ends.
// It changes, from the first release on, when a field or a call does; there is no
// other compatibility, since daemon and command come in one file.
const Version = 1

// Times that bound a request, as the server sees it. Holding, reloading,
// dumps and waiting for a login are bound by the connection alone.
const (
	headerTimeout  = 2 * time.Second
	requestTimeout = 30 * time.Second
	writeTimeout   = 10 * time.Second // of an answer that is ready
	idleTimeout    = 60 * time.Second
)

// Sizes of what is read.
const (
	maxHeader = 8 << 10
	maxBody   = 64 << 10
	maxAnswer = 4 << 20 // by a client
	maxName   = 128

	maxNarrowing = 16 << 10 // of a token's policies, as apps has it
)

// The bounds of a token's life.
const (
	minTTL = time.Second
	maxTTL = 366 * 24 * time.Hour
)

// TokenSpec describes a token, never its secret. A client fills in App, User,
// Profile, Hash, Path, TTL and Warm; the daemon says the rest.
type TokenSpec struct {
	// ID names the token in lists and in the record. Whoever stores the
	// token makes it: a client that chose it could take another token's.
	ID string `json:"id,omitempty"`
	// App is the app that the token is for.
	App string `json:"app"`
	// User is whom it is for; empty in a request means the one who asks, or, if
	// who steers asks for a token of an app that Config.Anyone names, whoever has
	// it and is no user of this machine, as it does in an answer.
	User string `json:"user,omitempty"`
	// UID is the user's number, by which the kernel knows who presents the
	// token. The server fills it in, and nobody sends it.
	UID uint32 `json:"-"`
	// Profile is the one profile of a token of the app cli. Other apps'
	// tokens have none.
	Profile string `json:"profile,omitempty"`
	// Hash is the SHA-256 of the token's secret, 64 hex digits. It goes
	// from client to daemon and is empty in answers.
	Hash string `json:"hash,omitempty"`
	// Issued and Expires are by the daemon's clock.
	Issued  time.Time `json:"issued,omitzero"`
	Expires time.Time `json:"expires,omitzero"`
	// TTL is the life asked for: 1 s to 366 days, and for Hold also zero,
	// as long as it is held.
	TTL time.Duration `json:"ttl_ns,omitempty"`
	// Warm asks for the session to be minted before the answer.
	Warm bool `json:"warm,omitempty"`
	// Policy and PolicyARNs, a session.List, narrow what the token's holder
	// gets beyond the profile. They are for Hold and the app cli alone, and
	// empty in answers, where Narrowed says that there are some.
	Policy     string `json:"policy,omitempty"`
	PolicyARNs string `json:"policy_arns,omitempty"`
	Narrowed   bool   `json:"narrowed,omitempty"`
	// Exec says that a command runs with it, which alone gets profiles that are
	// protected. It is for Hold and the app cli alone.
	Exec bool `json:"exec,omitempty"`
	// Held says that the token lives in memory, with a connection.
	Held bool `json:"held,omitempty"`
	// Adopted says that its secret is the owner's own; Rotated that another has
	// taken its place, and it only lives on for a while.
	Adopted bool `json:"adopted,omitempty"`
	Rotated bool `json:"rotated,omitempty"`
	// Path says that its secret is an id in a path, and good for nothing in a header.
	Path bool `json:"path,omitempty"`
	// Steer says that whoever asked for the token may steer. It follows
	// from their rights and is never read from a request.
	Steer bool `json:"steer,omitempty"`
}

// Issued is the answer to Issue and Hold: what a program needs, besides the
// secret that its caller made.
type Issued struct {
	ID      string `json:"id"`
	App     string `json:"app"`
	User    string `json:"user"`
	Profile string `json:"profile"`
	// URL is where credentials are fetched; of an id in a path what comes before it.
	URL string `json:"url"`
	// Region is the region that programs are told.
	Region string `json:"region,omitempty"`
	// STSEndpoint is where STS is asked, if not at the region's own.
	STSEndpoint string `json:"sts_endpoint,omitempty"`
	// Expires is the token's end, at most what was asked for.
	Expires time.Time `json:"expires,omitzero"`
}

// Config is what a Server steers. Every func is needed, may be called from
// many goroutines, and answers with a *session.Error where a person reads it.
type Config struct {
	// Rights says what a process may do, from what the kernel knows of it.
	// It is called once per connection, by its own goroutine.
	Rights func(peer.Peer) (Rights, error)
	// Allowed says which apps and profiles a user without Steer may have
	// tokens for. Always says whether the configuration gives that, and not a
	// token, with which it would end.
	Allowed func(user string, groups []string) (apps, profiles []string)
	Always  func(user string, groups []string, app, profile string) bool
	// Anyone says whether the tokens of an app are for callers whose user is not
	// known here, unless somebody names one.
	Anyone func(app string) bool
	// Status returns everything that the caller may see. Whose the rows are
	// (Apps, Profiles, Sessions, and what they name and count) is known to
	// it alone, so it leaves out those of others, for callers without Steer.
	// The server does the rest: it fills in You and Steer, and takes from
	// such callers Config, Changed, Warnings, Record and Refusals.
	Status func(Caller) Status
	// Issue stores a token whose request was found to be allowed, and gives
	// it an ID. With Warm it mints first.
	Issue func(context.Context, TokenSpec) (Issued, error)
	// Hold registers a token until the returned func is called, once. With
	// Warm it mints first; the context ends when the client goes away.
	Hold func(context.Context, TokenSpec) (Issued, func(), error)
	// Revoke revokes a token, or with id "" all of an app, and says how many.
	Revoke func(app, id string) (int, error)
	// Tokens returns the live tokens of an app, or with "" of all.
	Tokens func(app string) []TokenSpec
	// Rotate stores a new token in the place of another. Its end is q.TTL from now.
	Rotate func(ctx context.Context, q RotateSpec) (Rotated, error)
	// Use mints an app's sessions of another profile, then gives its programs
	// those, or changes nothing.
	Use func(context.Context, UseSpec) (Used, error)
	// Apps returns the apps that a caller may know of, with what the caller's
	// own tokens of them count; for callers without Steer the server leaves out
	// what others asked for.
	Apps func(Caller) []AppInfo
	// Why returns the refusals of an app, or of all with "", newest first,
	// everybody's: the server leaves out those of others.
	Why func(app string) []Refusal
	// FetchPolicy asks IAM for the text of one of a profile's managed policies.
	FetchPolicy func(ctx context.Context, profile, arn string) (PolicyText, error)
	// Reload reads the configuration again and returns lines to show. Its
	// error joins a *session.Error for every problem.
	Reload func(context.Context) ([]string, error)
	// Login finds out what a name needs a person for and begins it. The func
	// that it returns waits for the end, and gives the login up when its
	// context ends first; nil where there is nothing to wait for.
	Login func(context.Context, LoginSpec) (Login, func(context.Context) (LoggedIn, error), error)
	// FinishLogin brings what a browser brought back.
	FinishLogin func(ctx context.Context, id, code, state string) error
	// Code mints the session that waits for the code of an MFA device.
	Code func(ctx context.Context, name, code string) (LoggedIn, error)
	// Logout signs out, of everything with name "".
	Logout func(ctx context.Context, name string) (WipedOut, error)
	// Lock forgets everything and stops vending, or lets it go on.
	Lock func(ctx context.Context, locked bool) (WipedOut, error)
	// Sources returns a row for each source.
	Sources func(context.Context) ([]SourceRow, error)
	// CheckSource asks AWS who a source is.
	CheckSource func(ctx context.Context, name string) (SourceIdentity, error)
	// Refresh looks at a source again and forgets its failures, with drop its
	// sessions too.
	Refresh func(ctx context.Context, source string, drop bool) (sessions int, err error)
	// Health looks whether every part of the daemon does its work, and Ready whether
	// programs get what they ask for, in words that the caller may read.
	Health func(context.Context) Health
	Ready  func(context.Context, Caller) Ready
	// Metrics returns the metrics in Prometheus's text format.
	Metrics func() []byte
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Log gets a line for every call that changes something; nil is none.
	Log *slog.Logger
}
