package login_test

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/session"
)

// found tells in which file below a directory a text is, or "".
func found(t *testing.T, dir, text string) string {
	t.Helper()
	at := ""
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), text) {
			at = path
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestLogout(t *testing.T) {
	c, at := newCenter(), dir(t)
	l, _ := newLogins(t, c, login.Config{Dir: at})
	if was, err := l.Logout(t.Context(), corp()); was || err != nil {
		t.Errorf("Logout of nobody: got %v, %v", was, err)
	}
	if _, known, err := l.Token(t.Context(), corp()); known || err != nil {
		t.Errorf("Token after a logout of nobody: got known %v, %v", known, err)
	}
	signIn(t, l, c, corp())
	if found(t, at, "CANARYaccess1") == "" {
		t.Fatal("the token is not stored")
	}
	if was, err := l.Logout(t.Context(), corp()); !was || err != nil {
		t.Errorf("Logout: got %v, %v", was, err)
	}
	if path := found(t, at, "CANARY"); path != "" {
		t.Errorf("%s has a secret after the logout", path)
	}
	if len(c.ended) != 1 || c.ended[0] != "CANARYaccess1" {
		t.Errorf("logins that the portal ended: got %v", c.ended)
	}
	wantNeedsLogin(t, l, corp(), "signed out")
	again, _ := newLogins(t, c, login.Config{Dir: at})
	wantNeedsLogin(t, again, corp(), "signed out")
	signIn(t, again, c, corp())
	wantToken(t, again, corp(), "CANARYaccess2")
}

func TestLogoutWithoutAWS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCenter()
		hang := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/logout") {
				<-r.Context().Done()
			}
			return c.RoundTrip(r)
		})}
		l, _ := newLogins(t, c, login.Config{HTTP: hang})
		signIn(t, l, c, corp())
		began := time.Now()
		if was, err := l.Logout(t.Context(), corp()); !was || err != nil {
			t.Errorf("Logout: got %v, %v", was, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("Logout without AWS: took %v", took)
		}
	})
}

// TestLogoutWins: a renewal that began before does not bring the login back.
func TestLogoutWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, at := newCenter(), dir(t)
		hold := make(chan struct{})
		slow := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			answer, err := c.RoundTrip(r) // AWS has renewed it
			if c.count(refreshCall) == 1 && strings.HasSuffix(r.URL.Path, "/token") {
				<-hold
			}
			return answer, err
		})}
		l, _ := newLogins(t, c, login.Config{Dir: at, HTTP: slow})
		signIn(t, l, c, corp())
		time.Sleep(2 * time.Hour)
		got := make(chan error, 1)
		go func() { _, _, err := l.Token(t.Context(), corp()); got <- err }()
		synctest.Wait()
		if was, err := l.Logout(t.Context(), corp()); !was || err != nil {
			t.Errorf("Logout: got %v, %v", was, err)
		}
		wantNeedsLogin(t, l, corp(), "signed out")
		close(hold)
		wantError(t, "Token of who waited", <-got, session.Person, `sso-session "corp": signed out`, "run: vendord login corp")
		synctest.Wait()
		wantNeedsLogin(t, l, corp(), "signed out")
		if path := found(t, at, "CANARY"); path != "" {
			t.Errorf("%s has a secret after the logout", path)
		}
	})
}

// TestLogoutWhileRedeeming: nor does a login whose code is on its way.
func TestLogoutWhileRedeeming(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, at := newCenter(), dir(t)
		hold := make(chan struct{})
		slow := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			answer, err := c.RoundTrip(r)
			if strings.HasSuffix(r.URL.Path, "/token") {
				<-hold
			}
			return answer, err
		})}
		l, _ := newLogins(t, c, login.Config{Dir: at, HTTP: slow})
		p := start(t, l, corp(), inBrowser)
		code, state := c.browser(t, p.URL)
		got := make(chan error, 1)
		go func() { got <- l.Finish(t.Context(), p.ID, code, state) }()
		synctest.Wait()
		if _, err := l.Logout(t.Context(), corp()); err != nil {
			t.Error(err)
		}
		close(hold)
		wantError(t, "Finish", <-got, session.Person, "login: a logout ended it", "run vendord login once more, with the same name")
		synctest.Wait()
		if token, _, _ := l.Token(t.Context(), corp()); token != "" || found(t, at, "CANARY") != "" {
			t.Error("the login came back")
		}
	})
}

// TestLogoutWhileStoring: what is written while somebody signs out is wiped.
func TestLogoutWhileStoring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, ring, slow := newCenter(), newRing(), make(chan struct{})
		l, _ := newLogins(t, c, login.Config{Dir: dir(t), Keyring: waiter{ring, slow}})
		p := start(t, l, corp(), inBrowser)
		code, state := c.browser(t, p.URL)
		got := make(chan error, 2)
		go func() { got <- l.Finish(t.Context(), p.ID, code, state) }()
		synctest.Wait() // for the keyring
		out := make(chan error, 1)
		go func() { _, err := l.Logout(t.Context(), corp()); out <- err }()
		synctest.Wait()
		close(slow)
		if err := <-out; err != nil {
			t.Errorf("Logout: %v", err)
		}
		wantError(t, "Finish", <-got, session.Person, "login: a logout ended it", "run vendord login once more, with the same name")
		synctest.Wait()
		if token, _, _ := l.Token(t.Context(), corp()); token != "" || len(ring.entries) != 0 {
			t.Errorf("the login came back: %v", ring.entries)
		}
	})
}

// waiter is a keyring that is slow to write.
type waiter struct {
	*ring
	until chan struct{}
}

func (w waiter) Set(ctx context.Context, name, secret string) error {
	<-w.until
	return w.ring.Set(ctx, name, secret)
}

func TestWipe(t *testing.T) {
	c, at, ring := newCenter(), dir(t), newRing()
	l, _ := newLogins(t, c, login.Config{Dir: at, Keyring: ring})
	other := corp()
	other.Session = "other"
	signIn(t, l, c, corp())
	signIn(t, l, c, other)
	l.Offer("serial", "123456")
	// Of another daemon's life: nobody has read them out of the keyring yet.
	again, _ := newLogins(t, c, login.Config{Dir: at, Keyring: ring})
	if n, err := again.Wipe(t.Context()); n != 2 || err != nil {
		t.Errorf("Wipe: got %d, %v, want 2", n, err)
	}
	if len(ring.entries) != 0 || found(t, at, "CANARY") != "" {
		t.Errorf("Wipe: left %v", ring.entries)
	}
	if n, err := l.Wipe(t.Context()); n != 2 || err != nil {
		t.Errorf("Wipe of what is in memory: got %d, %v, want 2", n, err)
	}
	wantNeedsLogin(t, l, corp(), "signed out")
	if _, err := l.Code(t.Context(), session.Request{MFASerial: "serial"}); err == nil {
		t.Error("Code: got one after Wipe")
	}
}
