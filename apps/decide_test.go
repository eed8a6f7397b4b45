package apps_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

const (
	notRecognised = "token: not recognised"
	newToken      = `run the program under "vendord exec", or issue a new token`
	askPlain      = "ask /v1/credentials, without a name"
)

func TestDecideGrants(t *testing.T) {
	b := open(t, "", "uploader=hr-upload,hr-read", "claude=hr-read")
	secret := b.issue("uploader", "john", func(x *apps.Token) { x.ID, x.UID = "abcdefgh", 1000 })
	request, err := b.Config().Render("hr-upload", profiles.Identity{App: "uploader", User: "john"})
	if err != nil {
		t.Fatal(err)
	}
	want := apps.Grant{App: "uploader", User: "john", Profile: "hr-upload", TokenID: "abcdefgh", How: "token", Session: request.Key()}
	for _, row := range []struct {
		name string
		r    apps.Request
	}{
		{"the bare token", apps.Request{Token: secret}},
		{"after Bearer", apps.Request{Token: "Bearer " + secret}},
		{"after bearer", apps.Request{Token: "bearer " + secret}},
		{"its own profile named in the path", apps.Request{Token: secret, Profile: "hr-upload"}},
		{"on a system that tells nobody's user", apps.Request{Token: secret, Caller: &apps.Caller{Err: fmt.Errorf("darwin: %w", errors.ErrUnsupported)}}},
		{"at a given time", apps.Request{Token: secret, Now: start.Add(59 * time.Minute)}},
	} {
		row.r.Route = apps.ByToken
		if row.r.Caller == nil {
			row.r.Caller = &apps.Caller{UID: 1000}
		}
		if got, err := b.Decide(row.r); err != nil || got != want {
			t.Errorf("%s: Decide: got %+v, %v, want %+v", row.name, got, err, want)
		}
	}
}

// Who is not recognised gets 401 and nothing that they could not read here.
func TestDecideUnrecognised(t *testing.T) {
	b := open(t, "", "uploader=hr-upload")
	secret := b.issue("uploader", "john", nil)
	stranger, _ := apps.NewSecret()
	revoked := b.issue("uploader", "john", func(x *apps.Token) { x.ID = "revokedx" })
	if n, err := b.Revoke("uploader", "revokedx"); n != 1 || err != nil {
		t.Fatalf("Revoke: got %d, %v, want 1", n, err)
	}
	route := apps.ByToken
	for _, row := range []struct {
		name         string
		r            apps.Request
		public, hint string
	}{
		{"no header", apps.Request{Route: route}, noToken, noTokenHint},
		{"Bearer alone", apps.Request{Route: route, Token: "Bearer"}, noToken, noTokenHint},
		{"Bearer and a space", apps.Request{Route: route, Token: "Bearer "}, noToken, noTokenHint},
		{"Bearer and two spaces", apps.Request{Route: route, Token: "Bearer  " + secret}, spaces, spacesHint},
		{"Bearer twice", apps.Request{Route: route, Token: "Bearer Bearer " + secret}, spaces, spacesHint},
		{"another scheme", apps.Request{Route: route, Token: "Basic " + secret}, spaces, spacesHint},
		{"a token file's newline", apps.Request{Route: route, Token: secret + "\n"}, spaces, spacesHint},
		{"two tokens", apps.Request{Route: route, Token: secret + "," + secret}, misshapen, misshapeHint},
		{"a damaged token", apps.Request{Route: route, Token: secret[:10] + "zzz" + secret[13:]}, damaged, damagedHint},
		{"a stranger's token", apps.Request{Route: route, Token: stranger}, notRecognised, newToken},
		{"a revoked token reads the same", apps.Request{Route: route, Token: revoked}, notRecognised, newToken},
		{"a path that forgot its route", apps.Request{Token: secret},
			"caller: this path recognises nobody", "ask /v1/credentials with a token"},
	} {
		g, err := b.Decide(row.r)
		refusal(t, row.name, err, session.Unrecognised, row.public, row.hint)
		if g != (apps.Grant{}) {
			t.Errorf("%s: Decide: got %+v with the error, want nothing", row.name, g)
		}
	}
}

// The record says which token it was that nobody renewed, whoever has it: to have
// known its secret is enough to be told that.
func TestDecideExpired(t *testing.T) {
	b := open(t, "", "uploader=hr-upload")
	secret := b.issue("uploader", "john", func(x *apps.Token) { x.ID, x.UID, x.Expires = "aaaaaaaa", 1000, start.Add(time.Hour) })
	for name, caller := range map[string]*apps.Caller{"its user": {UID: 1000}, "another user": {UID: 33}, "nobody looked": nil} {
		g, err := b.Decide(apps.Request{Route: apps.ByToken, Token: secret, Caller: caller, Now: start.Add(time.Hour)})
		refusal(t, name, err, session.Unrecognised, "token: expired 2026-11-21 13:00:00 UTC", newToken)
		if g != (apps.Grant{App: "uploader", TokenID: "aaaaaaaa"}) {
			t.Errorf("%s: Decide: got %+v with the error, want which token, and not whose", name, g)
		}
	}
}

// A token that was stolen by another user of the machine, and one that comes
// through a relay of root's, or from where nobody's user is known.
func TestDecideAnotherUser(t *testing.T) {
	b := open(t, "", "uploader=hr-upload")
	johns := b.issue("uploader", "john", func(x *apps.Token) { x.ID, x.UID = "aaaaaaaa", 1000 })
	roots := b.issue("uploader", "root", func(x *apps.Token) { x.ID = "bbbbbbbb" })
	command := b.issue(profiles.CLI, "john", func(x *apps.Token) { x.Profile, x.UID = "hr-upload", 1000 })
	const (
		another = "token: of another user"
		issue   = "issue one for the user that the program runs as: vendord token issue APP --user NAME"
		unknown = "caller: its user is not known here, and the token is one user's"
		here    = "ask from this machine, and not from another network namespace"

		underUser = "it runs as 65534, nobody, or in another user namespace: run it under a user of this machine"
	)
	gone := errors.New("gone")
	for _, row := range []struct {
		name         string
		secret       string
		caller       *apps.Caller
		public, hint string
	}{
		{"another user", johns, &apps.Caller{UID: 33}, another, issue},
		{"what exec started, as another user", command, &apps.Caller{UID: 33}, another, "start vendord exec, or env, as the user that the program runs as"},
		{"root, which may be a relay", johns, &apps.Caller{}, another, issue},
		{"unknown", johns, &apps.Caller{UID: 1000, Err: gone}, unknown, here},
		{"unknown, which is not root", roots, &apps.Caller{Err: gone}, unknown, here},
		{"nobody, or a user of another namespace", johns, &apps.Caller{Err: fmt.Errorf("socket: %w", peer.ErrNobody)}, unknown, underUser},
		{"nobody looked", roots, nil, "caller: this path knows no users", "ask /v1/credentials"},
	} {
		g, err := b.Decide(apps.Request{Route: apps.ByToken, Token: row.secret, Caller: row.caller})
		refusal(t, row.name, err, session.Unrecognised, row.public, row.hint)
		if g.TokenID == "" || g != (apps.Grant{App: g.App, TokenID: g.TokenID}) || g.App == "" {
			t.Errorf("%s: Decide: got %+v with the error, want which token, and not whose", row.name, g)
		}
	}
}

// Naming another profile tells the caller nothing about it, whether it exists or not.
func TestDecideOtherProfile(t *testing.T) {
	b := open(t, "", "uploader=hr-upload,hr-read", "other=secret")
	secret := b.issue("uploader", "john", nil)
	for _, profile := range []string{"hr-read", "secret", "no-such", "hr-upload/"} {
		g, err := b.Decide(apps.Request{Route: apps.ByToken, Token: secret, Profile: profile, Caller: new(apps.Caller)})
		refusal(t, profile, err, session.Refused, `profile "`+profile+`": not the one this token has now`, askPlain)
		if g.App != "uploader" || g.TokenID == "" || g.Profile != "hr-upload" || g.Session != (session.Key{}) {
			t.Errorf("Decide(%q): got %+v with the refusal, want who was refused and no session", profile, g)
		}
	}
	_, err := b.Decide(apps.Request{Route: apps.ByToken, Token: secret, Profile: strings.Repeat("\x00", 9000), Caller: new(apps.Caller)})
	refusal(t, "a long name", err, session.Refused,
		`profile "`+strings.Repeat(`\x00`, 66)+`": not the one this token has now`, askPlain)
}

// A token of cli has its one profile and no other.
func TestDecideCLI(t *testing.T) {
	b := open(t, "", "uploader=hr-upload,hr-read")
	secret := b.issue(profiles.CLI, "john", func(x *apps.Token) { x.Profile = "hr-read" })
	b.granted("cli", secret, "hr-read")
	_, err := b.Decide(apps.Request{Route: apps.ByToken, Token: secret, Profile: "hr-upload", Caller: new(apps.Caller)})
	refusal(t, "another profile", err, session.Refused, `profile "hr-upload": not the one this token has now`, askPlain)
}

// What users ask for themselves falls, at once, with what they were given.
func TestDecideFallsWithItsRight(t *testing.T) {
	asked := func(x *apps.Token) { x.Steer = false }
	askedCLI := func(x *apps.Token) { x.Steer, x.Profile = false, "hr-read" }
	const ask = "ask whoever runs vendord for a token"
	noProfile := `profile "hr-read": user "john" has no right to it any more`

	t.Run("revoked", func(t *testing.T) {
		b := open(t, "", "claude=hr-read", "uploader=hr-upload")
		b.issue("claude", "john", func(x *apps.Token) { x.ID = "aaaaaaaa" })
		cli, app := b.issue(profiles.CLI, "john", askedCLI), b.issue("claude", "john", asked)
		b.granted("backed", cli, "hr-read")
		b.granted("backed", app, "hr-read")
		if _, err := b.Revoke("claude", "aaaaaaaa"); err != nil {
			t.Fatal(err)
		}
		// Not only without a right, but gone: the next token that john is
		// given must not bring them back.
		b.issue("claude", "john", nil)
		_, err := b.decide(cli)
		refusal(t, "cli", err, session.Unrecognised, notRecognised, newToken)
		_, err = b.decide(app)
		refusal(t, "app", err, session.Unrecognised, notRecognised, newToken)
		if _, err := b.Revoke("claude", ""); err != nil {
			t.Fatal(err)
		}
		if grants := b.Grants(); len(grants) != 0 {
			t.Errorf("Grants: got %v, want none", grants)
		}
	})
	t.Run("expired", func(t *testing.T) {
		b := open(t, "", "claude=hr-read")
		b.issue("claude", "john", func(x *apps.Token) { x.Expires = start.Add(time.Minute) })
		cli := b.issue(profiles.CLI, "john", askedCLI)
		b.pass(time.Minute - 1)
		b.granted("a moment before", cli, "hr-read")
		b.pass(1)
		_, err := b.decide(cli)
		refusal(t, "then", err, session.Refused, noProfile, ask)
	})
	t.Run("taken from the app", func(t *testing.T) {
		b := open(t, "", "claude=hr-upload,hr-read", "other=hr-read")
		b.issue("claude", "john", nil)
		cli := b.issue(profiles.CLI, "john", askedCLI)
		b.granted("before", cli, "hr-read")
		b.Set(load(t, file("claude=hr-upload", "other=hr-read")))
		_, err := b.decide(cli)
		refusal(t, "after", err, session.Refused, noProfile, ask)
	})
	t.Run("nothing else gives the right", func(t *testing.T) {
		b := open(t, "", "claude=hr-read")
		cli := b.issue(profiles.CLI, "john", askedCLI)
		b.issue("claude", "eve", nil)
		b.issue("claude", "john", asked)
		b.issue(profiles.CLI, "john", func(x *apps.Token) { x.Profile = "hr-read" })
		_, held := b.token("claude", "john")
		if _, err := b.Hold(held); err != nil {
			t.Fatal(err)
		}
		_, err := b.decide(cli)
		refusal(t, "tokens of others, of cli, held, and asked for", err, session.Refused, noProfile, ask)
	})
}

// What a profile cannot be rendered for is said in the words of the renderer.
func TestDecideRenderError(t *testing.T) {
	b := open(t, "", "uploader=hr-upload")
	b.Set(load(t, file("uploader=hr-upload")+"[profiles.home]\nextends = \"hr-upload\"\npolicy = '"+
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::home/{{user}}/*"}]}`+
		"'\n[apps.homes]\nprofiles = [\"home\"]\n"))
	const user = "*" // every home there is
	secret := b.issue("homes", user, nil)
	_, want := b.Config().Render("home", profiles.Identity{App: "homes", User: user})
	if want == nil {
		t.Fatal("Render: got no error, want one")
	}
	if _, err := b.decide(secret); err == nil || err.Error() != want.Error() {
		t.Errorf("Decide: got %v, want %v", err, want)
	}
}
