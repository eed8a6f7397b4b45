package apps_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// An adopted secret can have any form; the others are refused as ever.
func TestAdopt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	b := open(t, dir, "uploader=one")
	own := strings.Repeat("s3cr3t-", 6)
	_, err := b.decide(own)
	refusal(t, "before", err, session.Unrecognised, misshapen, misshapeHint)
	_, token := b.token("uploader", "john")
	token.Hash = sha256.Sum256([]byte(own))
	if err := b.Adopt(token); err != nil {
		t.Fatal(err)
	}
	refusal(t, "twice", b.Adopt(token), session.Refused, "token: there is one with this id or secret", "make a new one")
	_, cli := b.token(profiles.CLI, "john")
	cli.Profile = "one"
	refusal(t, "a command's", b.Adopt(cli), session.Refused, "token: adopted, which those of commands cannot be", "adopt it for an app")
	for range 2 {
		b.granted("adopted", own, "one")
		b.granted("adopted, after Bearer", "Bearer "+own, "one")
		for _, other := range []string{own[:31], own + "x", strings.Repeat("x", 1025), strings.Repeat("x", 64)} {
			_, err := b.decide(other)
			refusal(t, "another", err, session.Unrecognised, misshapen, misshapeHint)
		}
		b = reopen(t, b, dir, 0, "uploader=one")
	}
	if _, err := b.Revoke("uploader", ""); err != nil {
		t.Fatal(err)
	}
	_, err = b.decide(own)
	refusal(t, "revoked", err, session.Unrecognised, misshapen, misshapeHint)
}

// A rotated token lives on for a while, and counts with the new one as one.
func TestRotate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	b := open(t, dir, "uploader=one")
	var first string
	for i := range 20 {
		secret := b.issue("uploader", "john", func(x *apps.Token) { x.ID, x.UID = fmt.Sprintf("aaaaaaa%c", 'a'+i), 0 })
		if i == 0 {
			first = secret
		}
	}
	rotate := func(id, into string, overlap time.Duration) (string, error) {
		secret, token := b.token("other", "eve") // which are the old one's
		token.ID = into
		return secret, b.Rotate("uploader", id, token, overlap)
	}
	second, err := rotate("aaaaaaaa", "bbbbbbbb", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	b.granted("the old one", first, "one")
	b.granted("the new one", second, "one")
	_, token := b.token("uploader", "john")
	if err := b.Issue(token); err == nil {
		t.Error("Issue: got a 21st, want the pair to count as one, and no less")
	}
	b = reopen(t, b, dir, time.Minute-1, "uploader=one")
	b.granted("the old one, before its end, after a restart", first, "one")
	_, err = rotate("aaaaaaaa", "", 0)
	refusal(t, "the old one again", err, session.Refused, `token "aaaaaaaa": rotated before, into bbbbbbbb`, "rotate that one")
	third, err := rotate("bbbbbbbb", "cccccccc", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	gone := func(when, secret string) {
		t.Helper()
		_, err := b.decide(secret)
		if e, ok := errors.AsType[*session.Error](err); !ok || e.Class != session.Unrecognised {
			t.Errorf("%s: got %v, want it gone", when, err)
		}
	}
	gone("two rotations ago", first)
	b.granted("one rotation ago", second, "one")
	fourth, err := rotate("cccccccc", "dddddddd", 0)
	if err != nil {
		t.Fatal(err)
	}
	gone("without an overlap", third)
	gone("one before", second)
	b.granted("the last", fourth, "one")

	unblock := block(t, dir)
	_, err = rotate("dddddddd", "eeeeeeee", 0)
	refusal(t, "a full disk", err, session.Retry, `token "dddddddd": not rotated: `+blocked(t, dir),
		"mend that and rotate it again; vendord token revoke ends it in any case")
	b.granted("after that", fourth, "one")
	unblock()
	_, err = rotate("zzzzzzzz", "", 0)
	refusal(t, "no such", err, session.Refused, `token "zzzzzzzz": app "uploader" has none with this id that is kept`, "vendord token list shows them")
	refusal(t, "no such app", b.Rotate("uplaoder", "dddddddd", token, 0), session.Refused, `app "uplaoder": not in the configuration`, `did you mean "uploader"?`)
	_, err = rotate("dddddddd", "", -1)
	refusal(t, "in the past", err, session.Refused, "token: would have ended already", "give the old one a time to live on, or none")
	token.Steer = false
	refusal(t, "by who does not steer", b.Rotate("uploader", "dddddddd", token, 0), session.Refused,
		`token "dddddddd": issued by whoever steers vendord`, "ask them to rotate it")
}
