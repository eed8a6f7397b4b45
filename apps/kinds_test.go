package apps_test

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// asUser is a token's change: it is one of user 4001.
func asUser(x *apps.Token) { x.UID = 4001 }

// With require = "both" neither a token nor a match is enough.
func TestBoth(t *testing.T) {
	exe, was := self(t, 4001)
	was.Exe, was.Inode = exe+" (deleted)", was.Inode+1
	b := openSystem(t, "", "[apps.both]\nprofiles = [\"one\"]\nrequire = \"both\"\nmatch = {user = \"#4001\", unit = \"web.service\"}\n"+
		"[apps.tool]\nprofiles = [\"one\"]\nrequire = \"both\"\nmatch = {exe = \""+exe+"\"}\n")
	secret, tool := b.issue("both", "john", asUser), b.issue("tool", "john", asUser)
	web := &program{uid: 4001, cgroup: "/system.slice/web.service"}
	elsewhere := &program{uid: 4001, cgroup: "/system.slice/ssh.service"}
	ask := func(secret string, c *apps.Caller, memo *apps.Memo) (apps.Grant, error) {
		return b.Decide(apps.Request{Route: apps.ByToken, Token: secret, Caller: c, Memo: memo})
	}
	memo, caller := new(apps.Memo), web.caller()
	for range 2 {
		if g, err := ask(secret, caller, memo); err != nil || g.How != "token, user, unit" || g.TokenID == "" || g.Profile != "one" || web.asked.Load() != 1 {
			t.Errorf("token and match: got %+v, %v, asked %d times, want a grant by both", g, err, web.asked.Load())
		}
	}
	const no = "caller: the token's app does not recognise it"
	for _, row := range []struct {
		name         string
		secret       string
		c            *apps.Caller
		public, hint string
		near         string
	}{
		{"the token alone", secret, elsewhere.caller(), no, seeWhy, `app "both": its unit is "ssh.service", not "web.service"`},
		{"the token alone, of a program that was replaced", tool, (&program{uid: 4001, processes: []peer.Process{was}}).caller(), no, again,
			`app "tool": its executable "` + exe + `" was replaced since it started: restart it`},
		{"another user's token", secret, (&program{uid: 4002, cgroup: web.cgroup}).caller(), "token: of another user",
			"issue one for the user that the program runs as: vendord token issue APP --user NAME", ""},
		{"gone", secret, (&program{uid: 4001, cgroup: web.cgroup, gone: errors.New("x")}).caller(), "caller: gone, or not the one who asked",
			"ask again, over a new connection", ""},
		{"a system that tells nothing", secret, &apps.Caller{Err: errors.ErrUnsupported}, "caller: this path knows no users", "ask /v1/credentials with a token", ""},
	} {
		g, err := ask(row.secret, row.c, nil)
		refusal(t, row.name, err, session.Unrecognised, row.public, row.hint)
		if g.Near != row.near || g.Session != (session.Key{}) || g.TokenID == "" {
			t.Errorf("%s: got %+v, want which token, no session, and near %q", row.name, g, row.near)
		}
	}
	g, err := b.ask(web, nil)
	refusal(t, "the match alone", err, session.Unrecognised, stranger, seeWhy)
	if want := `app "both": it matches, and has to show a token as well`; g.Near != want {
		t.Errorf("the match alone: got near %q, want %q", g.Near, want)
	}
	g, err = b.ask(elsewhere, nil)
	refusal(t, "a part of the match alone", err, session.Unrecognised, stranger, seeWhy)
	if want := `app "both": its unit is "ssh.service", not "web.service"`; g.Near != want {
		t.Errorf("a part of the match alone: got near %q, want %q", g.Near, want)
	}
	_, token := b.token("both", "jane")
	token.UID = 4002
	refusal(t, "a token for another user than the match's", b.Issue(token), session.Refused,
		`app "both": its match is of user "#4001", a token of user "jane" would be good for nothing`, `vendord token issue both --user "#4001"`)
	_, _, err = decided(b, secret[:10], web)
	if err == nil {
		t.Error("a wrong token and a match: got a grant")
	}
}

// A token of an app that requires both gives its user no right to ask for more of
// it, or for commands' tokens of its profiles: neither would be shown a token, nor
// have to match.
func TestBothGivesNoRights(t *testing.T) {
	const both, tokens = "[apps.a]\nprofiles = [\"one\"]\nrequire = \"both\"\nmatch = {user = \"#4001\", unit = \"web.service\"}\n", "[apps.a]\nprofiles = [\"one\"]\n"
	b := openSystem(t, "", both)
	b.issue("a", "john", asUser)
	if apps, profiles := b.Allowed("john"); len(apps)+len(profiles) > 0 {
		t.Errorf("Allowed: got %q and %q, want nothing", apps, profiles)
	}
	b.Set(system(t, tokens))
	command := b.issue(profiles.CLI, "john", func(x *apps.Token) { x.UID, x.Profile, x.Steer = 4001, "one", false })
	own := b.issue("a", "john", func(x *apps.Token) { x.UID, x.Steer = 4001, false })
	web := &program{uid: 4001, cgroup: "/system.slice/web.service"}
	for name, secret := range map[string]string{"a command's": command, "one's own": own} {
		if _, _, err := decided(b, secret, web); err != nil {
			t.Errorf("%s, while a token is enough: %v", name, err)
		}
	}
	b.Set(system(t, both))
	_, _, err := decided(b, command, web)
	refusal(t, "a command's", err, session.Refused, `profile "one": user "john" has no right to it any more`, "ask whoever runs vendord for a token")
	_, _, err = decided(b, own, web)
	refusal(t, "one's own", err, session.Refused, `app "a": user "john" has no right to it any more`, "ask whoever runs vendord for a token")
}

func decided(b book, secret string, p *program) (apps.Grant, string, error) {
	g, err := b.Decide(apps.Request{Route: apps.ByToken, Token: secret, Caller: p.caller()})
	return g, g.Near, err
}

// A token without a user is for containers with a network of their own, from
// where the configuration says now.
func TestTokensWithoutAUser(t *testing.T) {
	const text = "[apps.box]\nprofiles = [\"one\"]\nfrom = [\"172.18.0.0/16\", \"fd00::/8\"]\n[apps.any]\nprofiles = [\"two\"]\nunidentified = true\n[apps.plain]\nprofiles = [\"three\"]\n"
	b := openSystem(t, "", text)
	box, anywhere := b.issue("box", "", nil), b.issue("any", "", nil)
	unknown := func(addr string) *apps.Caller {
		return &apps.Caller{Err: errors.New("none"), Addr: netip.MustParseAddr(addr)}
	}
	const from, hint = "caller: the token's app is not for callers from there", seeWhy
	known, issue := "token: of no user, and the caller's is known here", "issue one for the user that the program runs as: vendord token issue APP --user NAME"
	type row struct {
		name         string
		secret       string
		c            *apps.Caller
		public, hint string
		near         string
	}
	check := func(row row) {
		t.Helper()
		g, err := b.Decide(apps.Request{Route: apps.ByToken, Token: row.secret, Caller: row.c})
		if row.public == "" {
			if err != nil || g.Session == (session.Key{}) {
				t.Errorf("%s: got %+v, %v, want a grant", row.name, g, err)
			}
			return
		}
		refusal(t, row.name, err, session.Unrecognised, row.public, row.hint)
		if g.Near != row.near {
			t.Errorf("%s: got near %q, want %q", row.name, g.Near, row.near)
		}
	}
	elsewhere := row{"from elsewhere", box, unknown("10.0.0.1"), from, hint, `app "box": it connects from 10.0.0.1, which is not in [apps.box] from`}
	for _, row := range []row{
		{"from there", box, unknown("172.18.3.4"), "", "", ""},
		{"from there, mapped", box, unknown("::ffff:172.18.3.4"), "", "", ""},
		{"from there, with a zone", box, unknown("fd00::1%eth0"), "", "", ""},
		elsewhere,
		{"a relay of root's on this machine", box, &apps.Caller{Addr: netip.MustParseAddr("172.18.0.1")}, known, issue, ""},
		{"nobody of this machine, from the bridge's address", box, &apps.Caller{Err: fmt.Errorf("x: %w", peer.ErrNobody), Addr: netip.MustParseAddr("172.18.0.1")}, from, hint,
			`app "box": it is on this machine, as user 65534, and from is for other networks`},
		{"from anywhere", anywhere, unknown("10.0.0.1"), "", "", ""},
		{"from anywhere, but a user of this machine", anywhere, &apps.Caller{UID: 4001}, known, issue, ""},
		{"where no users are told", box, &apps.Caller{Err: fmt.Errorf("x: %w", errors.ErrUnsupported)}, "", "", ""},
		{"where nobody looked", anywhere, nil, "caller: this path knows no users", "ask /v1/credentials", ""},
	} {
		check(row)
	}
	b.Set(system(t, strings.Replace(text, "172.18", "172.19", 1)))
	elsewhere.name, elsewhere.c = "after a reload without it", unknown("172.18.3.4")
	elsewhere.near = strings.Replace(elsewhere.near, "10.0.0.1", "172.18.3.4", 1)
	check(elsewhere)
	_, token := b.token("plain", "")
	refusal(t, "Issue", b.Issue(token), session.Refused, `token for app "plain": has no user`,
		"name one; or say in [apps.plain] with from where callers come from whose user is not known here")
	_, token = b.token("box", "")
	token.Steer = false
	refusal(t, "Issue, by who does not steer", b.Issue(token), session.Refused, "token: has no user",
		"only whoever steers vendord may issue a token that any user can present")
}

// With select a program may name another of its app's profiles, and only those.
func TestSelect(t *testing.T) {
	const text = "[apps.web]\nprofiles = [\"one\", \"two\"]\nselect = true\nmatch = {user = \"#4001\"}\n[apps.tok]\nprofiles = [\"one\", \"two\"]\nselect = true\n"
	b := openSystem(t, "", text)
	secret := b.issue("tok", "john", asUser)
	p := &program{uid: 4001}
	for _, r := range []apps.Request{{Route: apps.ByKernel}, {Route: apps.ByToken, Token: secret}} {
		r.Caller = p.caller()
		for _, profile := range []string{"", "one", "two"} {
			r.Profile = profile
			want := profile
			if want == "" {
				want = "one"
			}
			if g, err := b.Decide(r); err != nil || g.Profile != want || !strings.Contains(g.Session.Value().RoleARN, want) {
				t.Errorf("Decide(%q): got %+v, %v, want %s", profile, g, err, want)
			}
		}
		for _, profile := range []string{"three", "secret", "no-such"} {
			r.Profile = profile
			_, err := b.Decide(r)
			path := map[apps.Route]string{apps.ByKernel: "/v1/process/credentials", apps.ByToken: "/v1/credentials"}[r.Route]
			refusal(t, profile, err, session.Refused, `profile "`+profile+`": not one of this app's`, "ask "+path+", without a name")
		}
	}
	var got []string
	for _, g := range b.Grants() {
		got = append(got, fmt.Sprint(g.App, " ", g.User, " ", g.Profile, " ", g.Lazy))
	}
	if want := []string{"tok john one false", "tok john two true", "web #4001 one false", "web #4001 two true"}; !slices.Equal(got, want) {
		t.Errorf("Grants: got %q, want %q", got, want)
	}
}

// What is protected is for commands under exec, and never kept.
func TestProtected(t *testing.T) {
	b := openSystem(t, "", "[apps.tok]\nprofiles = [\"one\"]\n")
	secret, token := b.token(profiles.CLI, "john")
	token.Profile = "secret"
	const public, hint = `profile "secret": protected, only a command under vendord exec gets it`, "vendord exec secret -- COMMAND"
	_, err := b.Hold(token)
	refusal(t, "Hold", err, session.Refused, public, hint)
	refusal(t, "Issue", b.Issue(token), session.Refused, public, hint)
	token.Exec = true
	refusal(t, "Issue for exec", b.Issue(token), session.Refused, "token: is of a command under vendord exec, and would be kept", "hold it")
	if _, err := b.Hold(token); err != nil {
		t.Fatal(err)
	}
	b.granted("exec", secret, "secret")
	_, err = b.Change("tok", "secret")
	refusal(t, "Change", err, session.Refused, public, hint)
	// One that a reload protects.
	plain := b.issue(profiles.CLI, "john", func(x *apps.Token) { x.Profile = "one" })
	c := system(t, "[apps.tok]\nprofiles = [\"two\"]\n")
	one := c.Profiles["one"]
	one.Protected = true
	c.Profiles["one"] = one
	b.Set(c)
	_, err = b.decide(plain)
	refusal(t, "after a reload", err, session.Refused, `profile "one": protected, only a command under vendord exec gets it`, "vendord exec one -- COMMAND")
}

// A user whose programs are an app's, whatever they are, may have its profiles in
// commands too; the user of one of its programs may not.
func TestAllowedByMatch(t *testing.T) {
	b := openSystem(t, "", `
[apps.mine]
profiles = ["one"]
match = {user = "#4001"}
[apps.ours]
profiles = ["two"]
match = {group = "all"}
[apps.unit]
profiles = ["three"]
match = {user = "#4001", unit = "web.service"}
`)
	for _, row := range []struct {
		user           string
		groups         []string
		apps, profiles []string
	}{
		{"#4001", nil, []string{"mine"}, []string{"one"}},
		{"#4001", []string{"all"}, []string{"mine", "ours"}, []string{"one", "two"}},
		{"u4002", []string{"all"}, []string{"ours"}, []string{"two"}},
		{"u4002", []string{"none"}, nil, nil},
		{"", []string{"all"}, nil, nil},
	} {
		if a, p := b.Allowed(row.user, row.groups...); !slices.Equal(a, row.apps) || !slices.Equal(p, row.profiles) {
			t.Errorf("Allowed(%q, %q): got %q, %q, want %q, %q", row.user, row.groups, a, p, row.apps, row.profiles)
		}
	}
	for _, row := range []struct {
		user, app, profile string
		want               bool
	}{
		{"#4001", "mine", "", true}, {"#4001", "cli", "one", true}, {"#4001", "ours", "", true}, {"u4002", "cli", "two", true},
		{"#4001", "unit", "", false}, {"#4001", "cli", "three", false}, {"u4002", "mine", "", false}, {"", "ours", "", false}, {"#4001", "cli", "", false},
	} {
		if got := b.Always(row.user, []string{"all"}, row.app, row.profile); got != row.want {
			t.Errorf("Always(%q, %q, %q): got %t, want %t", row.user, row.app, row.profile, got, row.want)
		}
	}
	command := func(user string, uid uint32, profile string) string {
		secret, token := b.token(profiles.CLI, user)
		token.UID, token.Profile, token.Steer = uid, profile, false
		if _, err := b.Hold(token); err != nil {
			t.Fatal(err)
		}
		return secret
	}
	memo := new(apps.Memo)
	ask := func(secret string, uid uint32) error {
		_, err := b.Decide(apps.Request{Route: apps.ByToken, Token: secret, Caller: &apps.Caller{UID: uid}, Memo: memo, Now: b.now})
		return err
	}
	mine, ours := command("#4001", 4001, "one"), command("u4002", 4002, "two")
	if err := errors.Join(ask(mine, 4001), ask(ours, 4002), ask(ours, 4002)); err != nil {
		t.Errorf("commands: %v", err)
	}
	const none = "ask whoever runs vendord for a token"
	refusal(t, "another's", ask(command("u4002", 4002, "one"), 4002), session.Refused, `profile "one": user "u4002" has no right to it any more`, none)
	refusal(t, "a unit's", ask(command("#4001", 4001, "three"), 4001), session.Refused, `profile "three": user "#4001" has no right to it any more`, none)
	refusal(t, "nobody knows", ask(command("u4999", 4999, "two"), 4999), session.Retry, "caller: its name and groups are not known now",
		"ask again: the user database did not answer")
	// What falls away with a revocation does not take these along.
	b.issue(profiles.CLI, "u4002", func(x *apps.Token) { x.ID, x.Profile = "aaaaaaaa", "three" })
	if _, err := b.Revoke(profiles.CLI, "aaaaaaaa"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(ask(mine, 4001), ask(ours, 4002)); err != nil {
		t.Errorf("commands, after a revocation: %v", err)
	}
}

// An app whose programs are recognised from now on has no tokens, until it is
// one of tokens again.
func TestTokensOfAMatchApp(t *testing.T) {
	const tokens, match = "[apps.a]\nprofiles = [\"one\", \"two\"]\n", "[apps.a]\nprofiles = [\"two\", \"one\"]\nmatch = {user = \"#4001\"}\n"
	dir := filepath.Join(t.TempDir(), "state")
	b := openSystem(t, dir, tokens)
	secret := b.issue("a", "john", asUser)
	ask := func() error { _, _, err := decided(b, secret, &program{uid: 4001}); return err }
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	lines := b.Set(system(t, match))
	if want := []string{`app "a" is recognised by the kernel, its tokens get 403`}; !slices.Equal(lines, want) {
		t.Errorf("Set: got %q, want %q", lines, want)
	}
	refusal(t, "Decide", ask(), session.Refused, `app "a": recognised by the kernel now, its tokens are good for nothing`,
		`ask /v1/process/credentials without a token; or write require = "both" into [apps.a] and run vendord reload`)
	if g, err := b.ask(&program{uid: 4001}, nil); err != nil || g.Profile != "two" {
		t.Errorf("Decide by kernel: got %+v, %v, want two, the first", g, err)
	}
	_, token := b.token("a", "john")
	refusal(t, "Issue", b.Issue(token), session.Refused, `app "a": recognised by the kernel, it has no tokens`,
		`run its programs as what [apps.a] match says; or write require = "both" there`)
	b.issue(profiles.CLI, "john", func(x *apps.Token) { x.Profile = "one" }) // has the file written
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	b = openSystem(t, dir, match)
	if err := ask(); err == nil {
		t.Error("after a restart: got a grant")
	}
	b.Set(system(t, tokens))
	if g, _, err := decided(b, secret, &program{uid: 4001}); err != nil || g.Profile != "one" {
		t.Errorf("once it has tokens again: got %+v, %v, want one, as before", g, err)
	}
}
