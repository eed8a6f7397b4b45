//go:build unix

package control_test

import (
	"context"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
)

func use(q control.UseSpec) act {
	return func(ctx context.Context, c *control.Client) error { _, err := c.Use(ctx, q); return err }
}

func rotate(q control.RotateSpec) act {
	return func(ctx context.Context, c *control.Client) error { _, err := c.Rotate(ctx, q); return err }
}

func adopt(t control.TokenSpec) act {
	return func(ctx context.Context, c *control.Client) error { _, err := c.Adopt(ctx, t); return err }
}

func why(app string) act {
	return func(ctx context.Context, c *control.Client) error { _, err := c.Why(ctx, app, 5); return err }
}

func listApps(ctx context.Context, c *control.Client) error { _, err := c.Apps(ctx); return err }

// mayNotSteer is what who may not steer is told of a call that does.
func mayNotSteer(call string) string {
	return call + ": only the owner (or root and operators) may steer | ask one of them, or run a vendord of your own: vendord serve"
}

// What nobody can mean is refused before the daemon is asked.
func TestUseChecks(t *testing.T) {
	const noName = " | names have letters, digits and . _ -, and no . or - in front"
	for _, test := range []struct {
		name string
		ask  control.UseSpec
		want string
	}{
		{"a profile", control.UseSpec{App: "claude", Profile: "readonly"}, ""},
		{"for the shortest time", control.UseSpec{App: "claude", Profile: "readonly", For: time.Second}, ""},
		{"for the longest time", control.UseSpec{App: "claude", Profile: "readonly", For: 30 * 24 * time.Hour}, ""},
		{"to stay", control.UseSpec{App: "claude", Profile: "readonly", Stay: true}, ""},
		{"back", control.UseSpec{App: "claude", Back: true}, ""},
		{"no app", control.UseSpec{Profile: "readonly"}, "app: missing | name the app whose programs are meant: --app APP"},
		{"the app of commands", control.UseSpec{App: "cli", Profile: "readonly"},
			`app "cli": its tokens name a profile each | name the profile in the command: vendord exec PROFILE`},
		{"no profile", control.UseSpec{App: "claude"}, "profile: name one, or --back for the app's first | vendord use PROFILE --app claude"},
		{"a profile and back", control.UseSpec{App: "claude", Profile: "readonly", Back: true},
			"profile: name one, or --back for the app's first | vendord use PROFILE --app claude"},
		{"back for a while", control.UseSpec{App: "claude", Back: true, For: time.Hour},
			"back: has no --for and no --stay | vendord use --app claude --back"},
		{"back to stay", control.UseSpec{App: "claude", Back: true, Stay: true},
			"back: has no --for and no --stay | vendord use --app claude --back"},
		{"for a while, to stay", control.UseSpec{App: "claude", Profile: "readonly", For: time.Hour, Stay: true},
			"for and stay: only one of them can be meant | --for goes back by itself, --stay does not"},
		{"too short", control.UseSpec{App: "claude", Profile: "readonly", For: time.Second - 1}, "for 999.999999ms: not between 1s and 30 days | such as 1h"},
		{"too long", control.UseSpec{App: "claude", Profile: "readonly", For: 30*24*time.Hour + 1}, "for 720h0m0.000000001s: not between 1s and 30 days | such as 1h"},
		{"into the past", control.UseSpec{App: "claude", Profile: "readonly", For: -time.Hour}, "for -1h0m0s: not between 1s and 30 days | such as 1h"},
		{"a path for a profile", control.UseSpec{App: "claude", Profile: "../x"}, `profile "../x": not a name` + noName},
		{"an option for an app", control.UseSpec{App: "-x", Profile: "readonly"}, `app "-x": not a name` + noName},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDaemon(control.Steer)
			path, _ := d.serve(t, 0o600)
			used, err := dial(t, path).Use(t.Context(), test.ask)
			wantSaid(t, "Use", err, test.want)
			if test.want == "" && (len(d.used) != 1 || d.used[0] != test.ask || used.To != test.ask.Profile || used.From != "upload") {
				t.Errorf("Use: got %+v of %+v, want %+v", used, d.used, test.ask)
			}
			if test.want != "" && len(d.used) > 0 {
				t.Errorf("Use: got as far as %+v, want nothing to be reached", d.used)
			}
		})
	}
}

func TestRotateChecks(t *testing.T) {
	for _, test := range []struct {
		name string
		ask  control.RotateSpec
		want string
	}{
		{"the only one", control.RotateSpec{App: "claude", Hash: hash, TTL: time.Hour}, ""},
		{"one of several", control.RotateSpec{App: "claude", ID: "mine", Hash: hash, TTL: time.Hour, Overlap: time.Hour}, ""},
		{"a command's", control.RotateSpec{App: "cli", Hash: hash, TTL: time.Hour}, `app "cli": its tokens are not rotated | revoke it, and issue another: vendord env PROFILE`},
		{"into the past", control.RotateSpec{App: "claude", Hash: hash, TTL: time.Hour, Overlap: -1}, "overlap -1ns: not between 0s and 30 days | such as 1h"},
		{"for too long", control.RotateSpec{App: "claude", Hash: hash, TTL: time.Hour, Overlap: 721 * time.Hour}, "overlap 721h0m0s: not between 0s and 30 days | such as 1h"},
		{"without a hash", control.RotateSpec{App: "claude", TTL: time.Hour}, "hash: not 64 hex digits | it is the SHA-256 of the token's secret"},
		{"without a life", control.RotateSpec{App: "claude", Hash: hash}, "ttl 0s: not between 1s and 366 days | such as 12h"},
		{"without an app", control.RotateSpec{Hash: hash, TTL: time.Hour}, "app: missing | name the app that the token is for"},
		{"a path for a token", control.RotateSpec{App: "claude", ID: "../x", Hash: hash, TTL: time.Hour},
			`token "../x": not a name | names have letters, digits and . _ -, and no . or - in front`},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDaemon(control.Steer)
			path, _ := d.serve(t, 0o600)
			got, err := dial(t, path).Rotate(t.Context(), test.ask)
			wantSaid(t, "Rotate", err, test.want)
			if test.want == "" && (got.ID != "new" || got.OldID != "old" || !got.OldEnds.Equal(noon.Add(test.ask.Overlap)) || d.rotated[0] != test.ask) {
				t.Errorf("Rotate: got %+v of %+v, want a new token for %+v", got, d.rotated, test.ask)
			}
		})
	}
}

// An adopted secret is one of the owner's own; the daemon is told so.
func TestAdopt(t *testing.T) {
	d := newDaemon(control.Steer)
	path, _ := d.serve(t, 0o600)
	if _, err := dial(t, path).Adopt(t.Context(), tok("claude", "", "")); err != nil || !d.last().Adopted || d.last().Hash != hash {
		t.Errorf("Adopt: got %+v, %v, want an adopted token", d.last(), err)
	}
	if _, err := dial(t, path).Issue(t.Context(), control.TokenSpec{App: "claude", Hash: hash, TTL: time.Hour, Adopted: true}); err != nil || d.last().Adopted {
		t.Errorf("Issue: got %+v, %v, want a token that is not adopted, whatever the client claims", d.last(), err)
	}
}

// An id in a path is a kept token of an app, and of vendord's own making.
func TestIDsInPathsAreChecked(t *testing.T) {
	d := newDaemon(control.Steer)
	path, _ := d.serve(t, 0o600)
	c := dial(t, path)
	id := control.TokenSpec{App: "claude", Hash: hash, TTL: time.Hour, Path: true}
	if _, err := c.Issue(t.Context(), id); err != nil || !d.last().Path {
		t.Errorf("Issue: got %+v, %v, want an id in a path", d.last(), err)
	}
	if _, err := c.Rotate(t.Context(), control.RotateSpec{App: "claude", Hash: hash, TTL: time.Hour, Path: true}); err != nil || !d.rotated[0].Path {
		t.Errorf("Rotate: got %+v, %v, want an id in a path", d.rotated, err)
	}
	_, err := c.Adopt(t.Context(), id)
	wantSaid(t, "Adopt", err, "path: an id in a path is vendord's own, and not adopted | vendord token issue APP --path")
	const kept = "path: only tokens that are kept, of an app, are ids in paths | vendord token issue APP --path"
	_, err = c.Hold(t.Context(), id)
	wantSaid(t, "Hold", err, kept)
	id.App, id.Profile = "cli", "upload"
	_, err = c.Issue(t.Context(), id)
	wantSaid(t, "Issue of a command's", err, kept)
}

// asker is a program of this user's, or of somebody else's.
func asker(own bool) control.Asker {
	if own {
		return control.Asker{User: me(), UID: json.Number(strconv.Itoa(int(uid()))), PID: 7, Exe: "/usr/bin/aws"}
	}
	return control.Asker{User: "jane", UID: "4242", PID: 8, Exe: "/home/jane/x"}
}

func refusal(app string, who control.Asker) control.Refusal {
	return control.Refusal{Time: noon, Times: 1, App: app, Asker: who, TokenID: "id", Profile: "p", Message: "m", Near: "n", Fix: &control.Fix{Does: "d"}}
}

// Who does not steer sees the refusals of their own programs, by the kernel's
// word, and of those no rule and no app that is not theirs: a thief who tries a
// token would learn whose it is.
func TestWhyIsOnesOwn(t *testing.T) {
	nobody := control.Asker{From: "172.18.0.2"}
	all := []control.Refusal{refusal("claude", asker(true)), refusal("claude", asker(false)), refusal("uploader", asker(true)),
		refusal("", asker(true)), refusal("", asker(false)), refusal("", nobody), refusal("cli", asker(true))}
	without := func(r control.Refusal, hidden bool) control.Refusal {
		r.Near = ""
		if hidden {
			r.App, r.TokenID, r.Profile, r.Fix = "", "", "", nil
		}
		return r
	}
	for _, test := range []struct {
		name   string
		rights control.Rights
		app    string
		n      int
		want   []control.Refusal
	}{
		{"steers", control.Steer, "", 100, all},
		{"steers, and wants two", control.Steer, "", 2, all[:2]},
		{"sees", control.See, "", 100, []control.Refusal{without(all[0], false), without(all[2], true), without(all[3], false), without(all[6], false)}},
		{"sees, and names the app", control.See, "claude", 100, []control.Refusal{without(all[0], false)}},
		{"sees, and guesses another's app", control.See, "uploader", 100, []control.Refusal{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDaemon(test.rights)
			d.refusals = all
			path, _ := d.serve(t, 0o600)
			got, err := dial(t, path).Why(t.Context(), test.app, test.n)
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("Why:\n got %+v, %v\nwant %+v", got, err, test.want)
			}
			if all[0].Near != "n" || all[2].App != "uploader" {
				t.Error("Why: changed what the daemon has")
			}
		})
	}
}

// Apps has the apps that one may have, and what one's own programs asked for.
func TestAppsAreOnesOwn(t *testing.T) {
	last := func(own bool) *control.LastRequest {
		return &control.LastRequest{Time: noon, Asker: asker(own), KeyID: "ASIA"}
	}
	info := func(name string, own bool) control.AppInfo {
		return control.AppInfo{AppRow: control.AppRow{Name: name}, Last: last(own), Refusals: []control.Refusal{refusal(name, asker(false)), refusal(name, asker(true))}}
	}
	for _, test := range []struct {
		name   string
		rights control.Rights
		last   bool // whose the last request was
		want   string
	}{
		{"steers", control.Steer, false, "claude ASIA 2, uploader ASIA 2"},
		{"sees what others asked for", control.See, false, "claude - 1"},
		{"sees what it asked for", control.See, true, "claude ASIA 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDaemon(test.rights)
			d.infos = []control.AppInfo{info("claude", test.last), info("uploader", test.last)}
			path, _ := d.serve(t, 0o600)
			infos, err := dial(t, path).Apps(t.Context())
			var got []string
			for _, a := range infos {
				key := "-"
				if a.Last != nil {
					key = a.Last.KeyID
				}
				got = append(got, a.Name+" "+key+" "+strconv.Itoa(len(a.Refusals)))
			}
			if strings.Join(got, ", ") != test.want || err != nil {
				t.Errorf("Apps: got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

// A command of another version steers nothing.
func TestSteeringOfAnotherVersion(t *testing.T) {
	for version, want := range map[string]string{"0": "the daemon is newer than this command", "2": "the daemon is older than this command", "": "not a version"} {
		for call, body := range map[string]string{"/use": `{"app":"claude","profile":"p"}`, "/rotate": `{"app":"claude","hash":"` + hash + `","ttl_ns":1000000000}`,
			"/adopt": `{"app":"claude","hash":"` + hash + `","ttl_ns":1000000000}`, "/why": `{"n":1}`} {
			d := newDaemon(control.Steer)
			path, _ := d.serve(t, 0o600)
			request := strings.Replace(post(call, body), "Vendord-Control: 1", "Vendord-Control: "+version, 1)
			if status, got := raw(t, path, request); status != 400 || !strings.Contains(got, want) || len(d.used)+len(d.rotated)+len(d.asked) > 0 {
				t.Errorf("%s by version %q: got %d %s, want 400 %s, and nothing to be reached", call, version, status, got, want)
			}
		}
	}
}

func TestHostileSteering(t *testing.T) {
	const other = " | " + otherVersion
	for _, test := range []struct{ name, call, body, want string }{
		{"use with an unknown field", "/use", `{"app":"claude","profile":"p","until":"2099-01-01T00:00:00Z"}`, `request: unknown field "until"` + other},
		{"use with a word for a time", "/use", `{"app":"claude","profile":"p","for_ns":"1h"}`,
			"request: cannot unmarshal string into Go struct field UseSpec.for_ns of type time.Duration" + other},
		{"use of a terminal's app", "/use", `{"app":"\u001b[2J","profile":"p"}`, `app "\x1b[2J": not a name | names have letters, digits and . _ -, and no . or - in front`},
		{"why of none", "/why", `{"n":0}`, "refusals: 0 is not between 1 and 1000 | such as -n 5"},
		{"why of too many", "/why", `{"n":1001}`, "refusals: 1001 is not between 1 and 1000 | such as -n 5"},
		{"why of a path", "/why", `{"n":1,"app":"a/b"}`, `app "a/b": not a name | names have letters, digits and . _ -, and no . or - in front`},
		{"adopt with the secret itself", "/adopt", `{"app":"claude","secret":"correct horse"}`, `request: unknown field "secret"` + other},
		{"adopt without a hash", "/adopt", `{"app":"claude","ttl_ns":1000000000}`, "hash: not 64 hex digits | it is the SHA-256 of the token's secret"},
		{"rotate with a user", "/rotate", `{"app":"claude","user":"jane"}`, `request: unknown field "user"` + other},
		{"two documents", "/use", `{"app":"claude","profile":"p"}{}`, "request: text after its end" + other},
		{"apps by POST", "/apps", ``, `call "/apps": method "POST" is not for it | it is GET`},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDaemon(control.Steer)
			path, _ := d.serve(t, 0o600)
			if status, got := raw(t, path, post(test.call, test.body)); status != 400 || got != test.want {
				t.Errorf("got %d %s\nwant 400 %s", status, got, test.want)
			}
			if len(d.used)+len(d.rotated)+len(d.asked) > 0 {
				t.Errorf("got as far as %v %v %v, want nothing to be reached", d.used, d.rotated, d.asked)
			}
		})
	}
}
