package fakeaws

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// How long what sign-in hands out is good (IAM Identity Center OIDC API
// reference, as of 2026-11; of authorization codes it says nothing).
const (
	clientLife = 90 * 24 * time.Hour
	askLife    = 10 * time.Minute
	codeLife   = 10 * time.Minute
)

// maxSignIns bounds each table: whoever reaches the port can fill them.
const maxSignIns = 1000

// signIns is what IAM Identity Center remembers. Unlike sessions, sign-ins live
// here and not in their tokens: they can be ended.
type signIns struct {
	mu      sync.Mutex // guards all below, and what the tables hold
	mode    SignInMode
	person  string // at the browser; empty: the first of the instance
	clients table[*oidcClient]
	devices table[*ask]    // by device code
	waiting table[*ask]    // by user code, or by the state of an authorization
	codes   table[*ask]    // by authorization code
	refresh table[*signIn] // by refresh token
	access  table[*signIn] // by access token
}

// table holds values until their time is over.
type table[T any] map[string]entry[T]

type entry[T any] struct {
	value   T
	expires time.Time
}

// put keeps a value. What is over goes first; where a table is full of what is
// not, the newcomer is refused.
func (t *table[T]) put(key string, v T, now, expires time.Time) *failure {
	if *t == nil {
		*t = table[T]{}
	}
	if len(*t) >= maxSignIns {
		for k, e := range *t {
			// Kept a while longer, to be called expired and not unknown.
			if now.Sub(e.expires) > 0 {
				delete(*t, k)
			}
		}
	}
	if len(*t) >= maxSignIns {
		return fail(http.StatusBadRequest, "SlowDownException", "fakeaws keeps %d of these at a time.", maxSignIns)
	}
	(*t)[key] = entry[T]{v, expires}
	return nil
}

// get returns a value and whether it is there; live says that its time is not
// over.
func (t table[T]) get(key string, now time.Time) (v T, known, live bool) {
	e, ok := t[key]
	return e.value, ok, ok && now.Before(e.expires)
}

// oidcClient is a registered program.
type oidcClient struct {
	id, secret        string
	grants, redirects []string
	center            *center // the issuer, or nil
	refreshable       bool    // has the scope that refresh tokens come with
}

// ask is the question that a person sees in the browser, and the answer.
type ask struct {
	client    *oidcClient
	center    *center
	name      string // user code, or state
	challenge string // of PKCE
	redirect  string
	decided   bool
	person    *person       // nil: refused
	done      chan struct{} // closed when decided

	polled   time.Time // when the client last asked for the token of a device
	interval time.Duration
}

// signIn is a person who has signed in with a client.
type signIn struct {
	person *person
	client *oidcClient
	ends   time.Time
}

// SignInMode is what happens when somebody opens the sign-in page.
type SignInMode string

// The modes.
const (
	// WaitSignIn lets the page wait for Decide; it is the mode at start.
	WaitSignIn SignInMode = "wait"
	// ApproveSignIn signs in at once.
	ApproveSignIn SignInMode = "approve"
	// RefuseSignIn is the person who clicks "deny".
	RefuseSignIn SignInMode = "refuse"
)

// SignIn says what happens at the sign-in page from now on, and who is at the
// browser: a name, or empty for the first person of the instance that is asked.
func (f *Fake) SignIn(mode SignInMode, person string) error {
	switch mode {
	case WaitSignIn, ApproveSignIn, RefuseSignIn:
	default:
		return fmt.Errorf("sign-in mode %q: there are wait, approve and refuse", mode)
	}
	f.signIns.mu.Lock()
	defer f.signIns.mu.Unlock()
	f.signIns.mode, f.signIns.person = mode, person
	return nil
}

// Decide answers a sign-in that waits for its person: mode is ApproveSignIn or
// RefuseSignIn, name its user code or state, or empty for the only one; person
// as in SignIn.
func (f *Fake) Decide(mode SignInMode, name, person string) error {
	if mode != ApproveSignIn && mode != RefuseSignIn {
		return fmt.Errorf("decision %q: there are approve and refuse", mode)
	}
	s := &f.signIns
	s.mu.Lock()
	defer s.mu.Unlock()
	now := f.now()
	if name == "" {
		var names []string
		for n, e := range s.waiting {
			if now.Before(e.expires) {
				names = append(names, n)
			}
		}
		if len(names) != 1 {
			return fmt.Errorf("%d sign-ins are waiting: name one by its user code or state", len(names))
		}
		name = names[0]
	}
	a, _, live := s.waiting.get(name, now)
	if !live {
		return fmt.Errorf("sign-in %.60q: none waits by this user code or state", name)
	}
	return s.decide(a, mode, person)
}

// decide answers a question. The caller holds the lock.
func (s *signIns) decide(a *ask, mode SignInMode, name string) error {
	var who *person
	if mode == ApproveSignIn {
		if len(a.center.people) == 0 {
			return errors.New("the instance has no people")
		}
		who = a.center.people[0]
		if name != "" {
			who = a.center.person(name)
		}
		if who == nil {
			return fmt.Errorf("person %.60q: not of the instance %s", name, a.center.startURL)
		}
	}
	delete(s.waiting, a.name)
	a.decided, a.person = true, who
	close(a.done)
	return nil
}

// Revoke ends all sign-ins of a person, or of everybody for "", and returns how
// many: neither access nor refresh tokens are good any more. Credentials that
// roles have already given stay good, as with AWS.
func (f *Fake) Revoke(person string) int {
	return f.end(person, true)
}

// ExpireTokens ends the access tokens of a person, or of everybody for "", and
// returns how many. Refresh tokens stay good.
func (f *Fake) ExpireTokens(person string) int {
	return f.end(person, false)
}

func (f *Fake) end(person string, refreshToo bool) int {
	s := &f.signIns
	s.mu.Lock()
	defer s.mu.Unlock()
	ended := map[*signIn]bool{}
	for _, t := range []table[*signIn]{s.access, s.refresh} {
		for token, e := range t {
			if person == "" || e.value.person.name == person {
				ended[e.value] = true
				delete(t, token)
			}
		}
		if !refreshToo {
			break
		}
	}
	return len(ended)
}

// opaque makes a token. Real ones are long, and clients shall not count on
// less.
func opaque() string {
	var b strings.Builder
	for range 16 {
		b.WriteString(rand.Text())
	}
	return b.String()
}
