package apps_test

import (
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

const patience = 10 * time.Second

// command returns a token of a command under exec, and its secret.
func (b book) command(profile, user string) (string, apps.Token) {
	secret, t := b.token(profiles.CLI, user)
	t.Profile, t.Exec, t.Steer, t.UID = profile, true, true, 4001
	return secret, t
}

// as is a decision for a user's connection.
func (b book) as(secret string, uid uint32) error {
	_, err := b.Decide(apps.Request{Route: apps.ByToken, Token: secret, Caller: &apps.Caller{UID: uid}})
	return err
}

// hold holds a token, or ends the test.
func (b book) hold(t apps.Token) (release func()) {
	b.t.Helper()
	release, err := b.Hold(t)
	if err != nil {
		b.t.Fatalf("Hold: %v", err)
	}
	return release
}

const readOnly = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}`

func TestCarriedTokens(t *testing.T) {
	first := open(t, "", "agent=one,two")
	running, command := first.command("one", "john")
	command.ID = apps.NewID()
	first.hold(command)
	narrowedSecret, narrowed := first.command("one", "john")
	narrowed.Policy = readOnly
	first.hold(narrowed)
	_, ended := first.command("two", "john")
	first.hold(ended)()
	_, ofApp := first.token("agent", "john")
	first.hold(ofApp)
	_, short := first.command("two", "john")
	short.Exec = false
	first.hold(short)

	carried := first.Carried()
	if len(carried.Tokens) != 2 {
		t.Fatalf("Carried: got %d tokens, want the two of commands that run: %+v", len(carried.Tokens), carried.Tokens)
	}
	next := open(t, "", "agent=one,two")
	if n := next.Restore(carried, patience); n != 2 {
		t.Fatalf("Restore: got %d, want 2", n)
	}
	for _, secret := range []string{running, narrowedSecret} {
		if err := next.as(secret, 4001); err != nil {
			t.Errorf("Decide for what waits: got %v, want a grant", err)
		}
		refusal(t, "Decide for another user", next.as(secret, 4002), session.Unrecognised, "token: of another user",
			"start vendord exec, or env, as the user that the program runs as")
	}
	if got := next.Awaited(command.Hash); got != command.ID {
		t.Errorf("Awaited: got %q, want %q", got, command.ID)
	}
	if again := next.Carried().Tokens; len(again) != 2 || again[0].Expires.Sub(next.now) < time.Minute {
		t.Errorf("Carried of what waits: got %+v, want both, with the ends that they had", again)
	}
	release := next.hold(command)
	next.pass(patience)
	if err := next.as(running, 4001); err != nil {
		t.Errorf("Decide for what was held again: got %v, want a grant", err)
	}
	if err := next.as(narrowedSecret, 4001); err == nil {
		t.Error("Decide for what nobody held again: got a grant after ten seconds, want none")
	}
	release()
	refusal(t, "Decide for what was let go", next.as(running, 4001), session.Unrecognised, notRecognised, newToken)
}

// Whoever has seen the hash gets nothing by it: not for themselves, not for more.
func TestNobodyElseAdopts(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*apps.Token)
	}{
		{"another user's number", func(t *apps.Token) { t.UID = 4002 }},
		{"another user's name", func(t *apps.Token) { t.User = "jane" }},
		{"another profile", func(t *apps.Token) { t.Profile = "two" }},
		{"without the policy", func(t *apps.Token) { t.Policy = "" }},
		{"with another policy beside it", func(t *apps.Token) { t.PolicyARNs = `["arn:aws:iam::aws:policy/ReadOnlyAccess"]` }},
		{"no command", func(t *apps.Token) { t.Exec = false }},
		{"another secret with its id", func(t *apps.Token) { t.Hash[0]++ }},
	} {
		t.Run(row.name, func(t *testing.T) {
			first := open(t, "", "agent=one,two")
			secret, token := first.command("one", "john")
			token.ID, token.Policy = apps.NewID(), readOnly
			first.hold(token)
			next := open(t, "", "agent=one,two")
			next.Restore(first.Carried(), patience)
			other := token
			row.change(&other)
			_, err := next.Hold(other)
			refusal(t, "Hold", err, session.Refused, "token: there is one with this id or secret", "make a new one")
			_, err = next.Prepare(other)
			refusal(t, "Prepare", err, session.Refused, "token: there is one with this id or secret", "make a new one")
			if err := next.as(secret, 4001); err != nil {
				t.Errorf("Decide for its own program: got %v, want a grant", err)
			}
			next.hold(token)
			_, err = next.Hold(token)
			refusal(t, "Hold of what is held", err, session.Refused, "token: there is one with this id or secret", "make a new one")
		})
	}
}

func TestRestoreLeavesOut(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(*apps.Token)
		list   string // of the next configuration
	}{
		{"what the configuration no longer has", func(*apps.Token) {}, "agent=two"},
		{"what has expired", func(t *apps.Token) { t.Expires = start }, "agent=one"},
		{"what is no command's", func(t *apps.Token) { t.Exec = false }, "agent=one"},
		{"an app's", func(t *apps.Token) { t.App, t.Profile = "agent", "" }, "agent=one"},
		{"what has no hash", func(t *apps.Token) { t.Hash = [32]byte{} }, "agent=one"},
		{"nobody's", func(t *apps.Token) { t.User = "" }, "agent=one"},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := open(t, "", row.list)
			secret, token := b.command("one", "john")
			row.change(&token)
			if n := b.Restore(apps.Carried{Tokens: []apps.Token{token}}, patience); n != 0 {
				t.Errorf("Restore: got %d, want 0", n)
			}
			if err := b.as(secret, 4001); err == nil {
				t.Error("Decide: got a grant, want none")
			}
		})
	}
	t.Run("the same one twice, and the 1001st of a user", func(t *testing.T) {
		b := open(t, "", "agent=one")
		var tokens []apps.Token
		for range 1001 {
			_, token := b.command("one", "john")
			tokens = append(tokens, token, token)
		}
		if n := b.Restore(apps.Carried{Tokens: tokens}, patience); n != 1000 {
			t.Errorf("Restore: got %d, want 1000", n)
		}
	})
}

// A clock set back gives nobody more than the ten seconds: they are counted by
// another clock as well, at whose end the daemon calls Abandon.
func TestAbandon(t *testing.T) {
	b := open(t, "", "agent=one")
	secret, token := b.command("one", "john")
	_, back := b.command("one", "john")
	if n := b.Restore(apps.Carried{Tokens: []apps.Token{token, back}}, patience); n != 2 {
		t.Fatalf("Restore: got %d, want 2", n)
	}
	b.hold(back)
	b.pass(-time.Hour)
	if n := b.Abandon(); n != 1 || b.as(secret, 4001) == nil {
		t.Errorf("Abandon: got %d, want 1 that is no token any more", n)
	}
	if len(b.Tokens(profiles.CLI)) != 1 {
		t.Error("Abandon: the one whose program is back has gone too")
	}
}

// Sessions of users whom a rule without a user recognised are led to by nothing but
// their having been seen. It gives them no right.
func TestSeenAreCarried(t *testing.T) {
	const rule = "[apps.a]\nprofiles = [\"one\"]\nmatch = {unit = \"a.service\"}\n"
	first := openSystem(t, "", rule)
	p := &program{uid: 4001, cgroup: "/system.slice/a.service"}
	if _, err := first.Decide(apps.Request{Route: apps.ByKernel, Caller: p.caller()}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, text string
		want       int
	}{
		{"by the same rule", rule, 1},
		{"by another rule", "[apps.a]\nprofiles = [\"one\"]\nmatch = {unit = \"b.service\"}\n", 0},
		{"by a rule that is gone", "", 0},
	} {
		next := openSystem(t, "", row.text)
		before := len(next.Grants())
		next.Restore(first.Carried(), patience)
		if got := len(next.Grants()) - before; got != row.want || next.Owns(4001) != (row.want > 0) {
			t.Errorf("Grants, %s: got %d more, want %d", row.name, got, row.want)
		}
		stranger := &program{uid: 4001, cgroup: "/system.slice/c.service"}
		if _, err := next.Decide(apps.Request{Route: apps.ByKernel, Caller: stranger.caller()}); err == nil {
			t.Errorf("Decide, %s: got a grant for the same user elsewhere, want none", row.name)
		}
	}
}
