package apps_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

const (
	onECS = "[endpoints.ecs]\nlisten = \"169.254.170.2:80\"\n"
	boxed = onECS + "[apps.box]\nprofiles = [\"one\", \"two\"]\nfrom = [\"172.18.0.0/16\"]\n" +
		"[apps.both]\nprofiles = [\"one\"]\nmatch = {user = \"#4001\"}\nrequire = \"both\"\n"
	anotherID = "issue a new one: vendord token issue APP --path"
)

// path is an hour's id for paths, for user 4001, or for none if user is empty.
func (b book) path(app, user string) (string, apps.Token) {
	secret, hash := apps.NewPathSecret()
	return secret, apps.Token{App: app, User: user, UID: 4001, Hash: hash, Path: true, Steer: true, Expires: b.now.Add(time.Hour)}
}

// inPath issues such an id.
func (b book) inPath(app, user string) (secret, id string) {
	b.t.Helper()
	secret, token := b.path(app, user)
	token.ID = apps.NewID()
	if err := b.Issue(token); err != nil {
		b.t.Fatalf("Issue: %v", err)
	}
	return secret, token.ID
}

// askPath asks with an id in the path.
func (b book) askPath(secret string, c *apps.Caller) (apps.Grant, error) {
	return b.Decide(apps.Request{Route: apps.ByPath, Token: secret, Caller: c, Now: b.now})
}

// An id is good in a path, in the hands of its user, and each other use of it, and of a
// token in its place, is refused with what it is.
func TestIDsInPaths(t *testing.T) {
	b := openSystem(t, "", boxed)
	id, name := b.inPath("box", "u4001")
	own := (&program{uid: 4001}).caller()
	token := b.issue("box", "u4001", func(t *apps.Token) { t.UID = 4001 })
	g, err := b.askPath(id, own)
	if err != nil || g.App != "box" || g.User != "u4001" || g.Profile != "one" || g.TokenID != name || g.How != "path" || g.Session == (session.Key{}) {
		t.Fatalf("Decide: got %+v, %v, want box's grant by path", g, err)
	}
	unknown, _ := apps.NewPathSecret()
	last := "0"
	if strings.HasSuffix(id, last) {
		last = "1"
	}
	damaged := id[:len(id)-1] + last
	const (
		inHeader = "token: an id for a path, and good for nothing in a header"
		relative = "set AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=/v2/credentials/ID; or issue a token without --path"
		odd      = "id: not one of vendord's"
		shape    = "one is vndp_ and 49 letters and digits: vendord token issue APP --path"
		isToken  = "id: a token, which is for the Authorization header alone"
		logged   = "ask /v1/credentials with it; issue another: this one may be in logs"
	)
	for _, row := range []struct {
		name, secret string
		route        apps.Route
		caller       *apps.Caller
		public, hint string
	}{
		{"the id in a header", id, apps.ByToken, own, inHeader, relative},
		{"the id as a bearer", "Bearer " + id, apps.ByToken, own, inHeader, relative},
		{"an unknown id in a header, which tells nothing of it", unknown, apps.ByToken, own, inHeader, relative},
		{"the beginning of one in a header", "vndp_x", apps.ByToken, own, inHeader, relative},
		{"a token in the path", token, apps.ByPath, own, isToken, logged},
		{"an unknown token in the path", "vnd_x", apps.ByPath, own, isToken, logged},
		{"nothing in the path", "", apps.ByPath, own, "id: none in the path", "issue one: vendord token issue APP --path"},
		{"a bearer in the path", "Bearer " + id, apps.ByPath, own, odd, shape},
		{"an id of ECS", "8b2f1d9c-52c1-4c9b-9e6a-000000000000", apps.ByPath, own, odd, shape},
		{"the id and more", id + "x", apps.ByPath, own, odd, shape},
		{"the id, quoted", strings.Replace(id, "_", "%5F", 1), apps.ByPath, own, odd, shape},
		{"the id of a token by its name", name, apps.ByPath, own, odd, shape},
		{"damaged", damaged, apps.ByPath, own, "id: damaged, its checksum does not match", "copy it again, whole"},
		{"unknown", unknown, apps.ByPath, own, "id: not recognised", anotherID},
		{"as another user, who read it in /proc", id, apps.ByPath, (&program{uid: 4002}).caller(), "token: of another user",
			"issue one for the user that the program runs as: vendord token issue APP --user NAME"},
		{"as root, which may be a proxy", id, apps.ByPath, (&program{}).caller(), "token: of another user",
			"issue one for the user that the program runs as: vendord token issue APP --user NAME"},
		{"from another network", id, apps.ByPath, stray("172.18.0.5"), "caller: its user is not known here, and the token is one user's",
			"ask from this machine, and not from another network namespace"},
		{"from nobody", id, apps.ByPath, nil, "caller: this path knows no users", "ask /v1/credentials"},
	} {
		g, err := b.Decide(apps.Request{Route: row.route, Token: row.secret, Caller: row.caller, Now: b.now})
		refusal(t, row.name, err, session.Unrecognised, row.public, row.hint)
		if g.Session != (session.Key{}) {
			t.Errorf("%s: Decide: got %+v, want no session", row.name, g)
		}
	}
	_, err = b.Decide(apps.Request{Route: apps.ByKernel, Token: id, Caller: own, Now: b.now})
	refusal(t, "the id where the kernel recognises", err, session.Unrecognised, "token: not for this path, which asks the kernel who you are", "ask /v1/credentials, or send no token")
	b.pass(time.Hour)
	_, err = b.askPath(id, own)
	refusal(t, "expired", err, session.Unrecognised, "id: expired 2026-11-21 13:00:00 UTC", anotherID)
}

// stray is a caller of another network namespace.
func stray(from string) *apps.Caller {
	return &apps.Caller{Err: errors.New("none"), Addr: netip.MustParseAddr(from)}
}

func sha(secret string) [32]byte { return sha256.Sum256([]byte(secret)) }

// A connection that was used in one way is nothing in the other.
func TestAMemoKeepsTheFormsApart(t *testing.T) {
	b := openSystem(t, "", boxed)
	id, _ := b.inPath("box", "u4001")
	token := b.issue("box", "u4001", func(t *apps.Token) { t.UID = 4001 })
	own, memo := (&program{uid: 4001}).caller(), new(apps.Memo)
	for i, row := range []struct {
		route  apps.Route
		secret string
		good   bool
	}{{apps.ByPath, id, true}, {apps.ByToken, id, false}, {apps.ByPath, id, true}, {apps.ByPath, token, false},
		{apps.ByToken, token, true}, {apps.ByPath, token, false}, {apps.ByToken, token, true}, {apps.ByPath, id, true}} {
		g, err := b.Decide(apps.Request{Route: row.route, Token: row.secret, Caller: own, Memo: memo, Now: b.now})
		if (err == nil) != row.good || row.good == (g.Session == session.Key{}) {
			t.Errorf("request %d: Decide: got %+v, %v, want a grant: %v", i, g, err, row.good)
		}
	}
}

// Whoever registers a hash can say of a secret what they like: it is good for what its
// secret is the form of, or for nothing.
func TestAFormThatTheSecretHasNot(t *testing.T) {
	b := openSystem(t, "", boxed)
	own := (&program{uid: 4001}).caller()
	for name, change := range map[string]func(id, token string, hashes map[string][32]byte) (secret string, t apps.Token){
		"an id that is said to be a token": func(id, _ string, h map[string][32]byte) (string, apps.Token) { return id, apps.Token{Hash: h[id]} },
		"a token that is said to be an id": func(_, token string, h map[string][32]byte) (string, apps.Token) {
			return token, apps.Token{Hash: h[token], Path: true}
		},
	} {
		id, idHash := apps.NewPathSecret()
		token, tokenHash := apps.NewSecret()
		secret, kept := change(id, token, map[string][32]byte{id: idHash, token: tokenHash})
		kept.App, kept.User, kept.UID, kept.Steer, kept.Expires = "box", "u4001", 4001, true, b.now.Add(time.Hour)
		if err := b.Issue(kept); err != nil {
			t.Fatal(err)
		}
		for _, route := range []apps.Route{apps.ByToken, apps.ByPath} {
			if g, err := b.Decide(apps.Request{Route: route, Token: secret, Caller: own, Now: b.now}); err == nil {
				t.Errorf("%s, on route %d: Decide: got %+v, want a refusal", name, route, g)
			}
		}
	}
	own2 := strings.Repeat("secret of my own ", 3)
	other := strings.Repeat("another", 9)
	for i, adopted := range []bool{true, false} {
		secret := []string{other, own2}[i]
		token := apps.Token{App: "box", User: "u4001", UID: 4001, Steer: true, Path: !adopted, Hash: sha(secret), Expires: b.now.Add(time.Hour)}
		issue := b.Issue
		if adopted {
			issue = b.Adopt
		}
		if err := issue(token); err != nil {
			t.Fatal(err)
		}
	}
	_, err := b.decideAs(own2, own)
	refusal(t, "an id of any form, in a header", err, session.Unrecognised, "token: has a space or a line break in it", `send it alone, or after "Bearer "; a token file has no newline`)
}

// An id without a user is for callers of the app's network, as tokens are.
func TestIDsOfOtherNetworks(t *testing.T) {
	b := openSystem(t, "", boxed)
	id, _ := b.inPath("box", "")
	if g, err := b.askPath(id, stray("172.18.0.5")); err != nil || g.App != "box" || g.User != "" || g.How != "path" {
		t.Errorf("Decide: got %+v, %v, want box's grant", g, err)
	}
	g, err := b.askPath(id, stray("172.19.0.5"))
	refusal(t, "another network", err, session.Unrecognised, "caller: the token's app is not for callers from there", seeWhy)
	if want := `app "box": it connects from 172.19.0.5, which is not in [apps.box] from`; g.Near != want {
		t.Errorf("Near: got %q, want %q", g.Near, want)
	}
	_, err = b.askPath(id, (&program{uid: 4001}).caller())
	refusal(t, "who has a user here", err, session.Unrecognised, "token: of no user, and the caller's is known here",
		"issue one for the user that the program runs as: vendord token issue APP --user NAME")
}

// An app that asks for both gets both.
func TestIDsOfAppsThatAskForBoth(t *testing.T) {
	b := openSystem(t, "", boxed)
	id, _ := b.inPath("both", "#4001")
	if g, err := b.askPath(id, (&program{uid: 4001}).caller()); err != nil || g.How != "path, user" {
		t.Errorf("Decide: got %+v, %v, want a grant by path and user", g, err)
	}
	token, t1 := b.token("both", "#4001")
	t1.UID = 4001
	if err := b.Issue(t1); err != nil {
		t.Fatal(err)
	}
	if g, err := b.decideAs(token, (&program{uid: 4001}).caller()); err != nil || g.How != "token, user" {
		t.Errorf("Decide: got %+v, %v, want a grant by token and user", g, err)
	}
}

// decideAs asks with a token as a caller.
func (b book) decideAs(secret string, c *apps.Caller) (apps.Grant, error) {
	return b.Decide(apps.Request{Route: apps.ByToken, Token: secret, Caller: c, Now: b.now})
}

// What an id cannot be, and where there is no address that answers it.
func TestIDsThatAreRefused(t *testing.T) {
	b := openSystem(t, "", boxed)
	_, token := b.path("box", "u4001")
	held := func(t apps.Token) error { _, err := b.Hold(t); return err }
	for _, row := range []struct {
		name         string
		take         func(apps.Token) error
		token        apps.Token
		public, hint string
	}{
		{"a command's", b.Issue, with(token, func(t *apps.Token) { t.App, t.Profile = profiles.CLI, "one" }), "token: is a command's, and an id in a path", "issue it for an app"},
		{"held", held, token, "token: an id in a path, and would be held", "issue it"},
		{"adopted", b.Adopt, token, "token: adopted, which an id in a path cannot be", "vendord token issue box --path makes one"},
	} {
		refusal(t, row.name, row.take(row.token), session.Refused, row.public, row.hint)
	}
	none := openSystem(t, "", strings.Replace(boxed, onECS, "", 1))
	refusal(t, "no address of ECS", none.Issue(token), session.Refused,
		`token for app "box": an id in a path, which the address of ECS alone answers, and there is none`, "write [endpoints.ecs] with listen, and start vendord anew")
}

// An id is rotated into an id, revoked, listed, and kept over a restart.
func TestIDsAreTokens(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b := openSystem(t, dir, boxed)
	own := (&program{uid: 4001}).caller()
	old, name := b.inPath("box", "u4001")
	fresh, next := b.path("box", "")
	next.ID = apps.NewID()
	tokenForm := next
	tokenForm.Path = false
	refusal(t, "into a token", b.Rotate("box", name, tokenForm, time.Minute), session.Refused,
		fmt.Sprintf("token %q: an id in a path takes the place of one alone", name), "issue another, and revoke this one")
	if err := b.Rotate("box", name, next, time.Minute); err != nil {
		t.Fatal(err)
	}
	token, _ := b.token("box", "u4001")
	tokenID := apps.NewID()
	if err := b.Issue(apps.Token{ID: tokenID, App: "box", User: "u4001", UID: 4001, Steer: true, Hash: sha(token), Expires: b.now.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	refusal(t, "a token into an id", b.Rotate("box", tokenID, with(next, func(t *apps.Token) { t.ID, t.Hash = "", sha("x") }), 0), session.Refused,
		fmt.Sprintf("token %q: an id in a path takes the place of one alone", tokenID), "issue another, and revoke this one")
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "tokens.json"))
	if err != nil || !strings.Contains(string(text), `"version": 4`) || strings.Contains(string(text), "vndp_") {
		t.Errorf("token file: got %s, %v, want version 4 and no secret", text, err)
	}
	b = openSystem(t, dir, boxed)
	for _, secret := range []string{old, fresh} {
		if g, err := b.askPath(secret, own); err != nil || g.User != "u4001" {
			t.Errorf("after a restart: got %+v, %v, want a grant", g, err)
		}
	}
	paths := 0
	for _, t := range b.Tokens("box") {
		if t.Path {
			paths++
		}
	}
	if paths != 2 || len(b.Tokens("box")) != 3 {
		t.Errorf("Tokens: got %+v, want two ids and a token", b.Tokens("box"))
	}
	if n, err := b.Revoke("box", next.ID); n != 1 || err != nil {
		t.Errorf("Revoke: got %d, %v, want 1", n, err)
	}
	_, err = b.askPath(fresh, own)
	refusal(t, "revoked", err, session.Unrecognised, "id: not recognised", anotherID)
	b.pass(time.Minute)
	if _, err = b.askPath(old, own); err == nil {
		t.Error("Decide after its overlap: got a grant")
	}
	if n, err := b.Revoke("box", ""); n != 1 || err != nil {
		t.Errorf("Revoke: got %d, %v, want the token", n, err)
	}
	_ = b.Close()
	if text, err = os.ReadFile(filepath.Join(dir, "tokens.json")); err != nil || !strings.Contains(string(text), `"version": 3`) {
		t.Errorf("token file without ids: got %s, %v, want version 3, which an older vendord reads", text, err)
	}
}

func with(t apps.Token, change func(*apps.Token)) apps.Token {
	change(&t)
	return t
}
