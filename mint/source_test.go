package mint_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

// TestEnvironmentSource reads what the daemon was started with, and nothing
// that the process has now.
func TestEnvironmentSource(t *testing.T) {
	hostile(t)
	sts := newSTS(t, grants)
	mustMint(t, mint.Config{Environ: keysEnviron("AWS_SESSION_TOKEN=CANARYt", "AWS_SESSION_TOKEN=second", "PATH=/bin")}, request(sts.URL))
	got := sts.only(t).header
	if !strings.Contains(got.Get("Authorization"), "Credential="+keyID+"/") || got.Get("X-Amz-Security-Token") != "CANARYt" {
		t.Errorf("signed %q, token %q", got.Get("Authorization"), got.Get("X-Amz-Security-Token"))
	}
}

func TestEnvironmentSourceFails(t *testing.T) {
	const restart = "set it in the environment of the daemon and start it anew"
	const copied = "a quote, a blank or a line break may have been copied along; then run: vendord reload"
	id, secret := "AWS_ACCESS_KEY_ID="+keyID, "AWS_SECRET_ACCESS_KEY="+secretKey
	tests := map[string]struct {
		environ       []string
		class         session.Class
		problem, hint string
	}{
		"nothing":              {[]string{"PATH=/bin"}, session.Configuration, "AWS_ACCESS_KEY_ID was not set when vendord was started", restart},
		"no key id":            {[]string{secret}, session.Configuration, "AWS_ACCESS_KEY_ID was not set when vendord was started", restart},
		"an empty secret":      {[]string{id, "AWS_SECRET_ACCESS_KEY="}, session.Configuration, "AWS_SECRET_ACCESS_KEY was not set when vendord was started", restart},
		"a quoted key id":      {[]string{"AWS_ACCESS_KEY_ID=A B", secret}, session.Person, "its access key id is empty or has characters that no key has", copied},
		"a line in the secret": {[]string{id, secret + "\n"}, session.Person, "its secret key is empty or has characters that no key has", copied},
		"a line in the token":  {[]string{id, secret, "AWS_SESSION_TOKEN=CANARY\r\nX: y"}, session.Person, "its session token is empty or has characters that no key has", copied},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			hostile(t)
			wantError(t, refused(t, mint.Config{Environ: test.environ}, request("http://127.0.0.1:1")), test.class, source+test.problem, test.hint)
		})
	}
	if err := mint.CheckSource(session.Source{Name: "john", Type: session.Environment}, ""); err != nil {
		t.Errorf("CheckSource: got %v, want nothing: the environment that counts is the daemon's", err)
	}
}

func TestUnknownSource(t *testing.T) {
	r := request("http://127.0.0.1:1")
	r.Source.Type = "tarot"
	const want = source + `type "tarot" is not supported by this version`
	wantError(t, refused(t, mint.Config{}, r), session.Configuration, want, "")
	wantError(t, session.AsError(mint.CheckSource(r.Source, "")), session.Configuration, want, "")
}

// child is a request that a parent session signs.
func child(endpoint string) (child, parent session.Request) {
	parent = request(endpoint)
	parent.RoleARN = "arn:aws:iam::111122223333:role/Parent"
	child = request(endpoint)
	child.Parent = parent.Canonical()
	return child, parent
}

// TestParent: the parent's credentials sign, and a child gets an hour at most.
func TestParent(t *testing.T) {
	sts := newSTS(t, grants)
	r, parent := child(sts.URL)
	r.Duration = 12 * time.Hour
	got, log := mustMint(t, mint.Config{Parent: func(_ context.Context, asked session.Request) (*session.Credentials, error) {
		if asked != parent {
			t.Errorf("parent: got %+v, want %+v", asked, parent)
		}
		return session.NewCredentials("ASIAPARENTPARENT0000", "CANARYs", "CANARYt", time.Now().Add(time.Hour)), nil
	}}, r)
	sent := sts.only(t)
	if !strings.Contains(sent.header.Get("Authorization"), "Credential=ASIAPARENTPARENT0000/") || sent.header.Get("X-Amz-Security-Token") != "CANARYt" {
		t.Errorf("signed %q", sent.header.Get("Authorization"))
	}
	if sent.form.Get("DurationSeconds") != "3600" || got.Life > time.Hour {
		t.Errorf("asked for %s s, got %v, want an hour", sent.form.Get("DurationSeconds"), got.Life)
	}
	if !strings.Contains(log, "session cut to 1h: parent role "+parent.RoleARN+" signs with temporary credentials") {
		t.Errorf("log: got %s", log)
	}
}

func TestParentFails(t *testing.T) {
	r, parent := child("http://127.0.0.1:1")
	own := &session.Error{Class: session.Person, Public: `source "john": its session has expired`, Hint: "renew it"}
	answers := func(c *session.Credentials, err error) func(context.Context, session.Request) (*session.Credentials, error) {
		return func(context.Context, session.Request) (*session.Credentials, error) { return c, err }
	}
	wantError(t, refused(t, mint.Config{Parent: answers(nil, own)}, r), own.Class, own.Public, own.Hint)
	wantError(t, refused(t, mint.Config{Parent: answers(nil, errors.New("still asking"))}, r), session.Retry, "still asking", "")
	wantError(t, refused(t, mint.Config{Parent: answers(nil, nil)}, r), session.Retry, role+"its parent session has no credentials", "")
	wantError(t, refused(t, mint.Config{}, r), session.Configuration, role+"its parent session cannot be used", "")
	r.Parent = "{"
	wantError(t, refused(t, mint.Config{Parent: answers(nil, own)}, r), session.Configuration, role+"its parent session cannot be used", "")

	// What AWS does not take any more of ours is renewed by the cache, not by
	// a person.
	sts := newSTS(t, refuses(403, "ExpiredToken", "expired"))
	r, _ = child(sts.URL)
	live := session.NewCredentials("ASIAPARENTPARENT0000", "CANARYs", "CANARYt", time.Now().Add(time.Hour))
	wantError(t, refused(t, mint.Config{Parent: answers(live, nil)}, r), session.Retry,
		"parent role "+parent.RoleARN+": its session has expired", "vendord renews it by itself")
}
