package login_test

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/session"
)

// only is the one file of a directory.
func only(t *testing.T, dir string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(all) != 1 {
		t.Fatalf("files in %s: got %v, %v, want one", dir, all, err)
	}
	return all[0]
}

func wantKept(t *testing.T, l *login.Logins, kept, problem string) {
	t.Helper()
	got := l.Known()
	if len(got) != 1 || got[0].Kept != kept || got[0].Problem != problem || got[0].SignIn != corp() {
		t.Errorf("Known: got %+v, want one, kept in %q, problem %q", got, kept, problem)
	}
}

func TestKeptInFile(t *testing.T) {
	c, at := newCenter(), dir(t)
	l, _ := newLogins(t, c, login.Config{Dir: at})
	signIn(t, l, c, corp())
	wantKept(t, l, login.InFile, "")
	for _, path := range []string{at, only(t, at)} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: got %v, %v, want nobody else to read it", path, info.Mode(), err)
		}
	}
	again, _ := newLogins(t, c, login.Config{Dir: at})
	wantToken(t, again, corp(), "CANARYaccess1")
	wantKept(t, again, login.InFile, "")
}

func TestKeptInKeyring(t *testing.T) {
	c, at, ring := newCenter(), dir(t), newRing()
	l, _ := newLogins(t, c, login.Config{Dir: at, Keyring: ring})
	signIn(t, l, c, corp())
	wantKept(t, l, login.InKeyring, "")
	if path := found(t, at, "CANARY"); path != "" {
		t.Errorf("%s has a secret, and there is a keyring", path)
	}
	again, _ := newLogins(t, c, login.Config{Dir: at, Keyring: ring})
	wantKept(t, again, login.InKeyring, "")
	t.Run("it is locked", func(t *testing.T) {
		ring.fails = errors.New("the keyring is locked")
		wantNeedsLogin(t, again, corp(), "its login cannot be read from the keyring: the keyring is locked")
		_, err := again.Logout(t.Context(), corp())
		wantError(t, "Logout", err, session.Person, `sso-session "corp": signed out, but not everything could be wiped: the keyring is locked`, "remove it by hand")
		ring.fails = nil
	})
	third, _ := newLogins(t, c, login.Config{Dir: at, Keyring: ring})
	wantNeedsLogin(t, third, corp(), "signed out")
	t.Run("it is gone", func(t *testing.T) {
		signIn(t, third, c, corp())
		l, _ := newLogins(t, c, login.Config{Dir: at})
		wantNeedsLogin(t, l, corp(), "its login is in the keyring, and there is none now")
	})
	t.Run("there are no files", func(t *testing.T) {
		ring := newRing()
		l, _ := newLogins(t, c, login.Config{Keyring: ring})
		if _, known, err := l.Token(t.Context(), corp()); known || err != nil {
			t.Errorf("Token: got known %v, %v", known, err)
		}
		signIn(t, l, c, corp())
		again, _ := newLogins(t, c, login.Config{Keyring: ring})
		wantToken(t, again, corp(), "CANARYaccess3")
	})
}

func TestKeyringThatDoesNotWork(t *testing.T) {
	c, at := newCenter(), dir(t)
	ring := newRing()
	ring.fails = errors.New("the keyring is locked")
	l, log := newLogins(t, c, login.Config{Dir: at, Keyring: ring})
	signIn(t, l, c, corp())
	wantKept(t, l, login.InFile, "")
	if want := `msg="the keyring does not keep a login" sign_in=corp err="the keyring is locked"`; !strings.Contains(log.String(), want) {
		t.Errorf("log: got %s, want %s", log, want)
	}
	again, _ := newLogins(t, c, login.Config{Dir: at, Keyring: ring})
	wantToken(t, again, corp(), "CANARYaccess1")
}

func TestKeptInMemory(t *testing.T) {
	c := newCenter()
	l, _ := newLogins(t, c, login.Config{})
	signIn(t, l, c, corp())
	wantKept(t, l, login.InMemory, "")
}

func TestCannotBeKept(t *testing.T) {
	c, at := newCenter(), dir(t)
	l, log := newLogins(t, c, login.Config{Dir: at})
	if err := os.RemoveAll(at); err != nil {
		t.Fatal(err)
	}
	signIn(t, l, c, corp())
	wantToken(t, l, corp(), "CANARYaccess1")
	got := l.Known()
	if want := "cannot be kept over a restart: "; len(got) != 1 || got[0].Kept != login.InMemory || !strings.HasPrefix(got[0].Problem, want) {
		t.Errorf("Known: got %+v, want %q", got, want)
	}
	if !strings.Contains(log.String(), "a login cannot be kept over a restart") {
		t.Errorf("log: got %s", log)
	}
}

// TestBadFiles: what is in the directory and not as we wrote it signs nobody in.
func TestBadFiles(t *testing.T) {
	const damaged = "damaged"
	for name, test := range map[string]struct {
		change func(path, text string) error
		told   string // to whoever asks for a token
	}{
		"cut short":      {func(path, text string) error { return os.WriteFile(path, []byte(text[:len(text)/2]), 0o600) }, damaged},
		"more behind it": {func(path, text string) error { return os.WriteFile(path, []byte(text+"{}"), 0o600) }, damaged},
		"empty":          {func(path, _ string) error { return os.WriteFile(path, nil, 0o600) }, damaged},
		"open to others": {func(path, _ string) error { return os.Chmod(path, 0o644) }, "open to others (owner " + me(t) + ", mode 0644)"},
		"a link": {func(path, _ string) error {
			return errors.Join(os.Rename(path, path+".x"), os.Symlink(path+".x", path))
		}, "not a regular file"},
		"a flood": {func(path, text string) error {
			return os.WriteFile(path, []byte(text+strings.Repeat(" ", 70<<10)), 0o600)
		}, "longer than 64 KiB"},
		"of another login": {func(path, text string) error {
			return os.WriteFile(path, []byte(strings.Replace(text, `"session": "corp"`, `"session": "evil"`, 1)), 0o600)
		}, "not that of its sign-in"},
		"of a newer version": {func(path, text string) error {
			return os.WriteFile(path, []byte(strings.Replace(text, `"version": 1`, `"version": 2`, 1)), 0o600)
		}, "of version 2, which this vendord does not know"},
		"a token that is none": {func(path, text string) error {
			return os.WriteFile(path, []byte(strings.Replace(text, "CANARYaccess1", `x\r\ny`, 1)), 0o600)
		}, "no whole token in it"},
	} {
		t.Run(name, func(t *testing.T) {
			c, at := newCenter(), dir(t)
			l, _ := newLogins(t, c, login.Config{Dir: at})
			signIn(t, l, c, corp())
			path := only(t, at)
			text, err := os.ReadFile(path)
			if err == nil {
				err = test.change(path, string(text))
			}
			if err != nil {
				t.Fatal(err)
			}
			again, log := newLogins(t, c, login.Config{Dir: at})
			wantNeedsLogin(t, again, corp(), fmt.Sprintf("its file cannot be used: %s; it is kept as %s.damaged", test.told, filepath.Base(path)))
			if _, err := os.Lstat(path + ".damaged"); err != nil {
				t.Errorf("it is not kept aside: %v", err)
			}
			if !strings.Contains(log.String(), `msg="login cannot be read" file=`+path) {
				t.Errorf("log: got %s", log)
			}
			signIn(t, again, c, corp())
			wantToken(t, again, corp(), "CANARYaccess2")
			if _, err := again.Wipe(t.Context()); err != nil {
				t.Errorf("Wipe: %v", err)
			}
			if path := found(t, at, "CANARY"); path != "" && name != "a link" {
				t.Errorf("%s has a secret after Wipe", path)
			}
		})
	}
}

func TestDirOfOthers(t *testing.T) {
	at := t.TempDir()
	if err := os.Chmod(at, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := login.New(login.Config{Dir: at})
	wantError(t, "New", err, session.Configuration, "directory of logins "+at+": open to others (owner "+me(t)+", mode 0755)",
		"chmod 700 "+at+", or name another state directory with --state-dir")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = login.New(login.Config{Dir: file})
	wantError(t, "New", err, session.Configuration, "directory of logins "+file+": not a directory", "name another state directory with --state-dir")
}

// TestNothingPrints: no way of printing shows a token.
func TestNothingPrints(t *testing.T) {
	c := newCenter()
	l, _ := newLogins(t, c, login.Config{Dir: dir(t), HTTP: &http.Client{Transport: c}})
	signIn(t, l, c, corp())
	p := start(t, l, corp(), onDevice)
	l.Offer("serial", "987654")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		text := fmt.Sprintf(verb+verb+verb, l, p, l.Known())
		if strings.Contains(text, "CANARY") || strings.Contains(text, "987654") {
			t.Errorf("%s: prints %s", verb, text)
		}
	}
	if got := fmt.Sprint(l); got != "logins [redacted]" {
		t.Errorf("Sprint: got %q", got)
	}
}
