//go:build unix

package control_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/session"
)

// act is something that a caller does.
type act func(context.Context, *control.Client) error

func issue(t control.TokenSpec) act {
	return func(ctx context.Context, c *control.Client) error {
		_, err := c.Issue(ctx, t)
		return err
	}
}

func hold(t control.TokenSpec) act {
	return func(ctx context.Context, c *control.Client) error {
		h, err := c.Hold(ctx, t)
		if err == nil {
			err = h.Close()
		}
		return err
	}
}

func revoke(app, id string) act {
	return func(ctx context.Context, c *control.Client) error {
		_, err := c.Revoke(ctx, app, id)
		return err
	}
}

func tokens(ctx context.Context, c *control.Client) error { _, err := c.Tokens(ctx, ""); return err }
func status(ctx context.Context, c *control.Client) error { _, err := c.Status(ctx); return err }
func reload(ctx context.Context, c *control.Client) error { _, err := c.Reload(ctx); return err }

// tok is a request for a token that lives for half an hour.
func tok(app, user, profile string) control.TokenSpec {
	return control.TokenSpec{App: app, User: user, Profile: profile, Hash: hash, TTL: 30 * time.Minute}
}

const (
	askOwner   = ` | ask the owner (or root and operators), or run a vendord of your own: vendord serve`
	forJane    = `token for user "jane": only the owner (or root and operators) may issue it | leave the user out to get a token for yourself`
	noUploader = `app "uploader": user "ME" may not have tokens for it | whoever steers vendord can issue one: vendord token issue uploader --user ME`
	noNonsense = `app "nonsense": user "ME" may not have tokens for it | whoever steers vendord can issue one: vendord token issue nonsense --user ME`
	noAdmin    = `profile "admin": user "ME" may not have it | whoever steers vendord can issue a token of an app that has it: vendord token issue APP --user ME`
	noToken    = `: no such token | vendord token list shows those that there are`
	mayNotDump = `dump: only the owner (or root and operators) may steer | ask one of them, or run a vendord of your own: vendord serve`
	mayNot     = `reload: only the owner (or root and operators) may steer | ask one of them, or run a vendord of your own: vendord serve`
)

func TestRights(t *testing.T) {
	const none = control.Rights(0)
	type row struct {
		rights control.Rights
		does   string
		act    act
		want   string // what the refusal says
	}
	allow := func(r control.Rights, does string, a act) row { return row{r, does, a, ""} }
	deny := func(r control.Rights, does string, a act, want string) row { return row{r, does, a, want} }
	both := control.Vend | control.See

	for _, r := range []row{
		deny(none, "sees the status", status, `status: user "ME" has no rights here`+askOwner),
		deny(none, "lists tokens", tokens, `tokens: user "ME" has no rights here`+askOwner),
		deny(none, "issues its own", issue(tok("claude", "", "")), `issue: user "ME" has no rights here`+askOwner),
		deny(none, "holds its own", hold(tok("claude", "", "")), `hold: user "ME" has no rights here`+askOwner),
		deny(none, "revokes its own", revoke("claude", "mine"), `revoke: user "ME" has no rights here`+askOwner),
		deny(none, "reloads", reload, mayNot),
		deny(none, "takes a dump", dump(heap), mayNotDump),
		deny(none, "sees the metrics", metrics, mayNotMeasure),

		deny(none, "lists apps", listApps, `apps: user "ME" has no rights here`+askOwner),
		deny(none, "asks why", why(""), `why: user "ME" has no rights here`+askOwner),

		allow(control.See, "sees the status", status),
		allow(control.See, "lists apps", listApps),
		allow(control.See, "asks why", why("")),
		allow(control.See, "asks why of another's app", why("uploader")),
		deny(control.See, "lists tokens", tokens, `tokens: user "ME" has no rights here`+askOwner),
		deny(control.See, "issues its own", issue(tok("claude", "", "")), `issue: user "ME" has no rights here`+askOwner),
		deny(control.See, "reloads", reload, mayNot),
		deny(control.See, "takes a dump", dump(heap), mayNotDump),
		deny(control.See, "sees the metrics", metrics, mayNotMeasure),

		deny(control.Vend, "sees the status", status, `status: user "ME" has no rights here`+askOwner),
		allow(control.Vend, "lists tokens", tokens),
		allow(control.Vend, "issues its own", issue(tok("claude", "", ""))),
		allow(control.Vend, "issues its own by name", issue(tok("claude", me(), ""))),
		allow(control.Vend, "holds its own", hold(tok("claude", "", ""))),
		allow(control.Vend, "holds for a command", hold(tok("cli", "", "readonly"))),
		allow(control.Vend, "issues for a command", issue(tok("cli", "", "readonly"))),
		deny(control.Vend, "issues for another user", issue(tok("claude", "jane", "")), forJane),
		deny(control.Vend, "holds for another user", hold(tok("claude", "jane", "")), forJane),
		deny(control.Vend, "issues for root by number", issue(tok("claude", "#0", "")), strings.Replace(forJane, "jane", "#0", 1)),
		deny(control.Vend, "issues another app's", issue(tok("uploader", "", "")), noUploader),
		deny(control.Vend, "holds another app's", hold(tok("uploader", "", "")), noUploader),
		deny(control.Vend, "issues an unknown app's", issue(tok("nonsense", "", "")), noNonsense),
		deny(control.Vend, "holds another profile", hold(tok("cli", "", "admin")), noAdmin),
		deny(control.Vend, "issues another profile", issue(tok("cli", "", "admin")), noAdmin),
		deny(both, "chooses its app's profile", issue(tok("claude", "", "readonly")),
			`profile "readonly": only tokens of the app cli name a profile | leave it out: an app has its own`),
		allow(control.Vend, "revokes its own", revoke("claude", "mine")),
		allow(control.Vend, "revokes its own by id", revoke("", "mine")),
		allow(control.Vend, "revokes its command's", revoke("cli", "shell")),
		allow(control.Vend, "revokes all of its app", revoke("claude", "")),
		deny(control.Vend, "revokes another user's", revoke("claude", "janes"), `token "janes"`+noToken),
		deny(control.Vend, "revokes another user's by id", revoke("", "janes"), `token "janes"`+noToken),
		deny(control.Vend, "revokes nobody's", revoke("", "anyones"), `token "anyones"`+noToken),
		deny(control.Vend, "revokes its own of another app", revoke("", "other-app"), `token "other-app"`+noToken),
		deny(control.Vend, "revokes an unknown one", revoke("", "nothing"), `token "nothing"`+noToken),
		allow(control.Vend, "revokes all of another app, and finds none", revoke("uploader", "")),
		deny(both, "reloads", reload, mayNot),
		deny(both, "takes a dump", dump(heap), mayNotDump),
		deny(both, "sees the metrics", metrics, mayNotMeasure),

		deny(both, "has its app use another profile", use(control.UseSpec{App: "claude", Profile: "admin"}), mayNotSteer("use")),
		deny(both, "has its app use its first profile", use(control.UseSpec{App: "claude", Back: true}), mayNotSteer("use")),
		deny(both, "rotates its own token", rotate(control.RotateSpec{App: "claude", ID: "mine", Hash: hash, TTL: time.Hour}), mayNotSteer("rotate")),
		deny(both, "has a secret adopted", adopt(tok("claude", "", "")), mayNotSteer("adopt")),

		allow(control.Steer, "lists apps", listApps),
		allow(control.Steer, "asks why of an app", why("uploader")),
		allow(control.Steer, "has an app use another profile", use(control.UseSpec{App: "claude", Profile: "admin", For: time.Hour})),
		allow(control.Steer, "has an app use its first profile", use(control.UseSpec{App: "claude", Back: true})),
		allow(control.Steer, "rotates a token", rotate(control.RotateSpec{App: "claude", Hash: hash, TTL: time.Hour})),
		allow(control.Steer, "has a secret adopted", adopt(tok("uploader", "#1234", ""))),
		deny(control.Steer, "has a secret adopted for commands", adopt(tok("cli", "", "admin")),
			`app "cli": its tokens are made by exec and env | adopt a token for an app`),
		allow(control.Steer, "sees the status", status),
		allow(control.Steer, "lists tokens", tokens),
		allow(control.Steer, "issues for another user", issue(tok("uploader", "#1234", ""))),
		deny(control.Steer, "issues for a user who is not known", issue(tok("uploader", "nobody-has-this-name", "")),
			`token for user "nobody-has-this-name": not known on this machine | name a user of this machine, or give the number: #1234`),
		deny(control.Steer, "issues for nobody", issue(tok("uploader", "#65534", "")),
			`token for user "#65534": to the kernel that is everybody of another container | run the program as a user of its own`),
		allow(control.Steer, "holds any profile", hold(tok("cli", "", "admin"))),
		allow(control.Steer, "revokes another user's", revoke("", "janes")),
		allow(control.Steer, "revokes all of an app", revoke("uploader", "")),
		deny(control.Steer, "revokes an unknown one", revoke("", "nothing"), `token "nothing"`+noToken),
		deny(control.Steer, "revokes all of an unknown app", revoke("nonsense", ""),
			`app "nonsense": not in vendord.toml | vendord apps lists them`),
		deny(control.Steer, "chooses an app's profile", issue(tok("claude", "", "readonly")),
			`profile "readonly": only tokens of the app cli name a profile | leave it out: an app has its own`),
		allow(control.Steer, "reloads", reload),
		allow(control.Steer, "takes a dump", dump(heap)),
		allow(control.Steer, "sees the metrics", metrics),
	} {
		name := map[control.Rights]string{0: "nobody", control.See: "see", control.Vend: "vend", both: "vend and see", control.Steer: "steer"}[r.rights]
		t.Run(name+" "+r.does, func(t *testing.T) {
			d := newDaemon(r.rights)
			path, _ := d.serve(t, 0o600)
			wantSaid(t, r.does, r.act(t.Context(), dial(t, path)), r.want)
			if r.want != "" && (len(d.asked)+len(d.used)+len(d.rotated) > 0 || len(d.revoked) > 0 && d.revoked[0] != "nonsense/") {
				t.Errorf("%s: got as far as %v %v, want nothing to be reached", r.does, d.asked, d.revoked)
			}
		})
	}
}

// A hint is a command to paste: nothing in a name is for the shell.
func TestNamesInCommands(t *testing.T) {
	for user, want := range map[string]string{
		"jane": "jane", "j.doe": "j.doe", "#1234": "'#1234'", `CORP\jane`: `'CORP\jane'`, "jane doe": "'jane doe'",
		"$(id)": "'$(id)'", "`id`": "'`id`'", "o'neil": `'o'\''neil'`, "a\x1b[2J": "USER", "a\nb": "USER",
	} {
		if got := control.Word(user); got != want {
			t.Errorf("user %q: got %s, want %s", user, got, want)
		}
	}
}

// Tokens and Revoke reach one's own tokens, of apps that one may have.
func TestOwnTokens(t *testing.T) {
	for _, test := range []struct {
		rights  control.Rights
		app     string
		sees    []string
		revoked []string // all of app at once
	}{
		{control.Vend, "", []string{"mine", "shell", "running"}, nil},
		{control.Vend, "claude", []string{"mine", "running"}, []string{"claude/mine", "claude/running"}},
		{control.Vend, "cli", []string{"shell"}, []string{"cli/shell"}},
		{control.Vend, "uploader", nil, nil},
		{control.Steer, "", []string{"mine", "other-app", "janes", "anyones", "shell", "running"}, nil},
		{control.Steer, "claude", []string{"mine", "janes", "anyones", "running"}, []string{"claude/"}},
	} {
		t.Run(test.app, func(t *testing.T) {
			d := newDaemon(test.rights)
			path, _ := d.serve(t, 0o600)
			c := dial(t, path)
			list, err := c.Tokens(t.Context(), test.app)
			if err != nil {
				t.Fatalf("Tokens: got %v, want a list", err)
			}
			var ids []string
			for _, tok := range list {
				ids = append(ids, tok.ID)
				if tok.Hash != "" {
					t.Errorf("Tokens: got the hash of %s, want none", tok.ID)
				}
			}
			if !slices.Equal(ids, test.sees) {
				t.Errorf("Tokens: got %q, want %q", ids, test.sees)
			}
			if test.app == "" {
				return
			}
			n, err := c.Revoke(t.Context(), test.app, "")
			if err != nil || n != len(test.sees) || !slices.Equal(d.revoked, test.revoked) {
				t.Errorf("Revoke: got %d %v, revoking %q, want %d nil, revoking %q", n, err, d.revoked, len(test.sees), test.revoked)
			}
		})
	}
}

func uid() uint32 { return uint32(os.Geteuid()) }

// What a token is issued with follows from who asks, and from nothing that the
// request claims.
func TestGrant(t *testing.T) {
	const year = 366 * 24 * time.Hour
	for _, test := range []struct {
		name   string
		rights control.Rights
		ask    control.TokenSpec
		held   bool
		want   control.TokenSpec
	}{
		{"steers, and what a client claims is dropped", control.Steer,
			control.TokenSpec{ID: "mine", App: "claude", Hash: hash, TTL: year, Warm: true, Held: true, Issued: noon.Add(-year), Expires: noon.Add(2 * year)}, false,
			control.TokenSpec{App: "claude", User: me(), UID: uid(), Hash: hash, TTL: year, Warm: true, Steer: true, Issued: noon, Expires: noon.Add(year)}},
		{"vends, and claims to steer", control.Vend,
			control.TokenSpec{App: "claude", Hash: hash, TTL: time.Minute, Steer: true}, false,
			control.TokenSpec{App: "claude", User: me(), UID: uid(), Hash: hash, TTL: time.Minute, Issued: noon, Expires: noon.Add(time.Minute)}},
		{"vends, and ends with the token that was given", control.Vend,
			control.TokenSpec{App: "claude", Hash: hash, TTL: year}, false,
			control.TokenSpec{App: "claude", User: me(), UID: uid(), Hash: hash, TTL: time.Hour, Issued: noon, Expires: noon.Add(time.Hour)}},
		{"vends for a command, and ends with the tokens of apps", control.Vend,
			control.TokenSpec{App: "cli", Profile: "readonly", Hash: hash}, true,
			control.TokenSpec{App: "cli", User: me(), UID: uid(), Profile: "readonly", Hash: hash, TTL: time.Hour, Held: true, Issued: noon, Expires: noon.Add(time.Hour)}},
		{"vends for a command, narrowed", control.Vend,
			control.TokenSpec{App: "cli", Profile: "readonly", Hash: hash, Policy: "{}", PolicyARNs: `["arn"]`}, true,
			control.TokenSpec{App: "cli", User: me(), UID: uid(), Profile: "readonly", Hash: hash, TTL: time.Hour, Held: true, Issued: noon, Expires: noon.Add(time.Hour),
				Policy: "{}", PolicyARNs: `["arn"]`, Narrowed: true}},
		{"steers, and holds for as long as it likes", control.Steer,
			control.TokenSpec{App: "cli", Profile: "admin", Hash: hash}, true,
			control.TokenSpec{App: "cli", User: me(), UID: uid(), Profile: "admin", Hash: hash, TTL: year, Held: true, Steer: true, Issued: noon, Expires: noon.Add(year)}},
		{"steers, and issues for whoever is no user here", control.Steer,
			control.TokenSpec{App: "bridge", Hash: hash, TTL: year}, false,
			control.TokenSpec{App: "bridge", Hash: hash, TTL: year, Steer: true, Issued: noon, Expires: noon.Add(year)}},
		{"steers, and issues for a user of such an app", control.Steer,
			control.TokenSpec{App: "bridge", User: me(), Hash: hash, TTL: year}, false,
			control.TokenSpec{App: "bridge", User: me(), UID: uid(), Hash: hash, TTL: year, Steer: true, Issued: noon, Expires: noon.Add(year)}},
		{"steers, and issues for another", control.Steer,
			control.TokenSpec{App: "claude", User: "#1234", Hash: hash, TTL: year}, false,
			control.TokenSpec{App: "claude", User: "#1234", UID: 1234, Hash: hash, TTL: year, Steer: true, Issued: noon, Expires: noon.Add(year)}},
		{"vends for a command, by an app that recognises its user", control.Vend,
			control.TokenSpec{App: "cli", Profile: "matched", Hash: hash}, true,
			control.TokenSpec{App: "cli", User: me(), UID: uid(), Profile: "matched", Hash: hash, TTL: year, Held: true, Issued: noon, Expires: noon.Add(year)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDaemon(test.rights)
			d.profiles, d.matched = append(d.profiles, "matched"), "matched"
			path, _ := d.serve(t, 0o600)
			do := issue(test.ask)
			if test.held {
				do = hold(test.ask)
			}
			if err := do(t.Context(), dial(t, path)); err != nil {
				t.Fatalf("got %v, want a token", err)
			}
			if got := d.last(); got != test.want {
				t.Errorf("granted:\n got %+v\nwant %+v", got, test.want)
			}
		})
	}
}

// A right that only a held token gives ends with its connection, and cannot be
// made into one that lasts.
func TestHeldTokenIsNoGround(t *testing.T) {
	d := newDaemon(control.Vend)
	d.tokens = slices.DeleteFunc(d.tokens, func(t control.TokenSpec) bool { return t.ID == "mine" })
	path, _ := d.serve(t, 0o600)
	_, err := dial(t, path).Issue(t.Context(), tok("claude", "", ""))
	wantSaid(t, "Issue", err, strings.ReplaceAll(noUploader, "uploader", "claude"))
}

// A program whose tokens are revoked does not keep the one that is being made.
func TestRevokedUnderWay(t *testing.T) {
	for _, test := range []struct {
		name    string
		do      act
		rights  control.Rights
		want    string
		revoked []string
	}{
		{"issued", issue(tok("claude", "", "")), control.Vend, "token: others were revoked while it was made | try again", []string{"claude/", "claude/new"}},
		{"held", hold(tok("claude", "", "")), control.Vend, "token: others were revoked while it was made | try again", []string{"claude/"}},
		{"issued by who steers", issue(tok("claude", "", "")), control.Steer, "", []string{"claude/"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var owner atomic.Bool // whether new connections are the owner's
			d := newDaemon(test.rights)
			d.rights = func(peer.Peer) (control.Rights, error) {
				if owner.Load() {
					return control.Steer, nil
				}
				return test.rights, nil
			}
			path, _ := d.serve(t, 0o600)
			d.issue = func(ctx context.Context) error {
				owner.Store(true)
				return revoke("claude", "")(ctx, dial(t, path))
			}
			wantSaid(t, test.name, test.do(t.Context(), dial(t, path)), test.want)
			if !slices.Equal(d.revoked, test.revoked) {
				t.Errorf("revoked: got %q, want %q", d.revoked, test.revoked)
			}
			if strings.HasPrefix(test.name, "held") {
				d.waitReleased(t, 1)
			}
		})
	}
}

// A revocation that could not be recorded is listed no more. Whoever may steer
// can ask for it again, as the hint says; nobody else gets past the list.
func TestRevokedButNotListed(t *testing.T) {
	for rights, want := range map[control.Rights][]string{control.Steer: {"claude/unlisted"}, control.Vend: nil} {
		d := newDaemon(rights)
		path, _ := d.serve(t, 0o600)
		_ = revoke("claude", "unlisted")(t.Context(), dial(t, path))
		if !slices.Equal(d.revoked, want) {
			t.Errorf("revoked with rights %d: got %q, want %q", rights, d.revoked, want)
		}
	}
}

// Rights are found out once per connection, and when they cannot be, or belong
// to nobody, there are none.
func TestRightsOfConnections(t *testing.T) {
	t.Run("asked once", func(t *testing.T) {
		d := newDaemon(control.Steer)
		var asked atomic.Int32
		d.rights = func(p peer.Peer) (control.Rights, error) {
			asked.Add(1)
			if p.User != me() {
				t.Errorf("Rights: got user %q, want %q", p.User, me())
			}
			return control.Steer, nil
		}
		path, stop := d.serve(t, 0o600)
		c, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for range 5 {
			if code, said := exchange(t, c, get("/status", "Host: vendord", "Vendord-Control: 1")); code != http.StatusOK {
				t.Fatalf("GET /status: got %d %s, want 200", code, said)
			}
		}
		if err := stop(); err != nil || asked.Load() != 1 {
			t.Errorf("Rights: asked %d times (%v), want once", asked.Load(), err)
		}
	})
	t.Run("cannot be found out", func(t *testing.T) {
		d := newDaemon(control.Steer)
		d.rights = func(peer.Peer) (control.Rights, error) { return control.Steer, errors.New("no group database") }
		path, _ := d.serve(t, 0o600)
		c := dial(t, path)
		want := `control socket: whether user "ME" may do this is not known: no group database | try again; if it stays so, this system's users and groups cannot be read`
		for _, do := range []act{status, reload, issue(tok("claude", "", "")), hold(tok("claude", "", ""))} {
			wantSaid(t, "a call", do(t.Context(), c), want)
		}
	})
	t.Run("are refused in words", func(t *testing.T) {
		d := newDaemon(control.Steer)
		d.rights = func(peer.Peer) (control.Rights, error) {
			return control.Steer, &session.Error{Class: session.Refused, Public: "control socket: this vendord belongs to another user", Hint: "start your own"}
		}
		path, _ := d.serve(t, 0o600)
		wantSaid(t, "a call", reload(t.Context(), dial(t, path)), "control socket: this vendord belongs to another user | start your own")
	})
}
