package apps_test

import (
	"testing"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/session"
)

// A connection over which several tokens come, in any order: each is decided
// for itself, and by what holds now.
func TestTokensOverOneConnection(t *testing.T) {
	b := open(t, "", "uploader=up", "claude=read")
	up := b.issue("uploader", "john", func(x *apps.Token) { x.ID = "aaaaaaaa" })
	read := b.issue("claude", "john", nil)
	stranger, _ := apps.NewSecret()
	memo := new(apps.Memo)
	ask := func(secret string) (string, error) {
		g, err := b.Decide(apps.Request{Route: apps.ByToken, Token: secret, Now: b.now, Memo: memo, Caller: new(apps.Caller)})
		return g.Profile, err
	}
	for i, row := range []struct{ secret, profile string }{
		{up, "up"}, {up, "up"}, {"Bearer " + up, "up"}, {read, "read"}, {up, "up"}, {stranger, ""}, {stranger, ""},
		{"", ""}, {up[:52], ""}, {up + "x", ""}, {up[:52] + "*", ""}, {up, "up"},
	} {
		profile, err := ask(row.secret)
		if profile != row.profile || (err == nil) != (row.profile != "") {
			t.Errorf("request %d: Decide: got profile %q, %v, want %q", i, profile, err, row.profile)
		}
	}
	if _, err := b.Revoke("uploader", "aaaaaaaa"); err != nil {
		t.Fatal(err)
	}
	_, err := ask(up)
	refusal(t, "revoked", err, session.Unrecognised, notRecognised, newToken)
	_, err = ask(up)
	refusal(t, "revoked, again", err, session.Unrecognised, notRecognised, newToken)
}
