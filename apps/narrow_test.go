package apps_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

const narrower = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"eu-west-1"}}}]}`

// A narrowed token has a session of its own, and never its profile's.
func TestNarrowedToken(t *testing.T) {
	b := open(t, "", "uploader=hr-upload")
	plain, token := b.token(profiles.CLI, "john")
	token.Profile = "hr-upload"
	if _, err := b.Hold(token); err != nil {
		t.Fatal(err)
	}
	secret, token := b.token(profiles.CLI, "john")
	token.Profile, token.Policy = "hr-upload", narrower
	release, err := b.Hold(token)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := b.decide(plain)
	if err != nil || wide.Narrowed || wide.Session.Value().Policy != "" {
		t.Errorf("Decide, a token without a policy: got %+v, %v, want the profile's session", wide, err)
	}
	narrow, err := b.decide(secret)
	if err != nil || !narrow.Narrowed || narrow.Session.Value().Policy != narrower {
		t.Errorf("Decide, a narrowed token: got %+v, %v, want a session with its policy", narrow, err)
	}
	if n := len(b.Grants()); n != 2 {
		t.Errorf("Grants: got %d, want the profile's session and the narrowed one", n)
	}

	// Another token, and a reload, leave it what it is.
	b.issue("uploader", "john", nil)
	if again, err := b.decide(secret); err != nil || again.Session != narrow.Session {
		t.Errorf("Decide, once another token is there: got %v, %v, want the same session", again.Session, err)
	}
	b.Set(b.Config())
	if again, err := b.decide(secret); err != nil || again.Session != narrow.Session {
		t.Errorf("Decide, after a reload: got %v, %v, want the same session", again.Session, err)
	}
	release()
	_, err = b.decide(secret)
	refusal(t, "Decide, once it is released", err, session.Unrecognised, notRecognised, newToken)
}

// A loop of narrowed commands asks AWS each time, and is slowed down: its user's,
// and nobody else's.
func TestNarrowedOneAfterAnother(t *testing.T) {
	b := open(t, "", "uploader=hr-upload")
	hold := func(user string, steer bool) error {
		_, token := b.token(profiles.CLI, user)
		token.Profile, token.Policy, token.Steer = "hr-upload", narrower, steer
		release, err := b.Hold(token)
		if err == nil {
			release()
		}
		return err
	}
	for range 100 {
		if err := hold("eve", false); err != nil {
			t.Fatalf("Hold: %v", err)
		}
	}
	tooMany := func() {
		t.Helper()
		refusal(t, "Hold", hold("eve", false), session.Limited, `user "eve": too many commands with policies of their own, one after another`,
			"try again in a second; or have a profile of that policy, whose session they share")
	}
	tooMany()
	if err := errors.Join(hold("john", false), hold("eve", true)); err != nil {
		t.Errorf("Hold, of another, and of who steers: got %v", err)
	}
	b.pass(time.Second)
	if err := hold("eve", false); err != nil {
		t.Errorf("Hold, a second later: got %v", err)
	}
	tooMany()
}

// Only what a command holds is narrowed: what is kept would come back without.
func TestNarrowedTokenIsRefused(t *testing.T) {
	b := open(t, filepath.Join(t.TempDir(), "state"), "uploader=hr-upload")
	_, token := b.token(profiles.CLI, "john")
	token.Profile, token.Policy = "hr-upload", narrower
	refusal(t, "Issue", b.Issue(token), session.Refused, "token: is narrowed, and would be kept",
		"narrow what a command gets: vendord exec PROFILE --policy-file FILE")
	large := token
	large.Policy = strings.Repeat("x", 16<<10+1)
	_, err := b.Hold(large)
	refusal(t, "Hold, a large policy", err, session.Refused, "token: its policies have more than 16384 bytes", "use wildcards, or a managed policy's ARN")
	_, app := b.token("uploader", "john")
	app.PolicyARNs = session.List([]string{"arn:aws:iam::aws:policy/ReadOnlyAccess"})
	_, err = b.Hold(app)
	refusal(t, "Hold, an app's", err, session.Refused, `token for app "uploader": is narrowed, which only those of commands can be`, "give the app a profile of that policy")
	for range 100 {
		_, one := b.token(profiles.CLI, "john")
		one.Profile, one.Policy = "hr-upload", narrower
		if _, err := b.Hold(one); err != nil {
			t.Fatal(err)
		}
	}
	_, err = b.Hold(token)
	refusal(t, "Hold, the 101st", err, session.Refused, `user "john": 100 programs with policies of their own run already`,
		"end some of them, or give them a profile of that policy")
	_, other := b.token(profiles.CLI, "jane")
	other.Profile, other.Policy = "hr-upload", narrower
	if _, err := b.Hold(other); err != nil {
		t.Errorf("Hold, another user's: got %v, want it held", err)
	}
}
