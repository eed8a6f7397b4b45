package apps_test

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// What Issue refuses, Hold refuses too, in the same words.
func TestIssueRefuses(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "state"), "uploader=hr-upload", "claude=hr-read")
	taken := b.issue("uploader", "john", func(x *apps.Token) { x.ID = "takentkn" })
	const thereIs, makeNew = "token: there is one with this id or secret", "make a new one"
	for _, row := range []struct {
		name         string
		change       func(*apps.Token)
		public, hint string
	}{
		{"an app with a typing error", func(x *apps.Token) { x.App = "uplaoder" },
			`app "uplaoder": not in the configuration`, `did you mean "uploader"?`},
		{"an app like none", func(x *apps.Token) { x.App = "zzz" }, `app "zzz": not in the configuration`, "vendord list shows what there is"},
		{"a profile is no app", func(x *apps.Token) { x.App = "hr-read" }, `app "hr-read": not in the configuration`, "vendord list shows what there is"},
		{"cli without a profile", func(x *apps.Token) { x.App = profiles.CLI }, `profile "": not in the configuration`, "vendord list shows what there is"},
		{"cli with an unknown one", func(x *apps.Token) { x.App, x.Profile = profiles.CLI, "hr-raed" },
			`profile "hr-raed": not in the configuration`, `did you mean "hr-read"?`},
		{"an app's token with a profile", func(x *apps.Token) { x.Profile = "hr-read" },
			`token for app "uploader": names profile "hr-read"`, "leave the profile out: programs get the one that the app uses now"},
		{"a user that is not UTF-8", func(x *apps.Token) { x.User = "john\xff" }, "user \"john\\xff\": not a user's name", "name a user of this machine"},
		{"a newline in the user", func(x *apps.Token) { x.User = "john\nroot" }, `user "john\nroot": not a user's name`, "name a user of this machine"},
		{"a user without end", func(x *apps.Token) { x.User = strings.Repeat("x", 129) },
			`user "` + strings.Repeat("x", 32) + `": not a user's name`, "name a user of this machine"},
		{"nobody's, for an app of users", func(x *apps.Token) { x.User = "" }, `token for app "uploader": has no user`,
			"name one; or say in [apps.uploader] with from where callers come from whose user is not known here"},
		{"nobody's, of a command", func(x *apps.Token) { x.User, x.App, x.Profile = "", profiles.CLI, "hr-read" },
			"token: is a command's, and has no user", "name the user whose command it is"},
		{"an id of another form", func(x *apps.Token) { x.ID = "abc" }, `token id "abc": not eight of a-z and 2-7`, "leave it out"},
		{"no hash", func(x *apps.Token) { x.Hash = [32]byte{} }, "token: has no hash", "send the SHA-256 of its secret"},
		{"no end", func(x *apps.Token) { x.Expires = time.Time{} }, "token: would be expired already", "give it a time to live"},
		{"an end that is now", func(x *apps.Token) { x.Expires = start }, "token: would be expired already", "give it a time to live"},
		{"an end too far away", func(x *apps.Token) { x.Expires = start.Add(366*24*time.Hour + 1) },
			"token: would live for more than 366 days", "let it expire sooner, and issue a new one then"},
		{"an id that is taken", func(x *apps.Token) { x.ID = "takentkn" }, thereIs, makeNew},
		{"a secret that is taken", func(x *apps.Token) { x.Hash = sha256.Sum256([]byte(taken)) }, thereIs, makeNew},
	} {
		secret, token := b.token("uploader", "john")
		row.change(&token)
		refusal(t, "Issue, "+row.name, b.Issue(token), session.Refused, row.public, row.hint)
		_, err := b.Hold(token)
		refusal(t, "Hold, "+row.name, err, session.Refused, row.public, row.hint)
		_, err = b.decide(secret)
		refusal(t, "Decide, "+row.name, err, session.Unrecognised, notRecognised, newToken)
	}
	if n := len(b.Tokens("")); n != 1 {
		t.Errorf("Tokens: got %d, want the 1 that was issued", n)
	}
}

func TestIssueLongestLife(t *testing.T) {
	b := open(t, "", "uploader=one")
	b.issue("uploader", "john", func(x *apps.Token) { x.Expires = start.Add(366 * 24 * time.Hour) })
}

func TestIssueAtMostTwenty(t *testing.T) {
	b := open(t, "", "uploader=one", "claude=one")
	for i := range 20 {
		b.pass(time.Second)
		b.issue("uploader", "john", func(x *apps.Token) {
			x.ID, x.Expires = fmt.Sprintf("tokena%c%c", 'a'+i/10, 'a'+i%10), start.Add(time.Duration(40-i)*time.Hour)
		})
	}
	_, token := b.token("uploader", "john")
	public := `app "uploader": user "john" has 20 live tokens, which is the most`
	refusal(t, "the 21st", b.Issue(token), session.Refused, public,
		"vendord token revoke uploader ID; the oldest are tokenaaa, tokenaab and tokenaac; tokenabj expires next, 2026-11-22")
	b.issue("uploader", "ann", nil)
	b.issue("claude", "john", nil)
	if _, err := b.Hold(token); err != nil {
		t.Errorf("Hold: got %v, want held tokens not to count", err)
	}
	b.pass(21 * time.Hour) // the one that expires next
	b.issue("uploader", "john", nil)
	if _, err := b.Revoke("uploader", "tokenaac"); err != nil {
		t.Fatal(err)
	}
	b.issue("uploader", "john", nil)
}

func TestHold(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	b := open(t, dir, "uploader=one")
	secret, token := b.token("uploader", "john")
	release, err := b.Hold(token)
	if err != nil {
		t.Fatal(err)
	}
	b.granted("held", secret, "one")
	if held := b.Tokens("uploader"); len(held) != 1 || !held[0].Held || held[0].ID == "" {
		t.Errorf("Tokens: got %+v, want one that is held and has an id", held)
	}
	release()
	again, err := b.Hold(token)
	if err != nil {
		t.Fatal(err)
	}
	release() // idempotent: what is held by now is another
	b.granted("held again", secret, "one")
	again()
	_, err = b.decide(secret)
	refusal(t, "released", err, session.Unrecognised, notRecognised, newToken)
}

func TestHoldAtMostAThousand(t *testing.T) {
	b := open(t, "", "uploader=one")
	for i := range 1001 {
		_, token := b.token("uploader", "john")
		release, err := b.Hold(token)
		if i < 1000 && err != nil {
			t.Fatalf("Hold %d: %v", i, err)
		}
		if i == 1000 {
			refusal(t, "one too many", err, session.Refused, `user "john": 1000 programs hold tokens already`,
				"end some of the programs under vendord exec")
		}
		_ = release
	}
	_, token := b.token("uploader", "ann")
	if _, err := b.Hold(token); err != nil {
		t.Errorf("Hold of another user: got %v, want no error", err)
	}
}

func TestTokens(t *testing.T) {
	b := open(t, "", "uploader=one", "claude=one")
	ids := []string{"ccccccca", "bbbbbbba", "aaaaaaaa"}
	for i, id := range ids {
		b.issue([]string{"uploader", "claude"}[i%2], "john", func(x *apps.Token) { x.ID = id })
		b.pass(time.Second)
	}
	b.issue("uploader", "john", func(x *apps.Token) { x.Expires = b.now.Add(time.Second) })
	b.pass(time.Second)
	var all, one []string
	for _, x := range b.Tokens("") {
		all = append(all, x.ID)
	}
	for _, x := range b.Tokens("uploader") {
		one = append(one, x.ID)
	}
	if !slices.Equal(all, ids) || !slices.Equal(one, []string{ids[0], ids[2]}) {
		t.Errorf("Tokens: got %v and %v, want %v and its first and last", all, one, ids)
	}
	if first := b.Tokens("")[0]; !first.Issued.Equal(start) {
		t.Errorf("Tokens: got issued %v, want %v", first.Issued, start)
	}
}
