package apps_test

import (
	"slices"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

const backOrAnew = "put it back into [apps.uploader] and run vendord reload; " +
	"or vendord token revoke uploader: tokens issued after that begin with the first profile there"

// While anybody has a token of an app, its current profile is never another.
func TestSetKeepsCurrent(t *testing.T) {
	const reload = "put it back and run vendord reload"
	b := open(t, "", "uploader=one,two", "claude=one")
	secret := b.issue("uploader", "john", nil)
	cli := b.issue(profiles.CLI, "john", func(x *apps.Token) { x.Profile = "two" })
	steps := []struct {
		name    string
		list    []string
		gone    []string
		profile string // of the app's token; "" if refused with public and hint
		public  string
		hint    string
	}{
		{"nothing changed", []string{"uploader=one,two", "claude=one"}, nil, "one", "", ""},
		{"another one listed first", []string{"uploader=two,one", "claude=one"}, nil, "one", "", ""},
		{"gone from the list", []string{"uploader=two", "claude=one"}, []string{`app "uploader": profile "one" is gone, its programs get 403`}, "",
			`app "uploader": its profile "one" is gone from the configuration`,
			backOrAnew},
		{"the app is gone", []string{"claude=one,two"}, []string{`app "uploader" is gone, its programs get 403`}, "",
			`app "uploader": gone from the configuration`, reload},
		{"the app is back with another profile", []string{"uploader=two"},
			[]string{`app "uploader": profile "one" is gone, its programs get 403`}, "",
			`app "uploader": its profile "one" is gone from the configuration`,
			backOrAnew},
		{"cli's profile is gone", []string{"uploader=one"}, []string{`profile "two" is gone, commands that use it get 403`}, "one", "", ""},
		{"all is back", []string{"uploader=one,two"}, nil, "one", "", ""},
	}
	for _, s := range steps {
		if gone := b.Set(load(t, file(s.list...))); !slices.Equal(gone, s.gone) {
			t.Errorf("%s: Set: got %q, want %q", s.name, gone, s.gone)
		}
		if s.profile != "" {
			b.granted(s.name, secret, s.profile)
		} else {
			_, err := b.decide(secret)
			refusal(t, s.name, err, session.Refused, s.public, s.hint)
		}
		if s.name == "cli's profile is gone" {
			_, err := b.decide(cli)
			refusal(t, s.name, err, session.Refused, `profile "two": gone from the configuration`, reload)
		} else {
			b.granted(s.name, cli, "two")
		}
	}
}

// An app that nobody has a live token of begins with what is listed first.
func TestSetBeginsAnew(t *testing.T) {
	b := open(t, "", "uploader=one,two")
	b.issue("uploader", "john", nil)
	b.pass(time.Hour)
	if gone := b.Set(load(t, file("uploader=two,one"))); gone != nil {
		t.Errorf("Set: got %q, want nothing gone for expired tokens", gone)
	}
	b.granted("after the last token expired", b.issue("uploader", "john", nil), "two")
	if _, err := b.Revoke("uploader", ""); err != nil {
		t.Fatal(err)
	}
	b.Set(load(t, file("uploader=one,two")))
	b.granted("after all were revoked", b.issue("uploader", "john", nil), "one")
}

func TestConfig(t *testing.T) {
	b := open(t, "", "uploader=one")
	c := load(t, file("uploader=two"))
	b.Set(c)
	if b.Config() != c {
		t.Errorf("Config: got another than was set")
	}
}

func TestGrants(t *testing.T) {
	b := open(t, "", "uploader=one,two", "claude=two", "idle=one", "gone=two")
	b.issue("uploader", "john", nil)
	b.issue("uploader", "john", nil)
	b.issue("uploader", "ann", nil)
	b.issue("gone", "ann", nil)
	b.issue("claude", "old", func(x *apps.Token) { x.Expires = start.Add(time.Minute) })
	_, held := b.token(profiles.CLI, "ann")
	held.Profile = "two"
	if _, err := b.Hold(held); err != nil {
		t.Fatal(err)
	}
	b.pass(time.Minute)
	b.Set(load(t, file("uploader=one,two", "claude=two", "idle=one")))
	var got []string
	for _, g := range b.Grants() {
		got = append(got, g.App+" "+g.User+" "+g.Profile)
		request, err := b.Config().Render(g.Profile, profiles.Identity{App: g.App, User: g.User})
		if err != nil || g.Session != request.Key() || g.TokenID != "" || g.How != "" {
			t.Errorf("Grants: got %+v, want the session of %s and no token", g, g.Profile)
		}
	}
	if want := []string{"cli ann two", "uploader ann one", "uploader john one"}; !slices.Equal(got, want) {
		t.Errorf("Grants: got %q, want %q", got, want)
	}
}

func TestAllowed(t *testing.T) {
	b := open(t, "", "uploader=one,two", "claude=two,three", "other=four", "gone=five")
	b.issue("uploader", "john", nil)
	b.issue("claude", "john", nil)
	b.issue("gone", "john", nil)
	b.issue("other", "john", func(x *apps.Token) { x.Steer = false })
	b.issue("other", "old", func(x *apps.Token) { x.Expires = start.Add(time.Minute) })
	b.issue(profiles.CLI, "john", func(x *apps.Token) { x.Profile = "four" })
	b.pass(time.Minute)
	b.Set(load(t, file("uploader=one,two", "claude=two,three", "other=four")))
	for _, row := range []struct {
		user           string
		apps, profiles []string
	}{
		{"john", []string{"claude", "uploader"}, []string{"one", "three", "two"}},
		{"old", nil, nil},
		{"eve", nil, nil},
		{"", nil, nil},
	} {
		if a, p := b.Allowed(row.user); !slices.Equal(a, row.apps) || !slices.Equal(p, row.profiles) {
			t.Errorf("Allowed(%q): got %q, %q, want %q, %q", row.user, a, p, row.apps, row.profiles)
		}
	}
}
