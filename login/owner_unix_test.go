//go:build unix

package login_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/vendord/vendord/login"
)

// TestStolenFile: a token that another user put there would make their account
// the one that programs work in.
func TestStolenFile(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("only root can give a file away")
		}
		t.Skip("only root can give a file away")
	}
	t.Run("in our own directory", func(t *testing.T) {
		c, at := newCenter(), dir(t)
		l, _ := newLogins(t, c, login.Config{Dir: at})
		signIn(t, l, c, corp())
		if err := os.Chown(only(t, at), 12345, 12345); err != nil {
			t.Fatal(err)
		}
		again, _ := newLogins(t, c, login.Config{Dir: at})
		wantNeedsLogin(t, again, corp(), fmt.Sprintf("its file cannot be used: belongs to 12345 (mode 0600), not to %s; it is kept as %s", me(t), filepath.Base(only(t, at))))
	})
	t.Run("where the AWS CLI has its own", func(t *testing.T) {
		c, home := newCenter(), t.TempDir()
		l, _ := newLogins(t, c, login.Config{Home: home})
		cliWrites(t, home, map[string]string{"accessToken": "CANARYevil", "expiresAt": "2999-01-01T00:00:00Z"})
		if err := os.Chown(cliFile(home, "corp"), 12345, 12345); err != nil {
			t.Fatal(err)
		}
		if token, known, err := l.Token(t.Context(), shares()); token != "" || known || err != nil {
			t.Errorf("Token: got %q, %v, %v, want nothing known", token, known, err)
		}
	})
}
