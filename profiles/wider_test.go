package profiles_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// ladder has profiles of one role, and others.
const ladder = `
[daemon]
region = "eu-west-1"
preview = ["scoped-credentials"]
[sources.john]
[sources.mary]
[sources.keys]
type = "keyring"

[profiles.all]
source = "john"
role_arn = "arn:aws:iam::123456789012:role/App"
[profiles.longer]
extends = "all"
duration = "12h"
[profiles.write]
extends = "all"
policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::b/*"}]}'''
[profiles.read]
extends = "all"
policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}'''
[profiles.secure]
extends = "all"
policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{"Bool":{"aws:SecureTransport":"true"}}}]}'''
[profiles.many]
extends = "all"
policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","ec2:a","ec2:b","ec2:c","ec2:d","ec2:e","ec2:f","ec2:g","ec2:h"],"Resource":"*"}]}'''
[profiles.mine]
extends = "all"
policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/{{user}}/*"}]}'''
[profiles.mine-write]
extends = "all"
policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::b/{{user}}/*"}]}'''
[profiles.not-johns]
extends = "all"
policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::b/john/*"}]}'''
[profiles.its]
extends = "all"
policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/{{profile}}/*"}]}'''
[profiles.its-too]
extends = "its"
[profiles.managed]
extends = "all"
policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
[profiles.managed-and-read]
extends = "read"
policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}'''
policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
[profiles.managed-but-not-johns]
extends = "all"
policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::b/john/*"}]}'''
policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
[profiles.scoped]
extends = "write"
scope_policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}'''
[profiles.only-scoped]
extends = "all"
scope_policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}'''
[profiles.marys]
extends = "all"
source = "mary"
[profiles.role]
extends = "read"
role_arn = "arn:aws:iam::123456789012:role/Other"
[profiles.tagged]
extends = "read"
tags = { team = "a" }
transitive_tags = ["team"]
session_name = "fixed"
source_identity = "john"
[profiles.federated]
source = "keys"
operation = "get-federation-token"
policy = '''{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}'''
[profiles.federated-nothing]
source = "keys"
operation = "get-federation-token"
allow_no_permissions = true
[profiles.code]
source = "keys"
role_arn = "arn:aws:iam::123456789012:role/App"
[profiles.code-of-its-own]
extends = "code"
mfa_serial = "arn:aws:iam::123456789012:mfa/john"
`

const (
	noPolicy   = "has no session policy, and read has a session policy"
	exceptions = ": exceptions stand beside templates, or beside managed policies"
)

func TestWider(t *testing.T) {
	c := load(t, ladder)
	for _, test := range []struct {
		from, to string
		want     []string // none: it is not
	}{
		{"all", "all", nil},
		{"all", "longer", nil},
		{"all", "read", nil},
		{"all", "managed", nil},
		{"all", "scoped", nil},
		{"read", "all", []string{noPolicy}},
		{"write", "read", nil},
		{"read", "write", []string{"lets through s3:PutObject on arn:aws:s3:::b/*, which read does not"}},
		{"read", "secure", nil},
		{"secure", "read", []string{"lets through s3:GetObject on arn:aws:s3:::b/*, of which secure lets through a part (but not s3:GetObject on arn:aws:s3:::b/example)"}},
		{"read", "many", []string{"lets through s3:GetObject on *, of which read lets through a part (but not s3:GetObject on arn:aws:s3:::example/x)",
			"lets through ec2:a on *, which read does not", "lets through ec2:b on *, which read does not", "lets through ec2:c on *, which read does not",
			"lets through ec2:d on *, which read does not", "lets through ec2:e on *, which read does not", "and 3 more"}},
		{"read", "mine", nil},
		{"mine-write", "mine", nil},
		{"mine", "mine-write", []string{"lets through s3:PutObject on arn:aws:s3:::b/{{user}}/*, which mine does not"}},
		{"mine", "read", []string{"lets through s3:GetObject on arn:aws:s3:::b/*, of which mine lets through a part (but not s3:GetObject on arn:aws:s3:::b/example)"}},
		{"not-johns", "mine", []string{"cannot be compared with not-johns" + exceptions}},
		{"not-johns", "read", []string{"lets through s3:GetObject on arn:aws:s3:::b/john/*, which not-johns does not"}},
		{"its", "its-too", []string{"lets through s3:GetObject on arn:aws:s3:::b/its-too/*, which its does not"}},
		{"managed", "managed-and-read", []string{"may let through s3:GetObject on arn:aws:s3:::b/*, which managed does not"}},
		{"managed-and-read", "managed", nil},
		{"managed-but-not-johns", "managed", []string{"cannot be compared with managed-but-not-johns" + exceptions}},
		{"read", "managed", []string{"lets through what arn:aws:iam::aws:policy/ReadOnlyAccess allows, which read may not"}},
		{"managed", "read", []string{"lets through what arn:aws:iam::aws:policy/ReadOnlyAccess may deny managed"}},
		{"write", "scoped", nil},
		{"read", "only-scoped", nil},
		{"only-scoped", "read", nil},
		{"only-scoped", "all", []string{"has no session policy, and only-scoped has a scope policy"}},
		{"read", "scoped", []string{"may let through s3:PutObject on arn:aws:s3:::b/*, which read does not"}},
		{"scoped", "write", []string{"lets through s3:PutObject on arn:aws:s3:::b/*, which scoped does not"}},
		{"all", "marys", []string{"has the source mary, and not john"}},
		{"read", "role", []string{"has the role arn:aws:iam::123456789012:role/Other, and not arn:aws:iam::123456789012:role/App"}},
		{"read", "tagged", []string{"has the session name fixed, and not {{user}}-{{app}}", "has the source identity john, and not none",
			`has the tags [["team","a"]], and not none`, `has the transitive tags ["team"], and not none`}},
		{"federated", "federated-nothing", nil},
		{"federated-nothing", "federated", []string{"lets through s3:GetObject on *, which federated-nothing does not"}},
		{"code", "code-of-its-own", []string{"has the MFA device arn:aws:iam::123456789012:mfa/john, and not none"}},
		{"read", "gone", []string{"cannot be compared: one of the two is not in the configuration"}},
		{"gone", "read", []string{"cannot be compared: one of the two is not in the configuration"}},
	} {
		t.Run(test.from+" to "+test.to, func(t *testing.T) {
			wider, why := c.Wider(test.from, test.to)
			if wider != (test.want != nil) || !slices.Equal(why, test.want) {
				t.Errorf("Wider: got %v, %q, want %q", wider, why, test.want)
			}
		})
	}
}

// TestWiderIsCertain asks at random: where a profile is not wider than another, it
// lets nothing through that the other does not, whoever it is for.
func TestWiderIsCertain(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	narrower := 0
	for range 4 {
		c := load(t, randomLadder(random))
		names := profileNames(c)
		for _, from := range names {
			for _, to := range names {
				if wider, why := c.Wider(from, to); wider != (len(why) > 0) || wider && from == to {
					t.Fatalf("Wider(%s, %s): got %v, %q", from, to, wider, why)
				} else if wider || from == to {
					continue
				}
				narrower++
				checkNarrower(t, c, from, to)
			}
		}
	}
	if narrower < 25 {
		t.Errorf("Wider: got no for %d pairs, want 25 and more: the test tells little", narrower)
	}
}

// randomLadder has profiles whose policies are made of few words.
func randomLadder(random *rand.Rand) string {
	pick := func(words ...string) string { return words[random.IntN(len(words))] }
	list := func(words ...string) string {
		return `["` + pick(words...) + `","` + pick(words...) + `"]`
	}
	actions := []string{"s3:GetObject", "s3:PutObject", "s3:*", "s3:Get*", "*"}
	resources := []string{"arn:aws:s3:::b/*", "arn:aws:s3:::b/john/*", "arn:aws:s3:::b/{{user}}/*", "arn:aws:s3:::b/{{app}}/*", "arn:aws:s3:::b/????/*", "*", "arn:aws:s3:::b/{{profile}}/*"}
	statement := func() string {
		condition := pick("", "", "", `,"Condition":{"`+pick("StringEquals", "StringLike", "StringNotEquals")+`":{"aws:userid":"`+pick("john", "{{user}}", "j*")+`"}}`)
		return fmt.Sprintf(`{"Effect":%q,%q:%s,%q:%s%s}`, pick("Allow", "Allow", "Allow", "Deny"), pick("Action", "Action", "Action", "NotAction"),
			list(actions...), pick("Resource", "Resource", "Resource", "NotResource"), list(resources...), condition)
	}
	document := func() string {
		statements := statement()
		for range random.IntN(3) {
			statements += "," + statement()
		}
		return `{"Version":"2012-10-17","Statement":[` + statements + `]}`
	}
	var b strings.Builder
	b.WriteString("[daemon]\nregion = \"eu-west-1\"\npreview = [\"scoped-credentials\"]\n[sources.s]\n")
	for i := range 12 {
		fmt.Fprintf(&b, "[profiles.p%d]\nsource = \"s\"\nrole_arn = \"arn:aws:iam::123456789012:role/App\"\n", i)
		if random.IntN(5) > 0 {
			fmt.Fprintf(&b, "policy = '''%s'''\n", document())
		}
		if random.IntN(3) == 0 {
			fmt.Fprintf(&b, "scope_policy = '''%s'''\n", document())
		}
	}
	return b.String()
}

// checkNarrower asks for each of a few requests whether both let it through.
func checkNarrower(t *testing.T, c *profiles.Config, from, to string) {
	t.Helper()
	for _, who := range []profiles.Identity{{App: "app", User: "john"}, {App: "john", User: "mary"}, {App: "a", User: "b"}} {
		was, is := inputs(t, c, from, who), inputs(t, c, to, who)
		for _, action := range []string{"s3:GetObject", "s3:PutObject", "ec2:RunInstances"} {
			for _, folder := range []string{"john", "mary", "app", "a", "b", "p1", "anna", "x/y"} {
				for _, id := range []string{"john", "mary", "jim", ""} {
					q := policy.Question{Action: action, Resource: "arn:aws:s3:::b/" + folder + "/o", Context: map[string][]string{"aws:userid": {id}}}
					if policy.Explain(is, q).Decision == policy.NotBlocked && policy.Explain(was, q).Decision != policy.NotBlocked {
						t.Fatalf("Wider(%s, %s): got no, but for %+v %s lets %+v through\n%s\n%s\n%s\n%s", from, to, who, to, q,
							c.Profiles[from].Policy, c.Profiles[from].Scope.Policy, c.Profiles[to].Policy, c.Profiles[to].Scope.Policy)
					}
				}
			}
		}
	}
}

// inputs are the policies of a session.
func inputs(t *testing.T, c *profiles.Config, profile string, who profiles.Identity) (in policy.Inputs) {
	t.Helper()
	r, err := c.Render(profile, who)
	if err != nil {
		t.Fatal(err)
	}
	if r.Operation == session.GetScopedCredentials {
		in.Scope = union(t, r.Policy)
		r = parent(t, r)
	}
	in.Session, in.NoSession = union(t, r.Policy), r.Policy == ""
	return in
}

func union(t *testing.T, text string) []policy.Named {
	t.Helper()
	if text == "" {
		return nil
	}
	d, err := policy.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return []policy.Named{{Name: "p", Document: d}}
}
