// Package login signs people in to IAM Identity Center and keeps what they are
// given: an access token, the refresh token that renews it, and the registration
// of this client with AWS's OIDC service.
//
// Who does what: vendord makes the PKCE verifier and the state, redeems the code
// and stores the token. The command that a person runs listens on 127.0.0.1, opens
// the browser, and passes the code and the state on. Tokens never leave this
// package but for Token, whose caller is mint.
//
// Guarantees: Token never waits for a person. One login at a time for each
// SignIn, however many ask. Success is reported when the token is stored. What
// Logout or Wipe ended is not brought back by a renewal that was on its way. No
// token is in an error, a log line, or anything that prints.
//
// A token is stored in the operating system's keyring where there is one that
// works, else in a file of our own (0600); where neither can be written, it is
// kept in memory, and Known says so. With SignIn.Share it is also where the AWS
// CLI keeps its own; see shared.go for what is done about two writers there.
//
// It also hands codes of MFA devices from a person to one mint (see codes.go).
package login

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/vendord/vendord/awshttp"
	"github.com/vendord/vendord/session"
)

// Keyring keeps secrets by name. What it returns must come within seconds: a
// keyring that asks a person to unlock it has to give up.
type Keyring interface {
	Get(ctx context.Context, name string) (string, error)
	Set(ctx context.Context, name, secret string) error
	Delete(ctx context.Context, name string) error
}

// Config says what a Logins works with.
type Config struct {
	// Dir is the absolute path of a directory for logins alone, made if need
	// be (0700). Empty keeps logins in memory.
	Dir string
	// Keyring is preferred to Dir for the tokens; nil: there is none.
	Keyring Keyring
	// NotFound is what the Keyring's errors are, by errors.Is, where there is
	// no such entry.
	NotFound error
	// Home is the directory that has .aws/sso/cache, for SignIns with Share.
	Home string
	// HTTP asks AWS; nil means a client of our own. It follows no redirect.
	HTTP *http.Client
	Log  *slog.Logger
	// Now is the clock of expiries; nil means time.Now.
	Now func() time.Time
}

// Logins is everybody who signed in, and who is about to.
type Logins struct {
	config Config
	log    *slog.Logger
	now    func() time.Time
	http   awshttp.Bounded
	files  *folder // nil: memory
	ctx    context.Context
	stop   context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex // guards all below, and the entries
	entries map[session.SignIn]*entry
	damaged map[string]string // what was wrong with files that were set aside
	clients map[registrationKey]registration
	pending []*pending // the newest last; some that have ended are kept
	codes   []*offer
	closed  bool
}

// entry is one SignIn, without its Share: the token is the same.
type entry struct {
	who session.SignIn
	// store is held, as a place in a channel so that a context can end the
	// wait, by whoever reads or writes what is stored.
	store chan struct{}

	token  *token
	kept   string // one of the places of Known
	unread bool   // the token is in the keyring, and nobody has asked for it
	shared bool   // the token is also where the AWS CLI keeps it
	// over says why nobody is signed in any more, where somebody was.
	over *session.Error
	// floor is the expiry of the last token that ended. An older one, such as
	// a shared file that could not be removed, does not bring the login back.
	floor time.Time
	// epoch rises with each sign-in and logout: what began before is void.
	epoch   int
	renewal *renewal
	// refused says that AWS will not renew this token; failed and retryAt
	// are what the last attempt met, and when the next may be.
	refused bool
	failed  error
	retryAt time.Time
	problem string // of storing it
	pending *pending
}

// New returns the logins of a directory. An error is a *session.Error of class
// Configuration: the directory cannot be used, or others could.
func New(c Config) (*Logins, error) {
	l := &Logins{config: c, log: c.Log, now: c.Now, http: bounded(c.HTTP),
		entries: map[session.SignIn]*entry{}, damaged: map[string]string{}, clients: map[registrationKey]registration{}}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if l.now == nil {
		l.now = time.Now
	}
	if c.Dir != "" {
		var err error
		if l.files, err = ownFolder(c.Dir); err != nil {
			return nil, err
		}
		l.readAll()
	}
	l.ctx, l.stop = context.WithCancel(context.Background())
	return l, nil
}

// Close ends what is pending or on its way. What is stored stays.
func (l *Logins) Close() error {
	l.mu.Lock()
	l.closed = true
	for _, p := range slices.Clone(l.pending) {
		l.end(p, ended("vendord is stopping"))
	}
	l.mu.Unlock()
	l.stop()
	l.work.Wait()
	if l.files == nil {
		return nil
	}
	return l.files.close()
}

// entry returns the entry of a SignIn, a new one if there is none.
func (l *Logins) entry(s session.SignIn) *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entryLocked(s)
}

func (l *Logins) entryLocked(s session.SignIn) *entry {
	s.Share = false
	e := l.entries[s]
	if e == nil {
		e = &entry{who: s, store: make(chan struct{}, 1), kept: Nowhere}
		// Without files nobody has noted what is in the keyring.
		e.unread = l.files == nil && l.config.Keyring != nil
		if problem, ok := l.damaged[name(s)+".json"]; ok {
			e.over = person(s, problem)
		}
		l.entries[s] = e
	}
	return e
}

// hold takes the entry's stores until the func that it returns is called.
func (e *entry) hold(ctx context.Context) (release func(), err error) {
	select {
	case e.store <- struct{}{}:
		return func() { <-e.store }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// name is the name of a SignIn's file and of its entry in the keyring.
func name(s session.SignIn) string {
	s.Share = false
	text, err := json.Marshal(s)
	if err != nil {
		panic(err) // strings: cannot fail
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// The places where a token can be kept.
const (
	InKeyring = "keyring"
	InFile    = "file"   // of our own
	InMemory  = "memory" // until vendord ends
	InShared  = "shared" // found where the AWS CLI keeps its own, and only there
	Nowhere   = ""       // nobody is signed in
)

// Known is a row of what is known about one SignIn. It has no secret.
type Known struct {
	SignIn session.SignIn `json:"sign_in"`
	// Kept is one of the places.
	Kept string `json:"kept,omitempty"`
	// Shared says that the AWS CLI finds the login too.
	Shared bool `json:"shared,omitempty"`
	// Expires is when the access token ends; zero where it is unknown, as
	// with a keyring that nobody has opened yet.
	Expires time.Time `json:"expires,omitzero"`
	// Renewable says that vendord renews it by itself.
	Renewable bool `json:"renewable,omitempty"`
	// Pending says that a login has begun.
	Pending bool `json:"pending,omitempty"`
	// Problem is why somebody has to sign in, or why the login is not kept
	// better; one line, or empty.
	Problem string `json:"problem,omitempty"`
}

// Known returns a row for each SignIn that somebody has signed in to, or is
// about to, in a stable order.
func (l *Logins) Known() []Known {
	l.mu.Lock()
	defer l.mu.Unlock()
	var rows []Known
	for _, e := range l.entries {
		if e.token == nil && e.over == nil && e.pending == nil && e.kept == Nowhere {
			continue
		}
		row := Known{SignIn: e.who, Kept: e.kept, Shared: e.shared, Pending: e.pending != nil, Problem: e.problem}
		switch over := e.over; {
		case over != nil:
			row.Problem = over.Public
		case e.token != nil && !e.renewable(l.now()) && e.token.left(l.now()) <= 0:
			row.Problem = expired(e.who).Public
		}
		if t := e.token; t != nil {
			row.Expires, row.Renewable = t.expires, e.renewable(l.now())
		}
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b Known) int {
		return cmp.Or(cmp.Compare(a.SignIn.Session, b.SignIn.Session), cmp.Compare(a.SignIn.StartURL, b.SignIn.StartURL),
			cmp.Compare(name(a.SignIn), name(b.SignIn)))
	})
	return rows
}

// Format prints no login, whatever the verb.
func (l *Logins) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "logins "+session.Redacted) }
