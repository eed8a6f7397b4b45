//go:build unix

package login_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/session"
)

const corpName = `sso-session "corp": `

// TestNetworkTrouble: the causes are told by kind. What the network says at large
// may hold a proxy's password, or a part of the answer.
func TestNetworkTrouble(t *testing.T) {
	for public, err := range map[string]error{
		`the name "oidc.eu-west-1.amazonaws.com" cannot be found`:                                      &net.DNSError{Name: "oidc.eu-west-1.amazonaws.com", Err: "CANARY"},
		"AWS's certificate cannot be trusted; if a proxy opens TLS here, name its CA in SSL_CERT_FILE": &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}},
		"no answer from AWS in time":  context.DeadlineExceeded,
		"AWS cannot be reached":       &net.OpError{Op: "dial", Err: errors.New("CANARY refused")},
		"the connection to AWS broke": io.ErrUnexpectedEOF,
	} {
		t.Run(public, func(t *testing.T) {
			c := newCenter()
			l, _ := newLogins(t, c, login.Config{HTTP: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, err })}})
			_, got := l.Start(t.Context(), corp(), inBrowser)
			wantError(t, "Start", got, session.Retry, corpName+public, "")
		})
	}
}

// TestSlowAWS: callers leave when they want to, and the login goes on; but who
// leaves its start leaves none behind, whose redirect nobody listens for and which
// all others would join.
func TestSlowAWS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCenter()
		slow := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			time.Sleep(5 * time.Second)
			return c.RoundTrip(r)
		})}
		l, _ := newLogins(t, c, login.Config{HTTP: slow})
		soon := func() context.Context {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			t.Cleanup(cancel)
			return ctx
		}
		_, err := l.Start(soon(), corp(), inBrowser)
		wantError(t, "Start", err, session.Retry, corpName+"AWS has not answered yet", "")
		p := start(t, l, corp(), inBrowser)
		if p.Joined {
			t.Error("Start after one that was left: got joined, want a login of its own")
		}
		wantError(t, "Wait", l.Wait(soon(), p.ID), session.Retry, corpName+"the login is still pending", "")
		if got := l.Known(); len(got) != 1 || !got[0].Pending {
			t.Errorf("Known: got %+v, want a pending login", got)
		}
		code, state := c.browser(t, p.URL)
		wantError(t, "Finish", l.Finish(soon(), p.ID, code, state), session.Retry, corpName+"the login is still pending", "")
		if err := l.Wait(t.Context(), p.ID); err != nil {
			t.Errorf("Wait: %v", err)
		}
		wantToken(t, l, corp(), "CANARYaccess1")
	})
}

// TestWhatTheLogSays: what nobody is told otherwise.
func TestWhatTheLogSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCenter()
		home := filepath.Join(t.TempDir(), "home") // not a directory
		if err := os.WriteFile(home, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		l, log := newLogins(t, c, login.Config{Home: home})
		signIn(t, l, c, shares())
		c.refreshes = nil
		time.Sleep(56 * time.Minute)
		wantToken(t, l, shares(), "CANARYaccess1")
		c.set(func() {
			c.fail = func(_ string, w http.ResponseWriter) bool { w.WriteHeader(http.StatusForbidden); return true }
		})
		if _, err := l.Logout(t.Context(), corp()); err != nil {
			t.Error(err)
		}
		for _, want := range []string{
			`msg="a login cannot be shared with the AWS CLI" sign_in=corp err="not a directory"`,
			`msg="login cannot be renewed" sign_in=corp err="sso-session \"corp\": its login has expired"`,
			`msg="AWS was not told of a logout" sign_in=corp err="sso-session \"corp\": AWS has trouble of its own: HTTP 403"`,
		} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("log: got %s, want %s", log, want)
			}
		}
	})
}

// TestLockedByAnother: who waits for another program's renewal waits in bounds, and
// a lock that hangs keeps nobody from signing out.
func TestLockedByAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, home := newCenter(), t.TempDir()
		l, _ := newLogins(t, c, login.Config{Home: home})
		signIn(t, l, c, shares())
		f, err := os.OpenFile(filepath.Join(filepath.Dir(cliFile(home, "corp")), "vendord.lock"), os.O_RDWR, 0)
		if err == nil {
			defer f.Close()
			err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		}
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		_, _, err = l.Token(t.Context(), shares())
		wantError(t, "Token", err, session.Retry, corpName+"another program is renewing its login", "")
		if n := c.count(refreshCall); n != 0 {
			t.Errorf("renewals without the lock: got %d", n)
		}
		if was, err := l.Logout(t.Context(), shares()); !was || found(t, home, "CANARY") != "" {
			t.Errorf("Logout: got %v, %v, or left the token", was, err)
		}
	})
}

// TestSlowKeyring: a keyring that waits for a person is waited for as long as the
// caller likes, and no longer.
func TestSlowKeyring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, at, ring := newCenter(), dir(t), newRing()
		l, _ := newLogins(t, c, login.Config{Dir: at, Keyring: ring})
		signIn(t, l, c, corp())
		again, _ := newLogins(t, c, login.Config{Dir: at, Keyring: sleeper{ring}})
		go func() { _, _, _ = again.Token(t.Context(), corp()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, _, err := again.Token(ctx, corp())
		wantError(t, "Token", err, session.Retry, corpName+"the keyring has not answered yet", "")
		began := time.Now()
		wantNeedsLogin(t, again, corp(), "its login cannot be read from the keyring: context deadline exceeded")
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("Token: took %v", took)
		}
	})
}

// sleeper is a keyring that asks a person to unlock it.
type sleeper struct{ *ring }

func (s sleeper) Get(ctx context.Context, _ string) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}
