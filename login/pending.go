package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/vendord/vendord/session"
)

// The ways to sign in.
const (
	Browser = "browser" // the authorization code grant with PKCE, on this machine
	Device  = "device"  // a code that is typed into a browser anywhere
)

const (
	// patience is how long a login stays pending, and how long what came of it
	// is remembered; startLimit is for AWS's part in its start and its end.
	patience   = 10 * time.Minute
	startLimit = 15 * time.Second
	// remembered is how many logins, pending and ended, are known at most.
	remembered = 64
)

// Options says how somebody wants to sign in.
type Options struct {
	// Port is where on 127.0.0.1 the command listens for the browser, at
	// CallbackPath. 0: there is no browser, and Device it is.
	Port uint16
}

// CallbackPath is where the browser is sent back to, as with the AWS CLI.
const CallbackPath = "/oauth/callback"

// method is Browser or Device.
func (o Options) method() string {
	if o.Port == 0 {
		return Device
	}
	return Browser
}

// redirect is always on this machine: whoever else it led to would be handed the
// code, and could keep the person from it.
func (o Options) redirect() string {
	return fmt.Sprintf("http://127.0.0.1:%d%s", o.Port, CallbackPath)
}

// Pending is a login that waits for a person. It has no secret; the state in the
// URL is for that person's browser alone.
type Pending struct {
	ID     string `json:"id"`
	Method string `json:"method"`
	// URL is where to sign in: https, or http on this machine for an emulator.
	URL string `json:"url"`
	// UserCode is what the page of the device flow shows, or wants typed.
	UserCode string    `json:"user_code,omitempty"`
	Expires  time.Time `json:"expires"`
	// Joined says that somebody else began it: the redirect goes to them.
	Joined bool `json:"joined,omitempty"`
}

// pending is a Pending and what becomes of it. Fields below ready are set before
// it is closed; share, redeeming, over and err belong to the Logins' lock.
type pending struct {
	id       string
	who      session.SignIn
	method   string
	redirect string
	verifier secret
	state    secret
	share    bool // as SignIn.Share, of any who joined
	epoch    int
	cancel   context.CancelFunc
	ready    chan struct{} // closed when AWS has answered
	done     chan struct{} // closed when the login has ended

	client  registration
	url     string
	code    string // the user's
	expires time.Time

	redeeming bool
	over      bool
	err       error
}

// Start begins a login, or joins the one that is pending for the same SignIn. An
// error is a *session.Error.
func (l *Logins) Start(ctx context.Context, s session.SignIn, o Options) (Pending, error) {
	if err := checkSignIn(s); err != nil {
		return Pending{}, err
	}
	p, joined, err := l.begin(s, o)
	if err != nil {
		return Pending{}, err
	}
	select {
	case <-p.ready:
	case <-ctx.Done():
		if !joined { // whoever comes next would join what nobody listens for
			l.Cancel(p.id)
		}
		return Pending{}, &session.Error{Class: session.Retry, Public: subject(s) + ": AWS has not answered yet", Err: ctx.Err()}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.over && p.err != nil {
		return Pending{}, p.err
	}
	return Pending{ID: p.id, Method: p.method, URL: p.url, UserCode: p.code, Expires: p.expires, Joined: joined}, nil
}

// begin finds the pending login of a SignIn, or makes it and asks AWS behind the
// caller's back: who joins must not lose it when the first one leaves.
func (l *Logins) begin(s session.SignIn, o Options) (p *pending, joined bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, false, ended("vendord is stopping")
	}
	e := l.entryLocked(s)
	if e.pending != nil {
		e.pending.share = e.pending.share || s.Share
		return e.pending, true, nil
	}
	ctx, cancel := context.WithTimeout(l.ctx, patience)
	p = &pending{id: rand.Text(), who: e.who, share: s.Share, method: o.method(), redirect: o.redirect(),
		verifier: hide(random()), state: hide(random()), epoch: e.epoch, cancel: cancel, ready: make(chan struct{}), done: make(chan struct{}), expires: l.now().Add(patience)}
	e.pending = p
	l.remember(p)
	l.work.Go(func() { l.run(ctx, p) })
	return p, false, nil
}

// random is 256 bits as a verifier has to be spelled (RFC 7636, 4.1).
func random() string {
	var b [32]byte
	rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// remember keeps the last logins by id, for those who ask how they went.
func (l *Logins) remember(p *pending) {
	l.pending = append(l.pending, p)
	if len(l.pending) > remembered {
		l.end(l.pending[0], ended("too many are pending"))
		l.pending = slices.Delete(l.pending, 0, 1)
	}
}

// run is a pending login from its start to its end.
func (l *Logins) run(ctx context.Context, p *pending) {
	defer p.cancel()
	poll, err := l.prepare(ctx, p)
	if err != nil {
		l.finished(p, err)
		close(p.ready)
		return
	}
	close(p.ready)
	if poll != nil {
		l.finished(p, poll(ctx))
		return
	}
	select {
	case <-p.done:
	case <-ctx.Done():
		l.mu.Lock()
		defer l.mu.Unlock()
		if !p.redeeming { // the person was in time
			l.end(p, timedOut())
		}
	}
}

func timedOut() *session.Error { return ended("it was not finished in time") }

// prepare asks AWS for what the person needs; the device flow goes on by itself.
func (l *Logins) prepare(ctx context.Context, p *pending) (poll func(context.Context) error, err error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if p.method == Device {
		return l.prepareDevice(ctx, p)
	}
	if p.client, err = l.register(ctx, p.who, registeredRedirect); err != nil {
		return nil, err
	}
	at, err := l.call(p.who).authority(ctx)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(p.verifier.text()))
	p.url = strings.TrimSuffix(at, "/") + "/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {p.client.id}, "redirect_uri": {p.redirect}, "state": {p.state.text()},
		"code_challenge_method": {"S256"}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])},
		"scopes": {strings.Join(scopes(p.who), " ")}, // AWS's parameter has an s
	}.Encode()
	if !webAddress(p.url) {
		return nil, l.call(p.who).odd("an address that is none")
	}
	return nil, nil
}

// Finish redeems the code that the browser brought back, and returns when the
// token is stored. A state that is not the login's changes nothing: any program
// of this machine, and any page, can call the command's address. With the right
// state an empty code says that the person, or AWS, refused. An error is a
// *session.Error.
func (l *Logins) Finish(ctx context.Context, id, code, state string) error {
	p, err := l.find(id)
	if err != nil {
		return err
	}
	select {
	case <-p.ready:
	default:
		return ended("AWS has not answered yet")
	}
	if subtle.ConstantTimeCompare([]byte(state), []byte(p.state.text())) != 1 || p.method != Browser {
		return ended("the answer is not for this one")
	}
	l.mu.Lock()
	again := p.redeeming || p.over
	switch {
	case again:
	case !l.now().Before(p.expires):
		l.end(p, timedOut())
		again = true
	case !tokenText(code):
		l.end(p, ended("it was refused in the browser"))
	default:
		p.redeeming = true
		l.work.Go(func() { l.complete(p, code) })
	}
	was := p.err
	l.mu.Unlock()
	if again {
		if was != nil {
			return was
		}
		return ended("its code has been used")
	}
	return l.wait(ctx, p)
}

// complete redeems the code, which nobody can do a second time.
func (l *Logins) complete(p *pending, code string) {
	ctx, cancel := context.WithTimeout(l.ctx, startLimit)
	defer cancel()
	t, err := l.redeem(ctx, p, code)
	if err == nil {
		err = l.signedIn(p, t)
	}
	l.finished(p, err)
}

// signedIn stores the token of a login, unless a Logout came before it.
func (l *Logins) signedIn(p *pending, t *token) error {
	l.mu.Lock()
	e, share := l.entryLocked(p.who), p.share
	l.mu.Unlock()
	if share {
		defer l.tryShared(l.ctx)() // written all the same: the person is here now
	}
	if !l.commit(e, t, commitment{epoch: p.epoch, share: share, login: true}) {
		return ended("a logout ended it")
	}
	return nil
}

// Wait returns when a login has ended: nil once its token is stored.
func (l *Logins) Wait(ctx context.Context, id string) error {
	p, err := l.find(id)
	if err != nil {
		return err
	}
	return l.wait(ctx, p)
}

func (l *Logins) wait(ctx context.Context, p *pending) error {
	select {
	case <-p.done:
		l.mu.Lock()
		defer l.mu.Unlock()
		return p.err
	case <-ctx.Done():
		return &session.Error{Class: session.Retry, Public: subject(p.who) + ": the login is still pending", Err: ctx.Err()}
	}
}

// Cancel ends a pending login, for a command that goes away: who comes next
// begins a new one, whose redirect somebody listens for.
func (l *Logins) Cancel(id string) {
	p, err := l.find(id)
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !p.redeeming { // the person is done
		l.end(p, ended("it was cancelled"))
	}
}

func (l *Logins) find(id string) (*pending, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.pending {
		if p.id == id {
			return p, nil
		}
	}
	return nil, ended("there is none of this id")
}

func (l *Logins) finished(p *pending, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end(p, err)
}

// end notes how a login ended, the first time. Called with the lock.
func (l *Logins) end(p *pending, err error) {
	if p.over {
		return
	}
	p.over, p.err = true, err
	if e := l.entryLocked(p.who); e.pending == p {
		e.pending = nil
	}
	p.cancel()
	close(p.done)
}
