package apps_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// What an edit of the file does to a token does not depend on how it is taken
// up: by a reload, by a restart, or by one of each.
func TestEditedConfiguration(t *testing.T) {
	const (
		reload  = "put it back and run vendord reload"
		gone    = `app "agent": its profile "ro" is gone from the configuration`
		appGone = `app "agent": gone from the configuration`
	)
	type edit struct {
		list   string // of the app, "" for none
		public string // of the refusal, "" if the token gets ro
	}
	for _, row := range []struct {
		name  string
		edits []edit
	}{
		{"the same", []edit{{"ro,admin", ""}}},
		{"reordered", []edit{{"admin,ro", ""}}},
		{"vanished", []edit{{"admin", gone}}},
		{"vanished and back", []edit{{"admin", gone}, {"admin,ro", ""}}},
		{"the app gone and back", []edit{{"", appGone}, {"admin,ro", ""}}},
		{"the app gone and back without it", []edit{{"", appGone}, {"admin", gone}}},
		{"everything, one after the other", []edit{{"admin,ro", ""}, {"admin", gone}, {"", appGone}, {"ro,admin", ""}, {"admin,ro", ""}}},
	} {
		take := map[string]func(b book, dir string, n int, list ...string) book{
			"reload": func(b book, _ string, _ int, list ...string) book {
				b.Set(load(t, file(list...)))
				return b
			},
			"restart": func(b book, dir string, _ int, list ...string) book {
				return reopen(t, b, dir, time.Minute, list...)
			},
			// Another app's token in between has the file written anew.
			"restart after a write": func(b book, dir string, _ int, list ...string) book {
				b.issue("other", "john", nil)
				return reopen(t, b, dir, time.Minute, list...)
			},
			"one of each": func(b book, dir string, n int, list ...string) book {
				if n%2 == 0 {
					b.Set(load(t, file(list...)))
					b.issue("other", "john", nil)
					return b
				}
				return reopen(t, b, dir, time.Minute, list...)
			},
		}
		for how, take := range take {
			t.Run(row.name+"/"+how, func(t *testing.T) {
				t.Parallel()
				dir := filepath.Join(t.TempDir(), "state")
				b := open(t, dir, "agent=ro,admin", "other=x")
				secret := b.issue("agent", "john", nil)
				for n, e := range row.edits {
					list := []string{"other=x"}
					if e.list != "" {
						list = append(list, "agent="+e.list)
					}
					b = take(b, dir, n, list...)
					what := "with agent=" + e.list
					if e.public == "" {
						b.granted(what, secret, "ro")
						if p := b.Current("agent"); p != "ro" {
							t.Errorf("%s: Current: got %q, want ro", what, p)
						}
						continue
					}
					hint := reload
					if e.public == gone {
						hint = strings.ReplaceAll(backOrAnew, "uploader", "agent")
					}
					_, err := b.decide(secret)
					refusal(t, what, err, session.Refused, e.public, hint)
				}
			})
		}
	}
}

// An app of which nobody has a live token begins with its first profile, and so
// do tokens that are issued after that.
func TestRestartBeginsAnew(t *testing.T) {
	for _, row := range []struct {
		name  string
		leave func(t *testing.T, b book)
		later time.Duration
	}{
		{"none was issued", func(*testing.T, book) {}, 0},
		{"all are revoked", func(t *testing.T, b book) {
			b.issue("agent", "john", nil)
			if _, err := b.Revoke("agent", ""); err != nil {
				t.Fatal(err)
			}
		}, 0},
		{"all are expired", func(_ *testing.T, b book) { b.issue("agent", "john", nil) }, time.Hour},
		{"held ones alone", func(t *testing.T, b book) {
			_, token := b.token("agent", "john")
			if _, err := b.Hold(token); err != nil {
				t.Fatal(err)
			}
		}, 0},
		{"those of cli alone", func(_ *testing.T, b book) {
			b.issue(profiles.CLI, "john", func(x *apps.Token) { x.Profile = "ro" })
		}, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "state")
			b := open(t, dir, "agent=ro,admin", "other=x")
			b.issue("other", "john", nil)
			row.leave(t, b)
			b = reopen(t, b, dir, row.later, "agent=admin,ro", "other=x")
			if p := b.Current("agent"); p != "admin" {
				t.Errorf("Current: got %q, want admin, the first", p)
			}
			b.granted("after the restart", b.issue("agent", "ann", nil), "admin")
		})
	}
}

// Time alone ends what an app uses: the moment its last token expires, what is
// shown, prepared and issued is the first profile.
func TestCurrentAfterTheLast(t *testing.T) {
	b := open(t, "", "agent=ro,admin")
	b.issue("agent", "john", nil)
	b.issue("agent", "john", func(x *apps.Token) { x.Expires = start.Add(time.Minute) })
	b.Set(load(t, file("agent=admin,ro")))
	b.pass(time.Hour - 1)
	if p := b.Current("agent"); p != "ro" {
		t.Errorf("Current: got %q, want ro as long as there is a token", p)
	}
	b.pass(1)
	_, token := b.token("agent", "ann")
	g, err := b.Prepare(token)
	if p := b.Current("agent"); p != "admin" || err != nil || g.Profile != "admin" {
		t.Errorf("after the last token: got current %q, prepared %q, %v, want admin", p, g.Profile, err)
	}
	b.granted("after the last token", b.issue("agent", "ann", nil), "admin")
	if p := b.Current("no-such"); p != "" {
		t.Errorf("Current of no app: got %q, want none", p)
	}
}

// What is gone can be asked after a restart as after a reload.
func TestGoneAfterRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	b := open(t, dir, "agent=ro", "other=x")
	b.issue("agent", "john", nil)
	b = reopen(t, b, dir, 0, "agent=admin", "other=x")
	want := `app "agent": profile "ro" is gone, its programs get 403`
	if gone := b.Set(b.Config()); len(gone) != 1 || gone[0] != want {
		t.Errorf("Set of what it began with: got %q, want %q", gone, want)
	}
}

// The state file is written when a token is issued or revoked, and by nothing
// else: not by a start, a reload, a held token or a stop.
func TestWrittenOnlyOnChange(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	b := open(t, dir, "agent=ro,admin")
	b.issue("agent", "john", nil)
	path := filepath.Join(dir, "tokens.json")
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	block(t, dir)
	b = reopen(t, b, dir, time.Minute, "agent=admin,ro")
	b.Set(load(t, file("agent=admin")))
	_, token := b.token("agent", "ann")
	release, err := b.Hold(token)
	if err != nil {
		t.Fatal(err)
	}
	release()
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if after, err := os.Stat(path); err != nil || !os.SameFile(before, after) || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("token file: got another, %v, want the one from before", err)
	}
}
