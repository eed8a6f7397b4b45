package login

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sso"

	"github.com/vendord/vendord/session"
)

// farewell is how long the portal may take to end its part of a login, and wiping
// how long the stores may take to end ours. Neither is cut short by a caller who
// leaves.
const farewell, wiping = 4 * time.Second, 8 * time.Second

// Logout signs out: it forgets the token in memory at once, wipes what is stored,
// the AWS CLI's file too if SignIn.Share, and then asks the portal to end the
// login, which may fail. It reports whether anybody was signed in. An error says
// what could not be wiped. Credentials that AWS has given for the login live on
// until they expire.
func (l *Logins) Logout(ctx context.Context, s session.SignIn) (bool, error) {
	if err := checkSignIn(s); err != nil {
		return false, err
	}
	l.mu.Lock()
	e := l.entryLocked(s)
	share := s.Share || e.shared
	token := l.dismiss(e)
	l.mu.Unlock()
	token, err := l.wipe(context.WithoutCancel(ctx), e, token, share)
	if token != nil {
		l.endAtPortal(context.WithoutCancel(ctx), e.who, token)
	}
	return token != nil, err
}

// Wipe signs out of everything, and forgets MFA codes and registrations. It
// returns how many logins there were.
func (l *Logins) Wipe(ctx context.Context) (int, error) {
	l.mu.Lock()
	l.drop(func(*offer) bool { return true })
	clear(l.clients)
	all := l.removeAside()
	tokens, shared := map[*entry]*token{}, map[*entry]bool{}
	for _, e := range l.entries {
		shared[e] = e.shared
		tokens[e] = l.dismiss(e)
	}
	l.mu.Unlock()
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		n     int
	)
	ctx = context.WithoutCancel(ctx)
	for e, t := range tokens {
		group.Go(func() {
			t, err := l.wipe(ctx, e, t, shared[e])
			mu.Lock()
			all = append(all, err)
			if t != nil {
				n++
			}
			mu.Unlock()
			if t != nil {
				l.endAtPortal(ctx, e.who, t)
			}
		})
	}
	group.Wait()
	return n, errors.Join(all...)
}

// removeAside removes damaged files, those that an earlier vendord found
// included: there may be a token in the damage.
func (l *Logins) removeAside() (failed []error) {
	if l.files == nil {
		return nil
	}
	files, err := l.files.names(aside)
	failed = append(failed, err)
	for _, file := range files {
		failed = append(failed, l.files.remove(file))
	}
	return failed
}

// dismiss ends a login in memory: nobody is handed its token from now on, and
// what is on its way for it is void. Called with the lock.
func (l *Logins) dismiss(e *entry) *token {
	t := e.token
	if t != nil || e.kept != Nowhere {
		e.over = person(e.who, "signed out")
	}
	e.epoch++
	e.token, e.failed, e.refused, e.retryAt, e.problem = nil, nil, false, time.Time{}, ""
	if t != nil {
		e.floor = t.expires
	}
	if e.renewal != nil {
		e.renewal.cancel()
	}
	if e.pending != nil {
		l.end(e.pending, ended("a logout ended it"))
	}
	return t
}

// wipe ends a login on the disk and in the keyring, and returns its token: t, or
// what it found there. It waits for whoever is writing, who finds the login
// dismissed and lets go.
func (l *Logins) wipe(ctx context.Context, e *entry, t *token, share bool) (*token, error) {
	ctx, cancel := context.WithTimeout(ctx, wiping)
	defer cancel()
	if share {
		defer l.tryShared(ctx)() // wiped all the same: that is what counts
	}
	release, err := e.hold(ctx)
	if err != nil {
		return t, unwiped(e.who, errors.New("another program is writing it"))
	}
	defer release()
	l.mu.Lock()
	kept, unread := e.kept, e.unread
	anew := e.token != nil && kept != InShared
	l.mu.Unlock()
	if anew {
		return t, nil // somebody has signed in since, over what was stored
	}
	if t == nil && unread {
		t, _ = l.fromKeyring(ctx, e.who)
	}
	var failed []error
	if kept == InKeyring || unread || l.config.Keyring != nil && kept != Nowhere {
		failed = append(failed, l.deleteKeyring(ctx, e.who, kept == InKeyring))
	}
	if kept != Nowhere {
		failed = append(failed, l.writeFile(e.who, keptFile{Kept: Nowhere}))
	}
	if l.files != nil {
		failed = append(failed, l.files.remove(name(e.who)+".json"+aside))
	}
	if share {
		if found, err := l.readShared(e.who); err == nil && (t == nil || found.expires.After(t.expires)) {
			t = found
		}
		failed = append(failed, l.removeShared(e.who))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.token != nil { // taken over from the CLI's file before that was removed
		t = e.token
		e.token = nil
		e.epoch++
	}
	e.unread = false
	if t != nil && t.expires.After(e.floor) {
		e.floor = t.expires
	}
	if t != nil {
		e.over = person(e.who, "signed out")
	}
	if err := errors.Join(failed...); err != nil {
		return t, unwiped(e.who, err) // where it is stays known, for the next who wipes
	}
	e.kept, e.shared = Nowhere, false
	return t, nil
}

func unwiped(s session.SignIn, err error) error {
	return &session.Error{Class: session.Person, Public: subject(s) + ": signed out, but not everything could be wiped: " + cut(session.Visible(err.Error())),
		Hint: "remove it by hand", Err: err}
}

// endAtPortal asks AWS to end a login. Best effort: the person may be offline,
// and what vendord had is gone.
func (l *Logins) endAtPortal(ctx context.Context, s session.SignIn, t *token) {
	if !l.now().Before(t.expires) {
		return // AWS would refuse the token
	}
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	c := l.call(s)
	if _, err := c.portal().Logout(ctx, &sso.LogoutInput{AccessToken: aws.String(t.access.text())}); err != nil {
		l.log.Info("AWS was not told of a logout", "sign_in", label(s), "err", session.AsError(c.failure(err)).Public)
	}
}
