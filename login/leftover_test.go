package login_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/session"
)

// TestStampThatNobodyCanWrite: a time in a file of the AWS CLI's that Go reads and
// cannot write as JSON would end every status.
func TestStampThatNobodyCanWrite(t *testing.T) {
	for _, stamp := range []string{"2999-01-01T00:00:00+24:00", "9999-12-31T23:59:59-24:00", "9999-12-31T23:59:59Z"} {
		home := t.TempDir()
		l, _ := newLogins(t, newCenter(), login.Config{Home: home})
		cliWrites(t, home, map[string]string{"accessToken": "CANARYodd", "expiresAt": stamp})
		if _, _, err := l.Token(t.Context(), shares()); err != nil {
			t.Errorf("Token until %s: %v", stamp, err)
		}
		if _, err := json.Marshal(l.Known()); err != nil {
			t.Errorf("Known until %s: %v", stamp, err)
		}
	}
}

// TestWipeFindsWhatIsLeft: files that an earlier vendord left, damaged or half
// written, can have a token in them.
func TestWipeFindsWhatIsLeft(t *testing.T) {
	c, at := newCenter(), dir(t)
	l, _ := newLogins(t, c, login.Config{Dir: at})
	signIn(t, l, c, corp())
	path := only(t, at)
	for _, end := range []string{".new", ".damaged"} {
		if err := os.WriteFile(filepath.Join(at, strings.Repeat("0", 32)+".json"+end), []byte("CANARYleft"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(path, []byte("{CANARYdamaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, _ = newLogins(t, c, login.Config{Dir: at}) // sets it aside
	last, _ := newLogins(t, c, login.Config{Dir: at})
	if _, err := last.Wipe(t.Context()); err != nil {
		t.Errorf("Wipe: %v", err)
	}
	if left := found(t, at, "CANARY"); left != "" {
		t.Errorf("%s has a secret after Wipe", left)
	}
}

// TestTwoWithOneKeyring: the vendord inside an exec and the daemon renew the same
// login, one at a time or at once, and neither calls it over.
func TestTwoWithOneKeyring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, keys := newCenter(), newRing()
		daemon, _ := newLogins(t, c, login.Config{Keyring: keys, Dir: dir(t)})
		signIn(t, daemon, c, corp())
		private, _ := newLogins(t, c, login.Config{Keyring: keys})
		wantToken(t, private, corp(), "CANARYaccess1")
		time.Sleep(time.Hour)
		wantToken(t, private, corp(), "CANARYaccess2")
		wantToken(t, daemon, corp(), "CANARYaccess2")
		for range 5 {
			time.Sleep(time.Hour)
			go daemon.Token(t.Context(), corp())
			go private.Token(t.Context(), corp())
			time.Sleep(3 * time.Second)
			a, _, err := daemon.Token(t.Context(), corp())
			b, _, other := private.Token(t.Context(), corp())
			if a != b || err != nil || other != nil {
				t.Fatalf("Token of both: got %q, %v, and %q, %v, want the same", a, err, b, other)
			}
		}
		// What one signs out of the other does not bring back.
		if _, err := daemon.Logout(t.Context(), corp()); err != nil {
			t.Errorf("Logout: %v", err)
		}
		time.Sleep(time.Hour)
		wantNeedsLogin(t, private, corp(), "signed out: its login is not in the keyring any more")
		if len(keys.entries) != 0 {
			t.Errorf("keyring after the logout: got %d entries, want none", len(keys.entries))
		}
	})
}

// TestKeyringThatLies: one that says yes and keeps nothing is not relied on.
func TestKeyringThatLies(t *testing.T) {
	c, at := newCenter(), dir(t)
	l, log := newLogins(t, c, login.Config{Keyring: liar{newRing()}, Dir: at})
	signIn(t, l, c, corp())
	if kept := l.Known()[0].Kept; kept != login.InFile || !strings.Contains(log.String(), "it does not give back what it was given") {
		t.Errorf("kept: got %q, log %s, want the file, and why", kept, log)
	}
}

// liar is a keyring that keeps nothing.
type liar struct{ *ring }

func (liar) Set(context.Context, string, string) error { return nil }

// TestLogoutTriesAgain: what a locked keyring did not give up is deleted by the
// next logout, which does not say that all was well before.
func TestLogoutTriesAgain(t *testing.T) {
	c, keys := newCenter(), newRing()
	l, _ := newLogins(t, c, login.Config{Keyring: keys, Dir: dir(t)})
	signIn(t, l, c, corp())
	keys.fails = errors.New("locked")
	for range 2 {
		_, err := l.Logout(t.Context(), corp())
		wantError(t, "Logout", err, session.Person, `sso-session "corp": signed out, but not everything could be wiped: locked`, "remove it by hand")
		wantNeedsLogin(t, l, corp(), "signed out")
	}
	keys.fails = nil
	if _, err := l.Logout(t.Context(), corp()); err != nil || len(keys.entries) != 0 {
		t.Errorf("Logout once it is unlocked: got %v and %d entries, want none", err, len(keys.entries))
	}
}
