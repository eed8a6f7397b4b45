package policy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/vendord/vendord/policy"
)

const (
	putObject     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:PutObject","Resource":"arn:aws:s3:::b/*"}]}`
	company1      = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:ListBucket","s3:GetObject","s3:PutObject"],"Resource":["arn:aws:s3:::company1-hr","arn:aws:s3:::company1-hr/*"]}]}`
	devCalifornia = `{"Version":"2012-10-17","Statement":[{"Sid":"West","Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringEquals":{"aws:RequestedRegion":"us-west-1"}}}]}`
	noSecrets     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},` + "\n" + `{"Sid":"Secrets","Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::*/secret/*"}]}`
	betweenSlash  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*/t/*"}]}`
	ownFolder     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${aws:username}/*"}]}`
	teamFolder    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/${aws:PrincipalTag/team, 'all'}/*"}]}`
	notEast       = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"ec2:*","Resource":"*","Condition":{"StringNotEquals":{"aws:RequestedRegion":"us-east-1"}}}]}`
	maxKeys       = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"arn:aws:s3:::b","Condition":{"NumericLessThanEquals":{"s3:max-keys":"10"}}}]}`
	topic         = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*","Condition":{"%s":{"aws:SourceArn":"arn:aws:sns:*:1:t"}}}]}`
	denyNoMFA     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"},{"Effect":"Deny","Action":"s3:Delete*","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}]}`
)

// context makes a context of key=value; a key alone is known to be absent.
func context(pairs ...string) map[string][]string {
	all := map[string][]string{}
	for _, p := range pairs {
		key, value, has := strings.Cut(p, "=")
		if all[key] = nil; has {
			all[key] = []string{value}
		}
	}
	return all
}

func named(t testing.TB, texts ...string) []policy.Named {
	t.Helper()
	var all []policy.Named
	for i, d := range parse(t, texts...) {
		all = append(all, policy.Named{Name: fmt.Sprint("p", i), Document: d})
	}
	return all
}

// TestVectors are the cases that the evaluator must get right whatever else it
// does. What depends on a key that was not given is asked twice: with the key
// known to be absent, and with nothing known.
func TestVectors(t *testing.T) {
	for _, row := range []struct {
		policy, action, resource string
		context                  map[string][]string
		want                     policy.Answer
		missing                  string
	}{
		{putObject, "s3:PutObject", "arn:aws:s3:::b/x/y", nil, "not-blocked", ""},
		{putObject, "S3:putobject", "arn:aws:s3:::b/x/y", nil, "not-blocked", ""},
		{putObject, "s3:PutObject", "arn:aws:s3:::B/x", nil, "implicit-deny", ""},
		{putObject, "s3:GetObject", "arn:aws:s3:::b/x", nil, "implicit-deny", ""},
		{putObject, "s3:ListBucket", "arn:aws:s3:::b", nil, "implicit-deny", ""},
		{company1, "s3:ListBucket", "arn:aws:s3:::company1-hr", nil, "not-blocked", ""},
		{company1, "s3:DeleteObject", "arn:aws:s3:::company1-hr/x", nil, "implicit-deny", ""},
		{devCalifornia, "ec2:RunInstances", "*", context("aws:RequestedRegion=us-west-1"), "not-blocked", ""},
		{devCalifornia, "ec2:RunInstances", "*", context("aws:RequestedRegion=us-east-1"), "implicit-deny", ""},
		{devCalifornia, "ec2:RunInstances", "*", context("aws:RequestedRegion"), "implicit-deny", ""},
		{devCalifornia, "ec2:RunInstances", "*", nil, "unknown", "aws:RequestedRegion"},
		{noSecrets, "s3:GetObject", "arn:aws:s3:::b/secret/z", nil, "explicit-deny", ""},
		{betweenSlash, "s3:GetObject", "arn:aws:s3:::b//t/o", nil, "not-blocked", ""},
		{betweenSlash, "s3:GetObject", "arn:aws:s3:::b/1/2/t/", nil, "not-blocked", ""},
		{betweenSlash, "s3:GetObject", "arn:aws:s3:::b/1-t/o", nil, "implicit-deny", ""},
		{ownFolder, "s3:GetObject", "arn:aws:s3:::b/john/x", context("aws:username"), "implicit-deny", ""},
		{ownFolder, "s3:GetObject", "arn:aws:s3:::b/john/x", context("aws:username=john"), "not-blocked", ""},
		{ownFolder, "s3:GetObject", "arn:aws:s3:::b/john/x", nil, "unknown", "aws:username"},
		{ownFolder, "s3:GetObject", "arn:aws:s3:::c/john/x", nil, "implicit-deny", ""},
		{teamFolder, "s3:GetObject", "arn:aws:s3:::b/all/x", context("aws:PrincipalTag/team"), "not-blocked", ""},
		{teamFolder, "s3:GetObject", "arn:aws:s3:::b/all/x", nil, "unknown", "aws:PrincipalTag/team"},
		{notEast, "ec2:RunInstances", "*", context("aws:RequestedRegion"), "not-blocked", ""},
		{notEast, "ec2:RunInstances", "*", nil, "unknown", "aws:RequestedRegion"},
		{maxKeys, "s3:ListBucket", "arn:aws:s3:::b", context("s3:max-keys=10"), "not-blocked", ""},
		{maxKeys, "s3:ListBucket", "arn:aws:s3:::b", context("s3:max-keys=11"), "implicit-deny", ""},
		{fmt.Sprintf(topic, "ArnLike"), "sqs:SendMessage", "*", context("aws:SourceArn=arn:aws:sns:x:y:1:t"), "implicit-deny", ""},
		{fmt.Sprintf(topic, "StringLike"), "sqs:SendMessage", "*", context("aws:SourceArn=arn:aws:sns:x:y:1:t"), "not-blocked", ""},
		{denyNoMFA, "s3:DeleteObject", "arn:aws:s3:::b/x", context("aws:MultiFactorAuthPresent"), "explicit-deny", ""},
		{denyNoMFA, "s3:DeleteObject", "arn:aws:s3:::b/x", context("aws:MultiFactorAuthPresent=true"), "not-blocked", ""},
		{denyNoMFA, "s3:DeleteObject", "arn:aws:s3:::b/x", nil, "unknown", "aws:MultiFactorAuthPresent"},
		{denyNoMFA, "s3:GetObject", "arn:aws:s3:::b/x", nil, "not-blocked", ""},
	} {
		q := policy.Question{Action: row.action, Resource: row.resource, Context: row.context}
		got := policy.Explain(policy.Inputs{Session: named(t, row.policy)}, q)
		if got.Decision != row.want || strings.Join(got.Missing, " ") != row.missing {
			t.Errorf("Explain(%s, %s on %s, %v): got %s, missing %q, want %s, %q", row.policy, row.action, row.resource, row.context,
				got.Decision, got.Missing, row.want, row.missing)
		}
	}
}

// TestLayers puts one question to policies that let through (yes), deny (no),
// say nothing (none) or are not at hand (unread).
func TestLayers(t *testing.T) {
	texts := map[string]string{"yes": `"Effect":"Allow","Action":"*"`, "no": `"Effect":"Deny","Action":"*"`, "none": `"Effect":"Allow","Action":"x:y"`}
	layer := func(words string) []policy.Named {
		var all []policy.Named
		for _, w := range strings.Fields(words) {
			n := policy.Named{Name: w}
			if text, ok := texts[w]; ok {
				n.Document = parse(t, `{"Version":"2012-10-17","Statement":{`+text+`,"Resource":"*"}}`)[0]
			}
			all = append(all, n)
		}
		return all
	}
	for _, row := range []struct {
		session, scope, identity string
		noSession                bool
		want                     policy.Answer
		reason                   string
	}{
		{"yes", "", "", false, "not-blocked", "let through by the session policies"},
		{"none yes", "", "", false, "not-blocked", "let through by the session policies"},
		{"yes no", "", "", false, "explicit-deny", "a Deny of the session policies applies"},
		{"none", "", "", false, "implicit-deny", "no statement of the session policies lets it through"},
		{"", "", "", false, "implicit-deny", "the session has no session policy, without which a session of its kind may do nothing"},
		{"", "", "", true, "not-blocked", "there is no session policy that could block it"},
		{"", "", "yes", true, "not-blocked", "let through by the identity policies given"},
		{"", "", "none", true, "implicit-deny", "no statement of the identity policies given lets it through"},
		{"yes", "yes", "yes", false, "not-blocked", "let through by the session policies and the scope policy and the identity policies given"},
		{"yes", "none", "", false, "implicit-deny", "no statement of the scope policy lets it through"},
		{"none", "yes", "none", false, "implicit-deny", "no statement of the session policies and the identity policies given lets it through"},
		{"none", "no", "yes", false, "explicit-deny", "a Deny of the scope policy applies"},
		{"yes", "", "no", false, "explicit-deny", "a Deny of the identity policies given applies"},
		{"unread", "", "", false, "unknown", "it depends on policies whose text is not at hand: unread"},
		{"yes unread", "", "", false, "unknown", "it depends on policies whose text is not at hand: unread"},
		{"no unread", "", "", false, "explicit-deny", "a Deny of the session policies applies"},
		{"unread", "none", "", false, "implicit-deny", "no statement of the scope policy lets it through"},
		{"yes", "", "unread", false, "unknown", "it depends on policies whose text is not at hand: unread"},
	} {
		in := policy.Inputs{Session: layer(row.session), NoSession: row.noSession, Scope: layer(row.scope), Identity: layer(row.identity)}
		got := policy.Explain(in, policy.Question{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/x"})
		if got.Decision != row.want || got.Reason != row.reason {
			t.Errorf("Explain of session %q, scope %q, identity %q: got %s: %s, want %s: %s", row.session, row.scope, row.identity,
				got.Decision, got.Reason, row.want, row.reason)
		}
	}
}

// TestUnknownForTwoReasons has a key that was not given and a policy that is
// not at hand.
func TestUnknownForTwoReasons(t *testing.T) {
	in := policy.Inputs{Session: append(named(t, devCalifornia), policy.Named{Name: "arn:aws:iam::aws:policy/ReadOnlyAccess"})}
	got := policy.Explain(in, policy.Question{Action: "ec2:RunInstances", Resource: "*"})
	const want = "it depends on context keys that were not given: aws:RequestedRegion, and on policies whose text is not at hand: arn:aws:iam::aws:policy/ReadOnlyAccess"
	if got.Decision != policy.Unknown || got.Reason != want {
		t.Errorf("Explain: got %s: %s, want %s", got.Decision, got.Reason, want)
	}
}

// TestExplanationAsJSON fixes the whole of an answer, in the form that programs
// read.
func TestExplanationAsJSON(t *testing.T) {
	for _, row := range []struct {
		name, policy, action, resource, want string
		context                              map[string][]string
	}{
		{"the Deny that decided", noSecrets, "s3:GetObject", "arn:aws:s3:::b/secret/z",
			`{"decision":"explicit-deny","reason":"a Deny of the session policies applies","by":[{"layer":"session","policy":"p0","statement":1,"sid":"Secrets","line":2,"effect":"Deny"}]}`, nil},
		{"the Allow that decided", noSecrets, "s3:GetObject", "arn:aws:s3:::b/z",
			`{"decision":"not-blocked","reason":"let through by the session policies","by":[{"layer":"session","policy":"p0","statement":0,"line":1,"effect":"Allow"}]}`, nil},
		{"a condition that failed", devCalifornia, "ec2:RunInstances", "*",
			`{"decision":"implicit-deny","reason":"no statement of the session policies lets it through","blocked_by":["session"],"near":[{"layer":"session","policy":"p0","statement":0,"sid":"West","line":1,"effect":"Allow",` +
				`"failed":[{"part":"condition","operator":"StringEquals","key":"aws:RequestedRegion","wanted":["us-west-1"],"got":["us-east-1"],"problem":"aws:RequestedRegion is \"us-east-1\", and StringEquals wants \"us-west-1\""}]}]}`,
			context("aws:RequestedRegion=us-east-1")},
		{"a key that was not given", devCalifornia, "ec2:RunInstances", "*",
			`{"decision":"unknown","reason":"it depends on context keys that were not given: aws:RequestedRegion","by":[{"layer":"session","policy":"p0","statement":0,"sid":"West","line":1,"effect":"Allow","depends_on":["aws:RequestedRegion"]}],` +
				`"missing":["aws:RequestedRegion"],"near":[{"layer":"session","policy":"p0","statement":0,"sid":"West","line":1,"effect":"Allow",` +
				`"failed":[{"part":"condition","operator":"StringEquals","key":"aws:RequestedRegion","wanted":["us-west-1"],"missing":["aws:RequestedRegion"],"problem":"not given: aws:RequestedRegion"}]}]}`, nil},
	} {
		got, err := json.Marshal(policy.Explain(policy.Inputs{Session: named(t, row.policy)},
			policy.Question{Action: row.action, Resource: row.resource, Context: row.context}))
		if err != nil || string(got) != row.want {
			t.Errorf("%s: got %s, %v, want %s", row.name, got, err, row.want)
		}
	}
}
