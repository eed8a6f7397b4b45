package profiles_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// get is a policy that lets one bucket be read, and template one with a user's
// own folder.
const (
	get      = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}`
	template = `{ "Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/{{user}}/*"}}`
	readOnly = "arn:aws:iam::aws:policy/ReadOnlyAccess"
)

// toNarrow has a profile of each kind.
const toNarrow = `
[daemon]
region = "eu-west-1"
preview = ["scoped-credentials"]
[sources.john]
[profiles.plain]
source = "john"
role_arn = "arn:aws:iam::123456789012:role/App"
[profiles.narrowed]
extends = "plain"
policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
[profiles.scoped]
extends = "plain"
scope_duration = "1h"
[profiles.both]
extends = "narrowed"
scope_duration = "1h"
[sources.scoped]
type = "profile"
profile = "scoped"
[profiles.handed-on]
source = "scoped"
operation = "source"
[profiles.source]
source = "john"
operation = "source"
[profiles.session]
source = "john"
operation = "get-session-token"
[profiles.nothing]
source = "john"
operation = "get-federation-token"
allow_no_permissions = true
[profiles.kiosk]
source = "john"
operation = "get-federation-token"
policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
`

// A profile without session policies gets them; around one that has some, or can
// have none, is a scope.
func TestNarrow(t *testing.T) {
	c := load(t, toNarrow)
	rendered := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/john/*"}}`
	for _, test := range []struct {
		name, profile string
		n             profiles.Narrowing
		want          func(r session.Request) session.Request
	}{
		{"by nothing", "narrowed", profiles.Narrowing{}, func(r session.Request) session.Request { return r }},
		{"by an inline policy", "plain", profiles.Narrowing{Policy: template}, func(r session.Request) session.Request {
			r.Policy = rendered
			return r
		}},
		{"by managed policies", "plain", profiles.Narrowing{PolicyARNs: []string{readOnly}}, func(r session.Request) session.Request {
			r.PolicyARNs = `["` + readOnly + `"]`
			return r
		}},
		{"by both", "plain", profiles.Narrowing{Policy: get, PolicyARNs: []string{readOnly}}, func(r session.Request) session.Request {
			r.Policy, r.PolicyARNs = get, `["`+readOnly+`"]`
			return r
		}},
		{"what has policies by a scope", "narrowed", profiles.Narrowing{Policy: template}, around(rendered)},
		{"what takes none by a scope", "session", profiles.Narrowing{Policy: template}, around(rendered)},
		{"the source's own credentials by a scope", "source", profiles.Narrowing{Policy: template}, around(rendered)},
		{"a federated user by a scope", "kiosk", profiles.Narrowing{Policy: template}, around(rendered)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := c.Narrow(test.profile, john, test.n)
			if want := test.want(render(t, c, test.profile, john)); err != nil || got != want {
				t.Errorf("Narrow: got\n%+v, %v, want\n%+v", got, err, want)
			}
		})
	}
	got, err := c.Narrow("scoped", john, profiles.Narrowing{Policy: get})
	if err != nil || got.Operation != session.GetScopedCredentials || got.Duration != time.Hour || got.Policy != "" || parent(t, got).Policy != get {
		t.Errorf("Narrow: got %+v, %v, want the policy in the session and the scope around it", got, err)
	}
}

// around returns what Narrow makes of a request by a scope.
func around(policy string) func(session.Request) session.Request {
	return func(r session.Request) session.Request {
		return session.Request{Source: r.Source, Parent: r.Canonical(), Operation: session.GetScopedCredentials,
			RoleARN: r.RoleARN, Policy: policy, Region: r.Region, Endpoint: r.Endpoint}
	}
}

// TestNarrowRefuses has everything that Narrow refuses, in its words.
func TestNarrowRefuses(t *testing.T) {
	const second = `it has session policies, and one more would widen it: a session may do what any of them allows`
	policy := profiles.Narrowing{Policy: get}
	arn := profiles.Narrowing{PolicyARNs: []string{readOnly}}
	for _, test := range []struct {
		name, profile string
		off           bool
		n             profiles.Narrowing
		want, hint    string
	}{
		{"an unknown profile", "nobody", false, policy, `profile "nobody": there is none of this name to vend`, "vendord list shows the profiles"},
		{"a second policy without the preview", "narrowed", true, policy, `profile "narrowed": ` + second,
			`write a profile with the policy that you mean, or turn on preview = ["scoped-credentials"] in [daemon]`},
		{"a second policy that is managed", "narrowed", false, arn, `profile "narrowed": ` + second,
			"write a profile with the policies that you mean; only a policy of its own could scope this one"},
		{"a scope in a scope", "both", false, policy, `profile "both": ` + second + "; it has a scope, too", "write a profile with the policy that you mean"},
		{"a scope in that of the profile behind it", "handed-on", false, policy, `profile "handed-on": source takes no session policy; it has a scope, too`, "write a profile with the policy that you mean"},
		{"an operation without policies, without the preview", "session", true, policy, `profile "session": get-session-token takes no session policy`,
			`write a profile with the policy that you mean, or turn on preview = ["scoped-credentials"] in [daemon]`},
		{"the source's own credentials by a managed policy", "source", false, arn, `profile "source": source takes no session policy`,
			"write a profile with the policies that you mean; only a policy of its own could scope this one"},
		{"permissions for who has none", "nothing", false, policy, `profile "nothing": it is to have no permissions, and a session policy would give it some`,
			"name a profile that has permissions to narrow"},
		{"a policy that is wrong", "plain", false, profiles.Narrowing{Policy: strings.Replace(get, "Allow", "Alow", 1), File: "p.json"},
			`p.json:1:47: Statement.Effect: "Alow" is no effect (P007)`, `write "Allow" or "Deny", with a capital`},
		{"a scope that is wrong", "source", false, profiles.Narrowing{Policy: "{}"}, `policy:1:1: the document has no Statement (P006)`, "a policy needs a list of one statement or more"},
		{"an unknown template", "plain", false, profiles.Narrowing{Policy: strings.Replace(template, "user", "host", 1)},
			`policy: {{host}} is not possible here`, "the templates here are {{app}}, {{profile}}, {{user}}"},
		{"no ARN", "plain", false, profiles.Narrowing{PolicyARNs: []string{"ReadOnlyAccess"}}, `policy_arns: "ReadOnlyAccess" is not the ARN of a policy`,
			"the form is arn:aws:iam::123456789012:policy/Name"},
		{"another account", "plain", false, profiles.Narrowing{PolicyARNs: []string{"arn:aws:iam::210987654321:policy/P"}},
			"policy_arns: arn:aws:iam::210987654321:policy/P belongs to account 210987654321, the role to 123456789012",
			"STS takes managed policies of the role's account and AWS's own"},
		{"another partition", "plain", false, profiles.Narrowing{PolicyARNs: []string{"arn:aws-cn:iam::aws:policy/P"}},
			"policy_arns: arn:aws-cn:iam::aws:policy/P belongs to partition aws-cn, the role to aws", ""},
		{"too many", "plain", false, profiles.Narrowing{PolicyARNs: strings.Fields(strings.Repeat(readOnly+" ", 11))},
			"policy_arns: 11 policies, where 10 are possible", "put what they have in common into one"},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := toNarrow
			if test.off {
				text = strings.NewReplacer(`preview = ["scoped-credentials"]`, "", `scope_duration = "1h"`, "").Replace(text)
			}
			got, err := load(t, text).Narrow(test.profile, john, test.n)
			e, ok := errors.AsType[*session.Error](err)
			if !ok || e.Class != session.Refused || e.Public != test.want || e.Hint != test.hint || got != (session.Request{}) {
				t.Errorf("Narrow: got %+v, %+v, want refused, %s, hint: %s", got, err, test.want, test.hint)
			}
		})
	}
}

// All that is wrong is in the error, not only what its line says.
func TestNarrowTellsAll(t *testing.T) {
	_, err := load(t, toNarrow).Narrow("plain", john, profiles.Narrowing{PolicyARNs: []string{"x"},
		Policy: `{"Version":"2012-10-17","Statement":[{"Effect":"Alow","Action":"s3","Resource":"*"}]}`})
	if got := profiles.Problems(err); len(got) != 3 {
		t.Errorf("Problems: got %v, want three", got)
	}
	_, err = load(t, toNarrow).Narrow("plain", profiles.Identity{App: "a", User: "*"}, profiles.Narrowing{Policy: template})
	if want := `profile "plain": session policy: {{user}} would be "*", and '*' could widen it`; err == nil || err.Error() != want {
		t.Errorf("Narrow: got %v, want %s", err, want)
	}
}
