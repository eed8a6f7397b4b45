package profiles_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// john is who asks in these tests.
var john = profiles.Identity{App: "claude", User: "john"}

// render renders a profile that must be right.
func render(t testing.TB, c *profiles.Config, profile string, who profiles.Identity) session.Request {
	t.Helper()
	r, err := c.Render(profile, who)
	if err != nil {
		t.Fatalf("Render(%s): %v", profile, err)
	}
	return r
}

// parent returns the request that a request names as its parent.
func parent(t testing.TB, r session.Request) session.Request {
	t.Helper()
	p, err := session.ParseRequest(r.Parent)
	if err != nil {
		t.Fatalf("ParseRequest(%s): %v", r.Parent, err)
	}
	return p
}

// One session with MFA serves all profiles of its source, whatever else they
// differ in: a person is asked for one code.
func TestOneSessionWithMFA(t *testing.T) {
	var b strings.Builder
	b.WriteString(`
[daemon]
region = "eu-west-1"
sts_endpoint = "http://127.0.0.1:4566"
[sources.john]
type = "keyring"
mfa_serial = "arn:aws:iam::123456789012:mfa/john"
mfa_command = ["print-code", "john"]
mfa_duration = "8h"
`)
	for i := range 100 {
		fmt.Fprintf(&b, "[profiles.x%d]\nsource = \"john\"\nrole_arn = \"arn:aws:iam::123456789012:role/App%d\"\nregion = \"eu-central-%d\"\nper_app = true\n", i, i, 1+i%2)
	}
	c := load(t, b.String())
	want := session.Request{Source: session.Source{Name: "john", Type: session.Keyring}, Operation: session.GetSessionToken,
		MFASerial: "arn:aws:iam::123456789012:mfa/john", MFACommand: `["print-code","john"]`, Duration: 8 * time.Hour,
		Region: "eu-west-1", Endpoint: "http://127.0.0.1:4566"}
	keys := make(map[session.Key]bool)
	for i := range 100 {
		r := render(t, c, fmt.Sprintf("x%d", i), profiles.Identity{App: fmt.Sprint("a", i), User: fmt.Sprint("u", i)})
		keys[parent(t, r).Key()] = true
		if r.MFASerial != "" || r.Operation != session.AssumeRole {
			t.Fatalf("Render: got %+v, want the code to be the parent's alone", r)
		}
	}
	if len(keys) != 1 || !keys[want.Key()] {
		t.Errorf("Render: got %d parents, want one, %+v", len(keys), want)
	}
	if got, ok := c.SourceSession("john", ""); !ok || got != want {
		t.Errorf("SourceSession: got %+v, %t, want %+v", got, ok, want)
	}
	if _, ok := load(t, one("")).SourceSession("john", ""); ok {
		t.Error("SourceSession: got one without mfa_serial")
	}
}

// The region of the session with MFA is the profile's only where neither the
// source nor the daemon has one.
func TestRegionOfMFA(t *testing.T) {
	for _, test := range []struct{ name, daemon, source, want string }{
		{"the source's", `region = "eu-west-1"`, `region = "eu-west-2"`, "eu-west-2"},
		{"the daemon's", `region = "eu-west-1"`, "", "eu-west-1"},
		{"the profile's", "", "", "eu-west-3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := load(t, "[daemon]\n"+test.daemon+"\n[sources.john]\nmfa_serial = \"GAHT12345678\"\n"+test.source+`
[profiles.x]
source = "john"
region = "eu-west-3"
role_arn = "arn:aws:iam::123456789012:role/App"
`)
			r := render(t, c, "x", john)
			if got := parent(t, r); got.Region != test.want || got.Duration != 12*time.Hour || r.Region != "eu-west-3" {
				t.Errorf("Render: got %s for %s in %s, want %s for 12h in eu-west-3", got.Region, got.Duration, r.Region, test.want)
			}
		})
	}
}

const chainOfThree = `
[daemon]
region = "eu-west-1"
preview = ["scoped-credentials"]
[sources.john]
[profiles.jump]
source = "john"
role_arn = "arn:aws:iam::111111111111:role/Jump"
tags = { team = "a", cost = "b" }
transitive_tags = ["Team"]
source_identity = "{{user}}"
[sources.jump]
type = "profile"
profile = "jump"
[profiles.work]
source = "jump"
role_arn = "arn:aws:iam::222222222222:role/Work"
tags = { cost = "c" }
scope_duration = "30m"
scope_policy = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::{{user}}/*"}}'
`

// A chain is the profile before it, rendered for the same identity, as the
// parent; a scope is a step around it all.
func TestChain(t *testing.T) {
	c := load(t, chainOfThree)
	jump := render(t, c, "jump", john)
	work := session.Request{Source: session.Source{Name: "jump", Type: session.ParentProfile, Profile: "jump"},
		Parent: jump.Canonical(), Operation: session.AssumeRole, RoleARN: "arn:aws:iam::222222222222:role/Work",
		SessionName: "john-claude", Tags: `[["cost","c"]]`, Region: "eu-west-1", Duration: time.Hour}
	want := session.Request{Source: work.Source, Parent: work.Canonical(), Operation: session.GetScopedCredentials,
		RoleARN: work.RoleARN, Region: "eu-west-1", Duration: 30 * time.Minute,
		Policy: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::john/*"}}`}
	if got := render(t, c, "work", john); got != want {
		t.Errorf("Render: got\n%+v, want\n%+v", got, want)
	}
	if jump.SourceIdentity != "john" || jump.TransitiveTags != `["Team"]` || jump.Parent != "" {
		t.Errorf("Render(jump): got %+v", jump)
	}
}

// What the profiles of a chain refuse, the chain refuses, in the name of the
// profile whose text it is.
func TestChainRefuses(t *testing.T) {
	c := load(t, chainOfThree)
	_, err := c.Render("work", profiles.Identity{App: "claude"})
	if want := `profile "jump": source_identity: {{user}} is empty`; err == nil || err.Error() != want {
		t.Errorf("Render: got %v, want %s", err, want)
	}
	c = load(t, strings.Replace(chainOfThree, `source_identity = "{{user}}"`, "", 1))
	_, err = c.Render("work", profiles.Identity{App: "claude", User: "*"})
	if want := `profile "work": scope policy: {{user}} would be "*", and '*' could widen it`; err == nil || err.Error() != want {
		t.Errorf("Render: got %v, want %s", err, want)
	}
}

func TestWithGenerations(t *testing.T) {
	c := load(t, chainOfThree)
	before := render(t, c, "work", john)
	next := c.WithGenerations(map[string]string{"john": "AKIA1", "nobody": "x"})
	inner := parent(t, parent(t, render(t, next, "work", john)))
	if inner.Source.Generation != "AKIA1" || inner.RoleARN != "arn:aws:iam::111111111111:role/Jump" {
		t.Errorf("Render: got %+v at the beginning of the chain, want the generation AKIA1", inner)
	}
	if render(t, c, "work", john) != before {
		t.Error("WithGenerations: changed the configuration that it copied")
	}
	if again := next.WithGenerations(nil); render(t, again, "work", john) != before {
		t.Error("WithGenerations: got something else for no generations than before")
	}
}

// Each operation has the parameters that STS gives it, and no other.
func TestOperations(t *testing.T) {
	const sources = `
[daemon]
region = "eu-west-1"
sso_endpoint = "http://127.0.0.1:1"
iam_endpoint = "http://127.0.0.1:2"
[sources.john]
share_with_aws_cli = true
[sources.jwt]
type = "web-identity"
token_command = ["print-token"]
[sources.adfs]
type = "saml"
assertion_command = ["print-assertion"]
provider_arn = "arn:aws:iam::123456789012:saml-provider/ADFS"
[sources.machine]
type = "imds"
[sources.task]
type = "container"
[sources.safe]
type = "keyring"
mfa_serial = "GAHT12345678"
[profiles.x]
`
	shared := session.Source{Name: "john", Type: session.SharedConfig, Profile: "default", Endpoint: "http://127.0.0.1:1", ShareSignIn: true}
	const role = "arn:aws:iam::123456789012:role/App"
	for _, test := range []struct {
		name, text string
		want       session.Request
	}{
		{"web identity", "source = \"jwt\"\nrole_arn = \"" + role + "\"", session.Request{
			Source: session.Source{Name: "jwt", Type: session.WebIdentity, Command: `["print-token"]`}, Operation: session.AssumeRoleWithWebIdentity,
			RoleARN: role, SessionName: "john-claude", Duration: time.Hour}},
		{"SAML: the assertion names the session", "source = \"adfs\"\nrole_arn = \"" + role + "\"\noperation = \"assume-role-with-saml\"", session.Request{
			Source:    session.Source{Name: "adfs", Type: session.SAML, Command: `["print-assertion"]`, ProviderARN: "arn:aws:iam::123456789012:saml-provider/ADFS"},
			Operation: session.AssumeRoleWithSAML, RoleARN: role, Duration: time.Hour}},
		{"federated user", "source = \"john\"\noperation = \"get-federation-token\"\nallow_no_permissions = true\ntags = { a = \"b\" }\nminimum_session_token_size = 4096", session.Request{
			Source: shared, Operation: session.GetFederationToken, SessionName: "john-claude", Tags: `[["a","b"]]`, MinTokenSize: 4096, Duration: 12 * time.Hour}},
		{"federated user of a long name", "source = \"john\"\noperation = \"get-federation-token\"\nname = \"{{user}}-{{app}}-{{host}}-{{user}}-{{app}}-{{host}}\"\nallow_no_permissions = true\nduration = \"36h\"", session.Request{
			Source: shared, Operation: session.GetFederationToken, SessionName: "john-claude-laptop-john-c-bd8216", Duration: 36 * time.Hour}},
		{"session of the user, with MFA", "source = \"john\"\noperation = \"get-session-token\"\nmfa_serial = \"arn:aws:iam::123456789012:mfa/john\"\nmfa_command = [\"code\"]", session.Request{
			Source: shared, Operation: session.GetSessionToken, MFASerial: "arn:aws:iam::123456789012:mfa/john", MFACommand: `["code"]`, Duration: 12 * time.Hour}},
		{"a role with MFA of its own", "source = \"john\"\nrole_arn = \"" + role + "\"\nduration = \"12h\"\nmfa_serial = \"GAHT12345678\"", session.Request{
			Source: shared, Operation: session.AssumeRole, RoleARN: role, SessionName: "john-claude", MFASerial: "GAHT12345678", Duration: 12 * time.Hour}},
		{"the source itself", "source = \"john\"\noperation = \"source\"", session.Request{Source: shared, Operation: session.SourceItself}},
		{"the machine itself", "source = \"machine\"\noperation = \"source\"", session.Request{
			Source: session.Source{Name: "machine", Type: session.IMDS}, Operation: session.SourceItself}},
		{"a role of a container's role", "source = \"task\"\nrole_arn = \"" + role + "\"", session.Request{
			Source: session.Source{Name: "task", Type: session.Container}, Operation: session.AssumeRole, RoleARN: role, SessionName: "john-claude", Duration: time.Hour}},
		{"the session with MFA itself", "source = \"safe\"\noperation = \"source\"", session.Request{
			Source: session.Source{Name: "safe", Type: session.Keyring}, Operation: session.SourceItself,
			Parent: `{"source":{"name":"safe","type":"keyring"},"operation":"get-session-token","mfa_serial":"GAHT12345678","region":"eu-west-1","duration":43200000000000}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := load(t, sources+test.text)
			test.want.Region = "eu-west-1"
			if got := render(t, c, "x", john); got != test.want {
				t.Errorf("Render: got\n%+v, want\n%+v", got, test.want)
			}
			if c.Daemon.SSOEndpoint != "http://127.0.0.1:1" || c.Daemon.IAMEndpoint != "http://127.0.0.1:2" || c.Daemon.ScopedCredentials {
				t.Errorf("Daemon: got %+v", c.Daemon)
			}
		})
	}
}
