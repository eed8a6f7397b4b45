package apps_test

import (
	"strconv"
	"testing"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// rendered checks that Render says what the configuration does.
func (b book) rendered(when, app, user, profile string) session.Key {
	b.t.Helper()
	key, err := b.Render(app, user, profile)
	request, want := b.Config().Render(profile, profiles.Identity{App: app, User: user})
	if err != nil || want != nil || key.Value().RoleARN != request.RoleARN || key.Value().SessionName != request.SessionName {
		b.t.Errorf("%s: Render: got %+v, %v, want %+v", when, key, err, request)
	}
	return key
}

// Each profile is rendered once for an identity, whoever comes and goes in
// between, and again for another configuration.
func TestRender(t *testing.T) {
	b := open(t, "", "uploader=one,two")
	secret := b.issue("uploader", "john", nil)
	if n := b.Rendered(); n != 1 {
		t.Errorf("after Issue: got %d renderings, want that of its token", n)
	}
	key := b.rendered("of a token", "uploader", "john", "one")
	if g, err := b.decide(secret); err != nil || g.Session != key {
		t.Errorf("Decide: got session %v, %v, want that of Render", g.Session, err)
	}
	b.rendered("of nobody's", profiles.CLI, "ann", "two")
	if n := b.Rendered(); n != 2 {
		t.Errorf("after Render: got %d renderings, want one more", n)
	}
	_, token := b.token("uploader", "john")
	release, err := b.Hold(token)
	if err != nil {
		t.Fatal(err)
	}
	release()
	b.Set(b.Config())
	if n := b.Rendered(); n != 2 {
		t.Errorf("after Hold, release and Set of the same: got %d renderings, want the same", n)
	}

	b.Set(load(t, file("uploader=one,two", "other=new")))
	if n := b.Rendered(); n != 1 {
		t.Errorf("after Set of another: got %d renderings, want that of the token alone", n)
	}
	b.rendered("of another configuration", "uploader", "john", "new")
}

// A rendering that fails is remembered as well.
func TestRenderError(t *testing.T) {
	b := open(t, "", "uploader=one")
	for range 2 {
		_, err := b.Render("uploader", "john", "no-such")
		refusal(t, "Render", err, session.Refused, `profile "no-such": there is none of this name to vend`, "vendord list shows the profiles")
	}
	if n := b.Rendered(); n != 1 {
		t.Errorf("after an error, twice: got %d renderings, want 1", n)
	}
}

func TestRenderAllocations(t *testing.T) {
	b := open(t, "", "uploader=one")
	n := testing.AllocsPerRun(1000, func() {
		if _, err := b.Render("uploader", "john", "one"); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Errorf("Render again: got %v allocations, want none", n)
	}
}

// However many users come, what is remembered of them is bounded, and right.
func TestRenderBounded(t *testing.T) {
	b := open(t, "", "uploader=one")
	for i := range apps.MaxRendered + 1 {
		if _, err := b.Render("uploader", strconv.Itoa(i), "one"); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.Rendered(); n > apps.MaxRendered {
		t.Errorf("after %d users: got %d renderings, want %d at most", apps.MaxRendered+1, n, apps.MaxRendered)
	}
	for _, user := range []string{"0", strconv.Itoa(apps.MaxRendered)} {
		b.rendered("the first and the last", "uploader", user, "one")
	}
}

// What a token would get can be known before it is issued.
func TestPrepare(t *testing.T) {
	b := open(t, "", "uploader=one,two", "claude=two")
	secret, token := b.token("uploader", "john")
	token.ID = "abcdefgh"
	prepared, err := b.Prepare(token)
	if err != nil {
		t.Fatalf("Prepare: %v", err)
	}
	if n := len(b.Tokens("")); n != 0 {
		t.Errorf("Tokens after Prepare: got %d, want none", n)
	}
	if err := b.Issue(token); err != nil {
		t.Fatalf("Issue: %v", err)
	}
	if g, err := b.decide(secret); err != nil || g != prepared {
		t.Errorf("Decide: got %+v, %v, want %+v as prepared", g, err, prepared)
	}

	b.Set(load(t, file("uploader=two,one", "claude=two")))
	_, token = b.token("uploader", "ann")
	if g, err := b.Prepare(token); err != nil || g.Profile != "one" {
		t.Errorf("Prepare: got profile %q, %v, want one, which the app uses", g.Profile, err)
	}
	_, token = b.token(profiles.CLI, "ann")
	token.Profile = "two"
	if g, err := b.Prepare(token); err != nil || g.Profile != "two" {
		t.Errorf("Prepare for cli: got profile %q, %v, want two", g.Profile, err)
	}
}

func TestPrepareRefuses(t *testing.T) {
	b := open(t, "", "uploader=one", "claude=two")
	b.issue("uploader", "john", nil)
	prepare := func(app string, change func(*apps.Token)) error {
		_, token := b.token(app, "ann")
		if change != nil {
			change(&token)
		}
		_, err := b.Prepare(token)
		return err
	}
	refusal(t, "what Issue refuses", prepare("cluade", nil), session.Refused, `app "cluade": not in the configuration`, `did you mean "claude"?`)
	refusal(t, "what Decide refuses", prepare("claude", func(x *apps.Token) { x.Steer = false }), session.Refused,
		`app "claude": user "ann" has no right to it any more`, "ask whoever runs vendord for a token")
	b.Set(load(t, file("uploader=two", "other=one")))
	refusal(t, "a profile that vanished", prepare("uploader", nil), session.Refused,
		`app "uploader": its profile "one" is gone from the configuration`, backOrAnew)
}
