package apps_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/session"
)

// use makes a change, as a command does: prepare, then use.
func (b book) use(app, profile string, length time.Duration) apps.Change {
	b.t.Helper()
	c, err := b.Change(app, profile)
	if err != nil {
		b.t.Fatalf("Change: %v", err)
	}
	var until time.Time
	if length != 0 {
		until = b.now.Add(length)
	}
	if err := b.Use(c, until); err != nil {
		b.t.Fatalf("Use: %v", err)
	}
	return c
}

// uses checks what an app's programs have, and what State and Current say.
func (b book) uses(when string, ask func() (apps.Grant, error), state apps.State) {
	b.t.Helper()
	if got := b.State("a"); got != state || b.Current("a") != state.Profile {
		b.t.Errorf("%s: State: got %+v, Current %q, want %+v", when, got, b.Current("a"), state)
	}
	if g, err := ask(); err != nil || g.Profile != state.Profile {
		b.t.Errorf("%s: Decide: got %q, %v, want %q", when, g.Profile, err, state.Profile)
	}
}

const (
	tokenApp = "[apps.a]\nprofiles = [\"one\", \"two\", \"three\"]\n"
	matchApp = tokenApp + "match = {user = \"#4001\"}\n"
)

// The life of an app's profile. Nothing needs a timer, and no step is lost to a
// restart or a reload, or by one of the other kind between them.
func TestUse(t *testing.T) {
	later := func(hours time.Duration) time.Time { return start.Add(hours * time.Hour) }
	one, two := apps.State{Profile: "one"}, apps.State{Profile: "two"}
	const day = 24 * time.Hour
	for kind, text := range map[string]string{"tokens": tokenApp, "match": matchApp} {
		first := strings.Replace(text, `"one", "two", "three"`, `"three", "two", "one"`, 1)
		follows := map[string]apps.State{"tokens": one, "match": {Profile: "three"}}[kind]
		for _, row := range []struct {
			name  string
			steps func(b book) // at noon
			pass  time.Duration
			text  string // the configuration from then on
			want  apps.State
		}{
			{"nothing", func(book) {}, 0, text, one},
			{"for good", func(b book) { b.use("a", "two", 0) }, day, text, two},
			{"for good, and another comes first", func(b book) { b.use("a", "two", 0) }, day, first, two},
			{"for an hour", func(b book) { b.use("a", "two", time.Hour) }, time.Hour - 1, text, apps.State{Profile: "two", Back: "one", Until: later(1)}},
			{"for an hour that is over", func(b book) { b.use("a", "two", time.Hour) }, time.Hour, text, one},
			{"for an hour, and another comes first", func(b book) { b.use("a", "two", time.Hour) }, time.Hour, first, follows},
			{"for good, then another for an hour", func(b book) { b.use("a", "two", 0); b.use("a", "three", time.Hour) }, time.Hour, first, two},
			{"for an hour, then another for two", func(b book) { b.use("a", "two", time.Hour); b.use("a", "three", 2*time.Hour) }, time.Hour, text,
				apps.State{Profile: "three", Back: "one", Until: later(2)}},
			{"for an hour, then for two, over", func(b book) { b.use("a", "two", time.Hour); b.use("a", "three", 2*time.Hour) }, 2 * time.Hour, text, one},
			{"for an hour, then the first for good", func(b book) { b.use("a", "two", time.Hour); b.use("a", "one", 0) }, 0, text, one},
			{"for good, then the first", func(b book) { b.use("a", "two", 0); b.use("a", "one", 0) }, 0, text, one},
			{"the first again, and another comes first", func(b book) { b.use("a", "two", 0); b.use("a", "one", 0) }, 0, first, follows},
			{"for good, then the first for an hour", func(b book) { b.use("a", "two", 0); b.use("a", "one", time.Hour) }, time.Hour, text, two},
		} {
			for how, take := range map[string]func(b book, dir, text string) book{
				"at once":   func(b book, _, text string) book { b.Set(system(t, text)); return b },
				"a restart": func(b book, dir, text string) book { return b.restart(dir, text) },
				"both, and a write": func(b book, dir, text string) book {
					b = b.restart(dir, b.text())
					b.issue("cli", "eve", func(x *apps.Token) { x.Profile, x.Expires = "one", b.now.Add(day) })
					b.Set(system(b.t, text))
					return b.restart(dir, text)
				},
			} {
				t.Run(kind+"/"+row.name+"/"+how, func(t *testing.T) {
					t.Parallel()
					dir := filepath.Join(t.TempDir(), "state")
					b := openSystem(t, dir, text)
					secret := "vnd_"
					if kind == "tokens" {
						secret = b.issue("a", "john", func(x *apps.Token) { x.UID, x.Expires = 4001, start.Add(100*day) })
					}
					row.steps(b)
					b.pass(row.pass)
					b = take(b, dir, row.text)
					b.uses("then", func() (apps.Grant, error) {
						if kind == "tokens" {
							g, _, err := decided(b, secret, &program{uid: 4001})
							return g, err
						}
						return b.ask(&program{uid: 4001}, nil)
					}, row.want)
				})
			}
		}
	}
}

// text is what the configuration's file has for apps.
func (b book) text() string {
	b.t.Helper()
	text, err := os.ReadFile(b.Config().Path)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text[strings.Index(string(text), "[apps"):])
}

// restart closes a book and opens its directory again.
func (b book) restart(dir, text string) book {
	b.t.Helper()
	if err := b.Close(); err != nil {
		b.t.Fatal(err)
	}
	next := openSystem(b.t, dir, text)
	next.clock.now = b.now
	return next
}

// What a change says before it is made, and after: every identity, once.
func TestChange(t *testing.T) {
	b := openSystem(t, "", strings.Replace(tokenApp, "[apps.a]", "[apps.tok]", 1)+matchApp+
		"[apps.u]\nprofiles = [\"one\", \"two\"]\nmatch = {unit = \"web.service\"}\n")
	b.issue("tok", "john", nil)
	b.issue("tok", "john", nil)
	b.issue("tok", "ann", nil)
	b.issue("tok", "eve", func(x *apps.Token) { x.Steer = false })
	if _, err := b.ask(&program{uid: 4005, cgroup: "/system.slice/web.service"}, nil); err != nil {
		t.Fatal(err)
	}
	for app, users := range map[string][]string{"tok": {"ann", "john"}, "a": {"#4001"}, "u": {"u4005"}} {
		c, err := b.Change(app, "two")
		var before, after []string
		for _, g := range c.Before {
			before = append(before, g.User+" "+g.Profile)
		}
		for _, g := range c.After {
			after = append(after, g.User+" "+g.Profile)
			if !strings.Contains(g.Session.Value().RoleARN, "two") {
				t.Errorf("Change: got %+v, want the session of two", g)
			}
		}
		want := func(profile string) (list []string) {
			for _, user := range users {
				list = append(list, user+" "+profile)
			}
			return list
		}
		if err != nil || c.App != app || c.From != "one" || c.To != "two" || c.First != "one" || !slices.Equal(before, want("one")) || !slices.Equal(after, want("two")) {
			t.Errorf("Change: got %+v, %v, want from one to two for %q", c, err, users)
		}
	}
	// While a use is for a time, both sessions stay.
	b.use("a", "two", time.Hour)
	var got []string
	for _, g := range b.Grants() {
		if g.App == "a" {
			got = append(got, fmt.Sprint(g.Profile, g.Lazy))
		}
	}
	if want := []string{"onefalse", "twofalse"}; !slices.Equal(got, want) {
		t.Errorf("Grants: got %q, want %q", got, want)
	}
}

// What Change and Use refuse, and that nothing has changed then.
func TestUseRefuses(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	b := openSystem(t, dir, strings.Replace(matchApp, `, "three"`, "", 1))
	for _, row := range []struct{ app, profile, public, hint string }{
		{"aa", "one", `app "aa": not in the configuration`, `did you mean "a"?`},
		{"cli", "one", `app "cli": not in the configuration`, "vendord list shows what there is"},
		{"a", "tow", `profile "tow": not in the configuration`, `did you mean "two"?`},
		{"a", "three", `app "a": profile "three" is not in its list`, "name one of one, two; or add it to [apps.a] and run vendord reload"},
	} {
		_, err := b.Change(row.app, row.profile)
		refusal(t, row.app+" "+row.profile, err, session.Refused, row.public, row.hint)
	}
	c, err := b.Change("a", "two")
	if err != nil {
		t.Fatal(err)
	}
	refusal(t, "a time that is over", b.Use(c, b.now), session.Refused, `app "a": the time would be over already`, "give a longer one")
	refusal(t, "a time far away", b.Use(c, b.now.Add(367*24*time.Hour)), session.Refused, `app "a": would use a profile for more than 366 days`, "say --stay instead of a time")
	unblock := block(t, dir)
	refusal(t, "a full disk", b.Use(c, time.Time{}), session.Retry, `app "a": goes on with profile "one": `+blocked(t, dir), "mend that and try again")
	unblock()
	ask := func() (apps.Grant, error) { return b.ask(&program{uid: 4001}, nil) }
	b.uses("after all that", ask, apps.State{Profile: "one"})
	b.Set(system(t, matchApp))
	refusal(t, "after a reload", b.Use(c, time.Time{}), session.Retry, `app "a": configuration changed meanwhile`, "try again")
	refusal(t, "one that Change did not make", b.Use(apps.Change{App: "a", To: "two"}, time.Time{}), session.Retry, `app "a": configuration changed meanwhile`, "try again")

	// Someone of whom the profile cannot be rendered.
	home := "[profiles.home]\nextends = \"one\"\npolicy = '" +
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::home/{{user}}/*"}]}` + "'\n"
	b.Set(system(t, home+"[apps.a]\nprofiles = [\"one\", \"home\"]\nmatch = {user = \"#4001\"}\n"))
	if _, err := b.Change("a", "home"); err == nil {
		t.Error("Change to what cannot be rendered for #4001: got no error")
	}
}

// What vanishes while it is in use is refused, and never another one; a time goes
// on where nobody looks.
func TestUseOfWhatVanishes(t *testing.T) {
	const gone = `app "a": its profile %q is gone from the configuration`
	const hint = "put it back into [apps.a] and run vendord reload; or vendord use one --app a"
	without := func(profile string) string { return strings.Replace(matchApp, `, "`+profile+`"`, "", 1) }
	b := openSystem(t, filepath.Join(t.TempDir(), "state"), matchApp)
	ask := func() (apps.Grant, error) { return b.ask(&program{uid: 4001}, nil) }
	refused := func(when, profile string) {
		t.Helper()
		g, err := ask()
		refusal(t, when, err, session.Refused, fmt.Sprintf(gone, profile), hint)
		if g.App != "a" || g.User != "#4001" || g.How != "user" {
			t.Errorf("%s: got %+v, want who was refused", when, g)
		}
	}
	set := func(text string, want ...string) {
		t.Helper()
		if lines := b.Set(system(t, text)); !slices.Equal(lines, want) {
			t.Errorf("Set: got %q, want %q", lines, want)
		}
	}
	b.use("a", "two", time.Hour)
	set(without("two"), `app "a": profile "two" is gone, its programs get 403`)
	refused("the profile", "two")
	set("", `app "a" is gone, its programs get 401`)
	b.pass(30 * time.Minute)
	set(matchApp)
	b.uses("the app, and back", ask, apps.State{Profile: "two", Back: "one", Until: start.Add(time.Hour)})
	set(without("two"), `app "a": profile "two" is gone, its programs get 403`)
	b.pass(30 * time.Minute)
	b.uses("its time is over", ask, apps.State{Profile: "one"})
	b.use("a", "three", 0)
	b.use("a", "one", time.Hour)
	set(without("three"), `app "a": profile "three" is gone, its programs get 403 once it goes back to that`)
	b.uses("what it goes back to", ask, apps.State{Profile: "one", Back: "three", Until: start.Add(2 * time.Hour)})
	b.pass(time.Hour)
	refused("and then", "three")
	b.use("a", "one", 0)
	b.uses("the first again", ask, apps.State{Profile: "one"})
	set(strings.Replace(matchApp, `["one", `, `["two", "one", `, 1), `app "a": its programs get profile "two" now, before it was "one"`)
	set(strings.Replace(matchApp, "4001", "4002", 1), `app "a": its programs get profile "one" now, before it was "two"`,
		`app "a": other programs than before are recognised as its own`)
	set(tokenApp, `app "a" needs a token now, its programs get 401 without one`)
	set(matchApp)
}

// A daemon that is killed while it writes leaves the old file or the new one.
func TestKilledWhileUsing(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	b := openSystem(t, dir, matchApp)
	b.use("a", "two", 0)
	config := b.Config().Path
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		cmd := exec.Command(self, "using-vendord", config, dir)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for range 200 { // until it writes
			if _, err := os.Stat(filepath.Join(dir, "using")); err == nil {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		time.Sleep(time.Duration(i) * 300 * time.Microsecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.Remove(filepath.Join(dir, "using"))
		b := openSystem(t, dir, matchApp)
		if p := b.Current("a"); p != "two" && p != "three" {
			t.Errorf("killed: got profile %q, want one that was used", p)
		}
		b.use("a", "two", 0)
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A token that is issued while a profile is used for a time goes back to what was
// the first when it was issued, whatever comes first by then.
func TestIssuedWhileUsing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	b := openSystem(t, dir, tokenApp)
	b.use("a", "two", time.Hour)
	secret := b.issue("a", "john", func(x *apps.Token) { x.UID, x.Expires = 4001, start.Add(2*time.Hour) })
	first := strings.Replace(tokenApp, `"one", "two", "three"`, `"three", "two", "one"`, 1)
	b = b.restart(dir, first)
	b.pass(time.Hour)
	b.uses("when it is over", func() (apps.Grant, error) {
		g, _, err := decided(b, secret, &program{uid: 4001})
		return g, err
	}, apps.State{Profile: "one"})
}
