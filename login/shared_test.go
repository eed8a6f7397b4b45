package login_test

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/ssooidc"

	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/session"
)

// shares is corp, shared with the AWS CLI.
func shares() session.SignIn { s := corp(); s.Share = true; return s }

// cliFile is where the AWS CLI keeps the token of a name.
func cliFile(home, name string) string {
	sum := sha1.Sum([]byte(name))
	return filepath.Join(home, ".aws", "sso", "cache", hex.EncodeToString(sum[:])+".json")
}

// cliWrites does what the AWS CLI does after a sign-in or a renewal.
func cliWrites(t *testing.T, home string, fields map[string]string) {
	t.Helper()
	path := cliFile(home, "corp")
	text, err := json.Marshal(fields)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o755)
	}
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func later(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }

func TestSharedForm(t *testing.T) {
	c, home := newCenter(), t.TempDir()
	l, _ := newLogins(t, c, login.Config{Home: home})
	older := shares()
	older.Session = ""
	signIn(t, l, c, shares())
	signIn(t, l, c, older)
	for i, name := range []string{"corp", older.StartURL} {
		text, err := os.ReadFile(cliFile(home, name))
		var got map[string]string
		if err == nil {
			err = json.Unmarshal(text, &got)
		}
		if err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{"startUrl": older.StartURL, "region": "eu-west-1", "accessToken": fmt.Sprint("CANARYaccess", i+1),
			"refreshToken": fmt.Sprint("CANARYrefresh", i+1), "clientId": "client", "clientSecret": "CANARYclient"} {
			if got[key] != want {
				t.Errorf("%s: got %q, want %q", key, got[key], want)
			}
		}
		for _, key := range []string{"expiresAt", "registrationExpiresAt"} {
			if _, err := time.Parse("2006-01-02T15:04:05Z", got[key]); err != nil {
				t.Errorf("%s: got %q: %v", key, got[key], err)
			}
		}
		if len(got) != 8 {
			t.Errorf("fields: got %v, want the AWS CLI's eight", got)
		}
	}
	if info, err := os.Stat(cliFile(home, "corp")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, %v, want 0600", info.Mode(), err)
	}
}

// TestSharedFile compares with a file that conformance/test_sso_cache.py has
// botocore read, renew and write.
func TestSharedFile(t *testing.T) {
	c, home := newCenter(), t.TempDir()
	noon := func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }
	c.now = noon
	l, _ := newLogins(t, c, login.Config{Home: home, Now: noon})
	signIn(t, l, c, shares())
	got, err := os.ReadFile(cliFile(home, "corp"))
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join("testdata", filepath.Base(cliFile(home, "corp"))))
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("file: got %s, want %s, %v", got, want, err)
	}
}

// TestGoSDKReads: the SDK's own provider uses, and renews, what we wrote, and we
// use what it renewed.
func TestGoSDKReads(t *testing.T) {
	c, home := newCenter(), t.TempDir()
	var late time.Duration
	l, _ := newLogins(t, c, login.Config{Home: home, Now: func() time.Time { return time.Now().Add(late) }})
	c.life = 1
	signIn(t, l, c, shares())
	c.set(func() { c.life = 3600 })
	time.Sleep(1100 * time.Millisecond) // the SDK's clock is not ours
	provider := ssocreds.NewSSOTokenProvider(ssooidc.New(ssooidc.Options{Region: "eu-west-1", HTTPClient: &http.Client{Transport: c}}), cliFile(home, "corp"))
	got, err := provider.RetrieveBearerToken(t.Context())
	if err != nil || got.Value != "CANARYaccess2" {
		t.Errorf("RetrieveBearerToken: got %q, %v, want a renewed token", got.Value, err)
	}
	wantToken(t, l, shares(), "CANARYaccess2")
	if n := c.count(refreshCall); n != 1 {
		t.Errorf("renewals: got %d, want the SDK's", n)
	}
	late = 2 * time.Hour
	wantToken(t, l, shares(), "CANARYaccess3")
	if got, err := provider.RetrieveBearerToken(t.Context()); err != nil || got.Value != "CANARYaccess3" {
		t.Errorf("RetrieveBearerToken: got %q, %v, want what we renewed", got.Value, err)
	}
}

func TestAWSCLISignsIn(t *testing.T) {
	c, home, at := newCenter(), t.TempDir(), dir(t)
	l, _ := newLogins(t, c, login.Config{Home: home, Dir: at})
	cliWrites(t, home, map[string]string{"accessToken": "CANARYcli", "expiresAt": later(time.Hour), "startUrl": "x", "somethingNew": "y"})
	if _, known, err := l.Token(t.Context(), corp()); known || err != nil {
		t.Errorf("Token of a source that does not share: got known %v, %v", known, err)
	}
	wantToken(t, l, shares(), "CANARYcli")
	wantKept(t, l, login.InShared, "")
	t.Run("again, later", func(t *testing.T) {
		signIn(t, l, c, shares())
		wantToken(t, l, shares(), "CANARYaccess1")
		cliWrites(t, home, map[string]string{"accessToken": "CANARYnewer", "expiresAt": later(2 * time.Hour)})
		wantToken(t, l, shares(), "CANARYnewer")
	})
	t.Run("an older one is not taken", func(t *testing.T) {
		cliWrites(t, home, map[string]string{"accessToken": "CANARYolder", "expiresAt": later(time.Minute)})
		wantToken(t, l, shares(), "CANARYnewer")
	})
	t.Run("and out", func(t *testing.T) {
		if err := os.Remove(cliFile(home, "corp")); err != nil {
			t.Fatal(err)
		}
		wantNeedsLogin(t, l, shares(), "signed out with the AWS CLI")
	})
	t.Run("and out while vendord is down", func(t *testing.T) {
		home, at := t.TempDir(), dir(t)
		l, _ := newLogins(t, c, login.Config{Home: home, Dir: at})
		signIn(t, l, c, shares())
		if err := os.Remove(cliFile(home, "corp")); err != nil {
			t.Fatal(err)
		}
		again, _ := newLogins(t, c, login.Config{Home: home, Dir: at})
		wantNeedsLogin(t, again, shares(), "signed out with the AWS CLI")
	})
}

// TestAWSCLIRenewsFirst: it knows nothing of our lock. Whose refresh token is
// spent looks again before calling the login over.
func TestAWSCLIRenewsFirst(t *testing.T) {
	c, home := newCenter(), t.TempDir()
	var late time.Duration
	l, _ := newLogins(t, c, login.Config{Home: home, Now: func() time.Time { return time.Now().Add(late) }})
	signIn(t, l, c, shares())
	c.set(func() {
		c.fail = func(call string, w http.ResponseWriter) bool {
			cliWrites(t, home, map[string]string{"accessToken": "CANARYcli", "expiresAt": later(4 * time.Hour)})
			refuse(w, "InvalidGrantException")
			return true
		}
	})
	late = 2 * time.Hour
	wantToken(t, l, shares(), "CANARYcli")
}

func TestSharedLogout(t *testing.T) {
	c, home := newCenter(), t.TempDir()
	l, _ := newLogins(t, c, login.Config{Home: home})
	signIn(t, l, c, shares())
	if was, err := l.Logout(t.Context(), shares()); !was || err != nil {
		t.Errorf("Logout: got %v, %v", was, err)
	}
	if path := found(t, home, "CANARY"); path != "" {
		t.Errorf("%s has a secret after the logout", path)
	}
	wantNeedsLogin(t, l, shares(), "signed out")
	t.Run("of the AWS CLI's own login", func(t *testing.T) {
		cliWrites(t, home, map[string]string{"accessToken": "CANARYcli", "expiresAt": later(2 * time.Hour)})
		if was, err := l.Logout(t.Context(), shares()); !was || err != nil {
			t.Errorf("Logout: got %v, %v", was, err)
		}
		wantNeedsLogin(t, l, shares(), "signed out")
		if !slices.Contains(c.ended, "CANARYcli") {
			t.Errorf("logins that the portal ended: got %v", c.ended)
		}
	})
	t.Run("what cannot be removed does not come back", func(t *testing.T) {
		signIn(t, l, c, shares())
		text, err := os.ReadFile(cliFile(home, "corp"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Logout(t.Context(), shares()); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(cliFile(home, "corp"), text, 0o600); err != nil {
			t.Fatal(err)
		}
		wantNeedsLogin(t, l, shares(), "signed out")
	})
}

// TestSharedAttacks: what others put into ~/.aws/sso/cache is not believed, and
// nothing is written through it.
func TestSharedAttacks(t *testing.T) {
	good := map[string]string{"accessToken": "CANARYevil", "expiresAt": later(9 * time.Hour)}
	for name, attack := range map[string]func(t *testing.T, path string) error{
		"a link to another file": func(t *testing.T, path string) error {
			target := filepath.Join(t.TempDir(), "target")
			if err := os.Rename(path, target); err != nil {
				return err
			}
			t.Cleanup(func() {
				if text, err := os.ReadFile(target); err != nil || !strings.Contains(string(text), "CANARYevil") {
					t.Errorf("the link's target was written: %s, %v", text, err)
				}
			})
			return os.Symlink(target, path)
		},
		"a file that others can write": func(_ *testing.T, path string) error { return os.Chmod(path, 0o666) },
		"a flood":                      func(_ *testing.T, path string) error { return os.Truncate(path, 1<<30) },
		"half a file":                  func(_ *testing.T, path string) error { return os.Truncate(path, 20) },
		"a directory":                  func(_ *testing.T, path string) error { return os.Chmod(filepath.Dir(path), 0o777) },
	} {
		t.Run(name, func(t *testing.T) {
			c, home := newCenter(), t.TempDir()
			cliWrites(t, home, good)
			if err := attack(t, cliFile(home, "corp")); err != nil {
				t.Fatal(err)
			}
			l, _ := newLogins(t, c, login.Config{Home: home})
			if token, known, err := l.Token(t.Context(), shares()); token != "" || known || err != nil {
				t.Errorf("Token: got %q, %v, %v, want nothing known", token, known, err)
			}
			signIn(t, l, c, shares())
			wantToken(t, l, shares(), "CANARYaccess1")
			text, err := os.ReadFile(cliFile(home, "corp"))
			if name != "a directory" && (err != nil || !bytes.Contains(text, []byte("CANARYaccess1"))) {
				t.Errorf("the AWS CLI's file: got %s, %v, want ours in its place", text, err)
			}
		})
	}
}

// TestTwoVendords: of two daemons that share one login, one renews it.
func TestTwoVendords(t *testing.T) {
	c, home := newCenter(), t.TempDir()
	var late time.Duration
	config := login.Config{Home: home, Now: func() time.Time { return time.Now().Add(late) }}
	a, _ := newLogins(t, c, config)
	b, _ := newLogins(t, c, config)
	signIn(t, a, c, shares())
	wantToken(t, b, shares(), "CANARYaccess1")
	late = 2 * time.Hour
	got := make(chan string, 2)
	for _, l := range []*login.Logins{a, b} {
		go func() {
			text, _, err := l.Token(context.WithoutCancel(t.Context()), shares())
			got <- fmt.Sprint(text, err)
		}()
	}
	for range 2 {
		if text := <-got; text != "CANARYaccess2<nil>" {
			t.Errorf("Token: got %s, want what the one renewed", text)
		}
	}
	if n := c.count(refreshCall); n != 1 {
		t.Errorf("renewals: got %d, want 1", n)
	}
}

// TestLogoutWhereNothingIsShared: of a directory that cannot be used, in which
// there is no login, nothing is left to be wiped. One that is there is told.
func TestLogoutWhereNothingIsShared(t *testing.T) {
	for name, c := range map[string]struct {
		home   func(t *testing.T) string
		failed bool
	}{
		"no home": {func(*testing.T) string { return "" }, false},
		"no disk": {func(t *testing.T) string {
			home := t.TempDir()
			if err := os.Symlink(filepath.Join(home, "unmounted", "aws"), filepath.Join(home, ".aws")); err != nil {
				t.Fatal(err)
			}
			return home
		}, false},
		"others may write there": {openToOthers, false},
		"others may write there, and there is a login": {func(t *testing.T) string {
			home := openToOthers(t)
			cliWrites(t, home, map[string]string{"accessToken": "CANARYcli", "expiresAt": later(time.Hour)})
			return home
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			center := newCenter()
			l, _ := newLogins(t, center, login.Config{Home: c.home(t), Dir: dir(t)})
			signIn(t, l, center, shares())
			was, err := l.Logout(t.Context(), shares())
			if !was || (err != nil) != c.failed {
				t.Errorf("Logout: got %t, %v, want true, and an error: %t", was, err, c.failed)
			}
		})
	}
}

// openToOthers is a home whose .aws anybody can write to.
func openToOthers(t *testing.T) string {
	home := t.TempDir()
	if err := os.MkdirAll(filepath.Join(home, ".aws", "sso", "cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(home, ".aws"), 0o777); err != nil {
		t.Fatal(err)
	}
	return home
}
