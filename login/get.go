package login

import (
	"context"
	"time"

	"github.com/vendord/vendord/session"
)

const (
	// renewBefore is how long before a token's end it is renewed. AWS's live
	// for an hour.
	renewBefore = 5 * time.Minute
	// renewLimit is how long one renewal may take, its wait for other
	// programs' included.
	renewLimit = 20 * time.Second
	// Between failed attempts: as long as the token lives, and after.
	restLiving, restDead = 30 * time.Second, 2 * time.Second
	// rereadAfter is how long another program has to write what it renewed.
	rereadAfter = time.Second
)

// Token returns the access token of who signed in, renewed if it is about to end;
// a caller waits for that as long as ctx allows. known is false where nobody ever
// signed in through vendord. It never waits for a person: where somebody has to
// sign in, the error is a *session.Error of class Person, whose hint names the
// sso-session, which a caller who knows the source's name can put better.
// Trouble on the way to AWS is Retry, and only where the old token has ended.
func (l *Logins) Token(ctx context.Context, s session.SignIn) (text string, known bool, err error) {
	if err := checkSignIn(s); err != nil {
		return "", true, err
	}
	e := l.entry(s)
	if err := l.load(ctx, e); err != nil && !(s.Share && l.adopt(e)) {
		return "", true, err
	}
	if s.Share {
		l.adopt(e)
	}
	l.mu.Lock()
	r, now := e.renewal, l.now()
	switch {
	case e.token == nil, e.token.left(now) > renewBefore:
		r = nil
	case r == nil && e.renewable(now) && !now.Before(e.retryAt) && !l.closed:
		r = l.startRenewal(e, s.Share)
	}
	l.mu.Unlock()
	if r != nil {
		select {
		case <-r.done:
		case <-ctx.Done():
		}
	}
	return l.answer(e)
}

// Rejected says that AWS does not take a token of Token's any more, though it should
// live on: it has ended, and the next Token renews it or says that somebody has to
// sign in.
func (l *Logins) Rejected(s session.SignIn, text string) {
	if checkSignIn(s) != nil {
		return
	}
	e := l.entry(s)
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.token == nil || e.token.access.text() != text {
		return // there is another one by now
	}
	spent := *e.token
	spent.spent = true
	e.token, e.retryAt = &spent, time.Time{}
}

// answer is what an entry has for its caller now.
func (l *Logins) answer(e *entry) (text string, known bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	switch {
	case e.over != nil:
		return "", true, e.over
	case e.token == nil:
		return "", false, nil
	case e.token.left(now) > 0:
		return e.token.access.text(), true, nil
	case e.failed != nil:
		return "", true, e.failed
	case !e.renewable(now):
		return "", true, expired(e.who)
	}
	return "", true, &session.Error{Class: session.Retry, Public: subject(e.who) + ": its login is being renewed; AWS has not answered yet"}
}

// renewal is one attempt to renew a token, for all who wait.
type renewal struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// startRenewal begins one behind the caller's back: it goes on should they
// leave. Called with the lock.
func (l *Logins) startRenewal(e *entry, share bool) *renewal {
	ctx, cancel := context.WithTimeout(l.ctx, renewLimit)
	r := &renewal{cancel: cancel, done: make(chan struct{})}
	old, epoch := e.token, e.epoch
	e.renewal = r
	l.work.Go(func() {
		defer cancel()
		err := l.renew(ctx, e, old, epoch, share)
		l.mu.Lock()
		if e.renewal == r {
			e.renewal = nil
		}
		if e.epoch == epoch {
			e.settle(err, l.now())
		}
		l.mu.Unlock()
		close(r.done)
	})
	return r
}

// settle notes how a renewal of the current token went.
func (e *entry) settle(err error, now time.Time) {
	e.failed, e.retryAt = err, time.Time{}
	if err == nil {
		return
	}
	// What AWS refused for good is not asked again; the token may live on.
	if got := session.AsError(err); got.Class != session.Retry {
		e.refused = true
		return
	}
	rest := restDead
	if e.token.left(now) > 0 {
		rest = restLiving
	}
	e.retryAt = now.Add(rest)
}

// renew replaces one token by the next. The new one is stored before anybody is
// given it: AWS may take the old refresh token back once it is used, and a crash
// must not leave that one alone on the disk.
func (l *Logins) renew(ctx context.Context, e *entry, old *token, epoch int, share bool) error {
	if share {
		unlock, err := l.lockShared(ctx)
		if err != nil {
			return &session.Error{Class: session.Retry, Public: subject(e.who) + ": another program is renewing its login", Err: err}
		}
		defer unlock()
		// Who had the lock before may have renewed it.
		if l.adopt(e) {
			return nil
		}
	}
	if l.reread(ctx, e, epoch) {
		return nil
	}
	next, err := l.refresh(ctx, e.who, old)
	if err != nil {
		// The AWS CLI knows nothing of our lock. Where it was first, the
		// refresh token that AWS refuses is the old one.
		if share && l.adopt(e) {
			return nil
		}
		if got := session.AsError(err); got.Class != session.Retry {
			if l.rereadTwice(ctx, e, epoch) {
				return nil
			}
			l.log.Warn("login cannot be renewed", "sign_in", label(e.who), "err", got.Public)
		}
		return err
	}
	l.commit(e, next, commitment{epoch: epoch, share: share})
	return nil
}
