package apps_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/session"
)

func TestRevoke(t *testing.T) {
	dir := t.TempDir()
	list := []string{"uploader=one", "claude=one"}
	b := open(t, filepath.Join(dir, "state"), list...)
	first := b.issue("uploader", "john", func(x *apps.Token) { x.ID = "aaaaaaaa" })
	second := b.issue("uploader", "ann", func(x *apps.Token) { x.ID = "bbbbbbbb" })
	other := b.issue("claude", "john", func(x *apps.Token) { x.ID = "cccccccc" })
	held, token := b.token("uploader", "john")
	release, err := b.Hold(token)
	if err != nil {
		t.Fatal(err)
	}
	revoked := func(when, secret string) {
		t.Helper()
		_, err := b.decide(secret)
		refusal(t, when, err, session.Unrecognised, notRecognised, newToken)
	}

	if n, err := b.Revoke("uploader", "aaaaaaaa"); n != 1 || err != nil {
		t.Errorf("Revoke by id: got %d, %v, want 1", n, err)
	}
	revoked("by id", first)
	b.granted("not the other", second, "one")
	n, err := b.Revoke("uploader", "cccccccc")
	refusal(t, "the id of another app", err, session.Refused, `token "cccccccc": app "uploader" has none with this id`, "vendord token list shows them")
	if n != 0 {
		t.Errorf("Revoke of another app's id: got %d, want 0", n)
	}
	_, err = b.Revoke("uploader", "aaaaaaaa")
	refusal(t, "a second time", err, session.Refused, `token "aaaaaaaa": app "uploader" has none with this id`, "vendord token list shows them")
	_, err = b.Revoke("cluade", "")
	refusal(t, "an app with a typing error", err, session.Refused, `app "cluade": not in the configuration`, `did you mean "claude"?`)

	if n, err := b.Revoke("uploader", ""); n != 2 || err != nil {
		t.Errorf("Revoke of all: got %d, %v, want the issued and the held one", n, err)
	}
	revoked("all", second)
	revoked("all, held", held)
	release()
	if n, err := b.Revoke("uploader", ""); n != 0 || err != nil {
		t.Errorf("Revoke of none: got %d, %v, want 0", n, err)
	}
	b = reopen(t, b, filepath.Join(dir, "state"), 0, list...)
	revoked("after a restart", first)
	revoked("after a restart", second)
	b.granted("another app's", other, "one")
	b.Set(load(t, file("uploader=one")))
	if n, err := b.Revoke("claude", ""); n != 1 || err != nil {
		t.Errorf("Revoke of an app that is gone: got %d, %v, want 1", n, err)
	}
}

// block keeps the token file from being written, for every user, root too.
func block(t *testing.T, dir string) (unblock func()) {
	t.Helper()
	in := filepath.Join(dir, "tokens.json.new", "x")
	if err := os.MkdirAll(in, 0o700); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.RemoveAll(filepath.Dir(in)); err != nil {
			t.Fatal(err)
		}
	}
}

// blocked is what the system says of it; the words differ between systems.
func blocked(t *testing.T, dir string) string {
	t.Helper()
	err := os.Remove(filepath.Join(dir, "tokens.json.new"))
	e, ok := err.(*os.PathError)
	if !ok {
		t.Fatalf("Remove: got %v, want a path error", err)
	}
	return "writing " + filepath.Join(dir, "tokens.json") + ": " + e.Err.Error()
}

const notRecorded = "they are refused now, but a restart of vendord would bring them back: mend that and revoke them again"

// A lost write loses nothing: a token is not issued, and one that is revoked is
// refused even so.
func TestLostWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	b := open(t, dir, "uploader=one")
	first := b.issue("uploader", "john", func(x *apps.Token) { x.ID = "aaaaaaaa" })
	b.issue("uploader", "john", func(x *apps.Token) { x.ID = "bbbbbbbb" })
	before, _ := os.ReadFile(filepath.Join(dir, "tokens.json"))
	unblock := block(t, dir)

	secret, token := b.token("uploader", "john")
	refusal(t, "Issue", b.Issue(token), session.Retry,
		`token for app "uploader": not issued: `+blocked(t, dir), "mend that and issue it again")
	_, err := b.decide(secret)
	refusal(t, "Decide after it", err, session.Unrecognised, notRecognised, newToken)
	if n := len(b.Tokens("")); n != 2 {
		t.Errorf("Tokens: got %d, want the 2 from before", n)
	}

	n, err := b.Revoke("uploader", "aaaaaaaa")
	refusal(t, "Revoke", err, session.Retry, "revoked tokens (1): not recorded: "+blocked(t, dir), notRecorded)
	if n != 1 {
		t.Errorf("Revoke: got %d, want 1", n)
	}
	_, err = b.decide(first)
	refusal(t, "Decide after that", err, session.Unrecognised, notRecognised, newToken)
	n, err = b.Revoke("uploader", "")
	refusal(t, "Revoke of all", err, session.Retry, "revoked tokens (2): not recorded: "+blocked(t, dir), notRecorded)
	if n != 2 {
		t.Errorf("Revoke of all: got %d, want 2, one of them again", n)
	}
	if after, _ := os.ReadFile(filepath.Join(dir, "tokens.json")); string(after) != string(before) {
		t.Errorf("token file: got %s, want the one from before", after)
	}

	unblock()
	if n, err := b.Revoke("uploader", "aaaaaaaa"); n != 1 || err != nil {
		t.Errorf("Revoke again: got %d, %v, want 1", n, err)
	}
	b = reopen(t, b, dir, 0, "uploader=one")
	if left := b.Tokens(""); len(left) != 0 {
		t.Errorf("Tokens after a restart: got %v, want none", left)
	}
}

// Close is the last chance to record what was revoked, and says if it is lost.
func TestCloseRecords(t *testing.T) {
	for _, row := range []struct {
		name string
		mend bool
		left int
	}{{"mended in time", true, 0}, {"never mended", false, 1}} {
		t.Run(row.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			b := open(t, dir, "uploader=one")
			b.issue("uploader", "john", func(x *apps.Token) { x.Expires = start.Add(time.Hour) })
			unblock := block(t, dir)
			if _, err := b.Revoke("uploader", ""); err == nil {
				t.Fatal("Revoke: got no error, want one")
			}
			if row.mend {
				unblock()
				if err := b.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			} else {
				refusal(t, "Close", b.Close(), session.Retry, "revoked tokens (1): not recorded: "+blocked(t, dir), notRecorded)
			}
			if left := open(t, dir, "uploader=one").Tokens(""); len(left) != row.left {
				t.Errorf("Tokens after a restart: got %d, want %d", len(left), row.left)
			}
		})
	}
}
