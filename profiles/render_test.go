package profiles_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// one is a configuration with one profile, x, that has more keys.
func one(more string) string {
	return `
[daemon]
region = "eu-west-1"
[sources.john]
[profiles.x]
source = "john"
role_arn = "arn:aws:iam::123456789012:role/App"
` + more
}

// statement is the policy of one(statement(…)).
func statement(action, resource string) string {
	return `policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"` + action + `","Resource":"` + resource + `"}]}'''`
}

func TestRender(t *testing.T) {
	c := load(t, `
[daemon]
sts_endpoint = "http://127.0.0.1:4566"
[sources.keys]
type = "process"
command = ["print-credentials", "--for", "vendord"]
region = "us-east-1"
[profiles.all]
source = "keys"
role_arn = "arn:aws:iam::123456789012:role/path/App"
duration = 5400
session_name = "{{profile}}@{{host}}"
external_id = "a:b/c"
source_identity = "{{user}}"
transitive_tags = ["team"]
policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::123456789012:policy/P"]
region = "us-west-2"
per_app = true
tags = { team = "a b", Owner = "{{user}}" }
`+statement("s3:GetObject", "arn:aws:s3:::b/{{user}}/${aws:PrincipalTag/team}/*"))
	got, err := c.Render("all", profiles.Identity{App: "claude", User: "agent"})
	if err != nil {
		t.Fatalf("Render: %v", err)
	}
	want := session.Request{
		Source: session.Source{Name: "keys", Type: session.Process, Region: "us-east-1",
			Command: `["print-credentials","--for","vendord"]`},
		Operation: session.AssumeRole, RoleARN: "arn:aws:iam::123456789012:role/path/App",
		SessionName: "all@laptop", ExternalID: "a:b/c", SourceIdentity: "agent",
		Policy:     `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/agent/${aws:PrincipalTag/team}/*"}]}`,
		PolicyARNs: `["arn:aws:iam::aws:policy/ReadOnlyAccess","arn:aws:iam::123456789012:policy/P"]`,
		Tags:       `[["Owner","agent"],["team","a b"]]`, TransitiveTags: `["team"]`,
		Region: "us-west-2", Endpoint: "http://127.0.0.1:4566", Separate: "claude/agent", Duration: 90 * time.Minute,
	}
	if got != want {
		t.Errorf("Render: got\n%+v, want\n%+v", got, want)
	}
}

func TestRenderDefaults(t *testing.T) {
	got, err := load(t, one("")).Render("x", profiles.Identity{App: "claude", User: "agent"})
	want := session.Request{Source: session.Source{Name: "john", Type: session.SharedConfig, Profile: "default"},
		Operation: session.AssumeRole, RoleARN: "arn:aws:iam::123456789012:role/App",
		SessionName: "agent-claude", Region: "eu-west-1", Duration: time.Hour}
	if err != nil || got != want {
		t.Errorf("Render: got\n%+v, %v, want\n%+v", got, err, want)
	}
}

func TestRenderNames(t *testing.T) {
	long := strings.Repeat("long", 20)
	for _, test := range []struct{ name, text, user, want string }{
		{"fixed text stays as it is", "uploadSession", "john", "uploadSession"},
		{"user and app", "{{user}}-{{app}}", "john", "john-claude"},
		{"what AWS does not take is replaced and marked", "{{user}}", `CORP\john`, "CORP-john-2f0f83"},
		{"another user does not become the same", "{{user}}", "CORP/john", "CORP-john-b8da62"},
		{"nor one whose name looks like the replacement", "{{user}}", "CORP-john", "CORP-john"},
		{"a run is one hyphen", "{{user}}", "a   b", "a-b-b4ca49"},
		{"no letter is left", "{{user}}", "名前", "-7ec262"},
		{"too long: cut and marked", "{{user}}", long, strings.Repeat("long", 14) + "l-5aa1dc"},
		{"too short: padded", "{{user}}", "a", "a-"},
		{"no user: the app alone", "{{user}}-{{app}}", "", "claude"},
		{"a template in a value is text", "{{user}}", "{{app}}", "-app-2aa578"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := load(t, one(`session_name = "`+test.text+`"`))
			r, err := c.Render("x", profiles.Identity{App: "claude", User: test.user})
			if err != nil || r.SessionName != test.want {
				t.Errorf("Render: got %q, %v, want %q", r.SessionName, err, test.want)
			}
			if len(r.SessionName) > 64 {
				t.Errorf("Render: got %d characters, want at most 64", len(r.SessionName))
			}
		})
	}
}

func TestRenderTags(t *testing.T) {
	for _, test := range []struct{ name, user, want string }{
		{"as it is", "jörg/x y", `[["owner","jörg/x y"]]`},
		{"replaced and marked", "a*b", `[["owner","a-b-15eb0a"]]`},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := load(t, one(`tags = { owner = "{{user}}" }`)).Render("x", profiles.Identity{App: "a", User: test.user})
			if err != nil || r.Tags != test.want {
				t.Errorf("Render: got %q, %v, want %q", r.Tags, err, test.want)
			}
		})
	}
}

// TestRenderRefuses has everything that Render refuses, in its words.
func TestRenderRefuses(t *testing.T) {
	home := statement("s3:GetObject", "arn:aws:s3:::b/{{user}}/*")
	for _, test := range []struct{ name, more, profile, user, want, hint string }{
		{"an unknown profile", "", "y", "john", `profile "y": there is none of this name to vend`, "vendord list shows the profiles"},
		{"everything", home, "x", "*", `profile "x": session policy: {{user}} would be "*", and '*' could widen it`,
			"in policies the values have only letters, digits and ._@+=,-"},
		{"one character", home, "x", "joh?", `profile "x": session policy: {{user}} would be "joh?", and '?' could widen it`,
			"in policies the values have only letters, digits and ._@+=,-"},
		{"another folder", home, "x", "john/../mary", `profile "x": session policy: {{user}} would be "john/../mary", and '/' could widen it`,
			"in policies the values have only letters, digits and ._@+=,-"},
		{"a variable of AWS", home, "x", "${aws:username}", `profile "x": session policy: {{user}} would be "${aws:username}", and '$' could widen it`,
			"in policies the values have only letters, digits and ._@+=,-"},
		{"JSON", home, "x", `","Effect":"Allow`, `profile "x": session policy: {{user}} would be "\",\"Effect\":\"Allow", and '"' could widen it`,
			"in policies the values have only letters, digits and ._@+=,-"},
		{"bytes that are no text", home, "x", "a\xff", `profile "x": session policy: {{user}} would be "a\xff", and '�' could widen it`,
			"in policies the values have only letters, digits and ._@+=,-"},
		{"a long value is cut", home, "x", strings.Repeat("x", 100) + "*",
			`profile "x": session policy: {{user}} would be "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…", and '*' could widen it`,
			"in policies the values have only letters, digits and ._@+=,-"},
		{"nobody in a policy", home, "x", "", `profile "x": session policy: {{user}} is empty`, "a token issued for a user has one"},
		{"nobody in a tag", `tags = { owner = "{{user}}" }`, "x", "", `profile "x": tag owner: {{user}} is empty`, "a token issued for a user has one"},
		{"nobody as source identity", `source_identity = "{{user}}"`, "x", "", `profile "x": source_identity: {{user}} is empty`, "a token issued for a user has one"},
		{"nobody and nothing else", `session_name = "{{user}}"`, "x", "", `profile "x": session_name: nothing is left without the user`, "issue the token for a user"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := load(t, one(test.more)).Render(test.profile, profiles.Identity{App: "claude", User: test.user})
			e, ok := errors.AsType[*session.Error](err)
			if !ok || e.Class != session.Refused || e.Public != test.want || e.Hint != test.hint {
				t.Errorf("Render: got %+v, want refused, %s, hint: %s", err, test.want, test.hint)
			}
		})
	}
}

func TestRenderSharesAndSeparates(t *testing.T) {
	john, mary := profiles.Identity{App: "a", User: "john"}, profiles.Identity{App: "a", User: "mary"}
	for _, test := range []struct {
		name, more string
		same       bool
	}{
		{"a fixed name is one session", `session_name = "all-of-us"`, true},
		{"a template separates", "", false},
		{"per_app separates", "session_name = \"all-of-us\"\nper_app = true", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := load(t, one(test.more))
			a, err := c.Render("x", john)
			b, err2 := c.Render("x", mary)
			if err != nil || err2 != nil || (a.Key() == b.Key()) != test.same {
				t.Errorf("Render: got the same key %v (%v, %v), want %v", a.Key() == b.Key(), err, err2, test.same)
			}
		})
	}
}

func TestRenderStatements(t *testing.T) {
	c := load(t, one(`
[[profiles.x.statement]]
sid = "Read"
effect = "Allow"
action = ["s3:GetObject", "s3:ListBucket"]
resource = ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]
[profiles.x.statement.condition]
StringLike = { "s3:prefix" = ["{{app}}/*", "<&"] }
NumericLessThan = { "s3:max-keys" = 10 }
Bool = { "aws:SecureTransport" = true }
[[profiles.x.statement]]
effect = "Deny"
not_action = "s3:*"
not_resource = "arn:aws:s3:::c/*"
`))
	r, err := c.Render("x", profiles.Identity{App: "claude", User: "john"})
	want := `{"Version":"2012-10-17","Statement":[` +
		`{"Sid":"Read","Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::b","arn:aws:s3:::b/*"],` +
		`"Condition":{"Bool":{"aws:SecureTransport":true},"NumericLessThan":{"s3:max-keys":10},"StringLike":{"s3:prefix":["claude/*","<&"]}}},` +
		`{"Effect":"Deny","NotAction":"s3:*","NotResource":"arn:aws:s3:::c/*"}]}`
	if err != nil || r.Policy != want {
		t.Errorf("Render: got\n%s, %v, want\n%s", r.Policy, err, want)
	}
}
