package login_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/session"
)

const refreshCall = "token refresh_token"

func TestRenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCenter()
		l, _ := newLogins(t, c, login.Config{Dir: dir(t)})
		signIn(t, l, c, corp())
		time.Sleep(54 * time.Minute)
		wantToken(t, l, corp(), "CANARYaccess1")
		time.Sleep(2 * time.Minute)
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() { wantToken(t, l, corp(), "CANARYaccess2") })
		}
		group.Wait()
		if n := c.count(refreshCall); n != 1 {
			t.Errorf("renewals for 50 callers: got %d, want 1", n)
		}
		// The refresh token was rotated, and again: a day of it, seldom asked.
		for i := range 8 {
			time.Sleep(3 * time.Hour)
			wantToken(t, l, corp(), fmt.Sprintf("CANARYaccess%d", i+3))
		}
	})
}

// TestRejected: what AWS does not take any more is renewed before its time, wherever
// it is kept, or somebody has to sign in; a token that it was replaced by is spared.
func TestRejected(t *testing.T) {
	shared := corp()
	shared.Share = true
	for name, place := range map[string]struct {
		in     session.SignIn
		config login.Config
	}{
		"in memory":              {corp(), login.Config{}},
		"in a file":              {corp(), login.Config{Dir: dir(t)}},
		"in the keyring":         {corp(), login.Config{Dir: dir(t), Keyring: newRing()}},
		"shared with the others": {shared, login.Config{Dir: dir(t), Home: dir(t)}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCenter()
				l, _ := newLogins(t, c, place.config)
				signIn(t, l, c, place.in)
				wantToken(t, l, place.in, "CANARYaccess1")
				l.Rejected(place.in, "CANARYaccess1")
				wantToken(t, l, place.in, "CANARYaccess2")
				l.Rejected(place.in, "CANARYaccess1") // somebody else's, and late
				wantToken(t, l, place.in, "CANARYaccess2")
				if n := c.count(refreshCall); n != 1 {
					t.Errorf("renewals: got %d, want 1", n)
				}
			})
		})
	}
	t.Run("and the refresh token too", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCenter()
			l, _ := newLogins(t, c, login.Config{})
			signIn(t, l, c, corp())
			c.refreshes = nil
			wantToken(t, l, corp(), "CANARYaccess1")
			l.Rejected(corp(), "CANARYaccess1")
			wantNeedsLogin(t, l, corp(), "its login has expired")
		})
	})
}

// TestNotRotated: an answer without a refresh token leaves the old one good.
func TestNotRotated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCenter()
		c.noRotation = true
		l, _ := newLogins(t, c, login.Config{})
		signIn(t, l, c, corp())
		for i := range 3 {
			time.Sleep(time.Hour)
			wantToken(t, l, corp(), fmt.Sprintf("CANARYaccess%d", i+2))
		}
	})
}

// TestRotatedTokenSurvives: what AWS gave is on the disk before anybody has it.
func TestRotatedTokenSurvives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, at := newCenter(), dir(t)
		l, _ := newLogins(t, c, login.Config{Dir: at})
		signIn(t, l, c, corp())
		time.Sleep(2 * time.Hour)
		wantToken(t, l, corp(), "CANARYaccess2")
		// No Close: as after a crash.
		again, _ := newLogins(t, c, login.Config{Dir: at})
		wantToken(t, again, corp(), "CANARYaccess2")
		time.Sleep(2 * time.Hour)
		wantToken(t, again, corp(), "CANARYaccess3")
	})
}

func TestRenewalFails(t *testing.T) {
	const corp_ = `sso-session "corp": `
	down := func(call string, w http.ResponseWriter) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}
	t.Run("the living token is handed out", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCenter()
			l, _ := newLogins(t, c, login.Config{})
			signIn(t, l, c, corp())
			c.fail = down
			time.Sleep(56 * time.Minute)
			for range 100 {
				wantToken(t, l, corp(), "CANARYaccess1")
			}
			if n := c.count(refreshCall); n != 3 {
				t.Errorf("attempts: got %d, want the 3 of one renewal", n)
			}
			time.Sleep(5 * time.Minute)
			_, known, err := l.Token(t.Context(), corp())
			if !known {
				t.Error("Token: known is false")
			}
			wantError(t, "Token of a dead one", err, session.Retry, corp_+"AWS has trouble of its own: HTTP 503", "")
			c.set(func() { c.fail = nil })
			time.Sleep(3 * time.Second)
			wantToken(t, l, corp(), "CANARYaccess2")
		})
	})
	t.Run("AWS refuses for good", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCenter()
			l, _ := newLogins(t, c, login.Config{})
			signIn(t, l, c, corp())
			c.refreshes = nil
			time.Sleep(56 * time.Minute)
			wantToken(t, l, corp(), "CANARYaccess1")
			time.Sleep(5 * time.Minute)
			for range 10 {
				wantNeedsLogin(t, l, corp(), "its login has expired")
			}
			if n := c.count(refreshCall); n != 1 {
				t.Errorf("renewals: got %d, want 1", n)
			}
			if got := l.Known(); len(got) != 1 || got[0].Problem != corp_+"its login has expired" || got[0].Renewable {
				t.Errorf("Known: got %+v", got)
			}
			signIn(t, l, c, corp())
			wantToken(t, l, corp(), "CANARYaccess2")
		})
	})
	t.Run("the registration is gone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCenter()
			l, _ := newLogins(t, c, login.Config{})
			signIn(t, l, c, corp())
			c.fail = func(call string, w http.ResponseWriter) bool {
				if call == refreshCall {
					refuse(w, "InvalidClientException")
				}
				return call == refreshCall
			}
			time.Sleep(2 * time.Hour)
			wantNeedsLogin(t, l, corp(), "AWS does not know vendord's registration any more")
			c.set(func() { c.fail = nil })
			signIn(t, l, c, corp())
			if n := c.count("client/register"); n != 2 {
				t.Errorf("registrations: got %d, want another", n)
			}
		})
	})
	t.Run("a request that was good an hour ago", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCenter()
			l, _ := newLogins(t, c, login.Config{})
			signIn(t, l, c, corp())
			c.fail = func(_ string, w http.ResponseWriter) bool { refuse(w, "InvalidRequestException"); return true }
			time.Sleep(2 * time.Hour)
			wantNeedsLogin(t, l, corp(), "its login has expired")
		})
	})
	t.Run("the registration ends after 90 days", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCenter()
			l, _ := newLogins(t, c, login.Config{})
			signIn(t, l, c, corp())
			time.Sleep(89*24*time.Hour + 12*time.Hour)
			wantToken(t, l, corp(), "CANARYaccess2")
			time.Sleep(24 * time.Hour)
			wantNeedsLogin(t, l, corp(), "its login has expired")
			signIn(t, l, c, corp())
			if n := c.count("client/register"); n != 2 {
				t.Errorf("registrations: got %d, want another", n)
			}
		})
	})
	t.Run("the caller leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCenter()
			slow := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				if c.count("token authorization_code") == 1 {
					time.Sleep(5 * time.Second)
				}
				return c.RoundTrip(r)
			})}
			l, _ := newLogins(t, c, login.Config{HTTP: slow})
			signIn(t, l, c, corp())
			time.Sleep(56 * time.Minute)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if got, _, err := l.Token(ctx, corp()); got != "CANARYaccess1" || err != nil {
				t.Errorf("Token: got %q, %v, want the living one", got, err)
			}
			synctest.Wait()
			time.Sleep(10 * time.Second)
			wantToken(t, l, corp(), "CANARYaccess2")
			time.Sleep(2 * time.Hour)
			ctx, cancel = context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, _, err := l.Token(ctx, corp())
			wantError(t, "Token", err, session.Retry, corp_+"its login is being renewed; AWS has not answered yet", "")
			time.Sleep(10 * time.Second)
			wantToken(t, l, corp(), "CANARYaccess3")
		})
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestClockSetRight: a clock that was a day ahead does not keep a token from being
// renewed for that day once it is set right.
func TestClockSetRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ahead := newCenter(), 24*time.Hour
		l, _ := newLogins(t, c, login.Config{Dir: dir(t), Now: func() time.Time { return time.Now().Add(ahead) }})
		c.registered += ahead
		signIn(t, l, c, corp())
		ahead = 0
		wantToken(t, l, corp(), "CANARYaccess1")
		time.Sleep(56 * time.Minute)
		wantToken(t, l, corp(), "CANARYaccess2")
		ahead = 24 * time.Hour
		wantToken(t, l, corp(), "CANARYaccess3")
	})
}
