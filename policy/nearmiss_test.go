package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/policy"
)

// TestNearMisses asks why something is blocked: the statements that came
// closest, and what failed.
func TestNearMisses(t *testing.T) {
	statement := func(rest string) string { return `{"Version":"2012-10-17","Statement":[{` + rest + `}]}` }
	for _, row := range []struct {
		name, policy, action, resource string
		context                        map[string][]string
		want                           []string
	}{
		{"the action alone", putObject, "s3:GetObject", "arn:aws:s3:::b/x", nil,
			[]string{`0 action: "s3:GetObject" does not match "s3:PutObject"`}},
		{"the resource alone", putObject, "s3:PutObject", "arn:aws:s3:::c/x", nil,
			[]string{`0 resource: "arn:aws:s3:::c/x" does not match "arn:aws:s3:::b/*"`}},
		{"no resource asked about", putObject, "s3:PutObject", "", nil,
			[]string{`0 resource: "*" does not match "arn:aws:s3:::b/*"`}},
		{"another service", putObject, "ec2:RunInstances", "arn:aws:s3:::b/x", nil, nil},
		{"action and resource", putObject, "s3:GetObject", "arn:aws:s3:::c/x", nil, nil},
		{"left out by NotAction", statement(`"Effect":"Allow","NotAction":"iam:*","Resource":"*"`), "iam:CreateUser", "*", nil,
			[]string{`0 action: "iam:CreateUser" is left out by "iam:*"`}},
		{"left out by NotResource", statement(`"Effect":"Allow","Action":"s3:*","NotResource":"arn:aws:s3:::b"`), "s3:ListBucket", "arn:aws:s3:::b", nil,
			[]string{`0 resource: "arn:aws:s3:::b" is left out by "arn:aws:s3:::b"`}},
		{"case", statement(`"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::Photos"`), "s3:ListBucket", "arn:aws:s3:::photos", nil,
			[]string{`0 resource: "arn:aws:s3:::photos" does not match "arn:aws:s3:::Photos": case counts`}},
		{"many values", statement(`"Effect":"Allow","Action":"a:b","Resource":"*","Condition":{"StringEquals":{"k:a":["1","2","3","4","5"]}}`), "a:b", "*", context("k:a"),
			[]string{`0 condition: k:a is absent, and StringEquals wants "1" or "2" or "3" or 2 more`}},
		{"no values", statement(`"Effect":"Allow","Action":"a:b","Resource":"*","Condition":{"StringEquals":{"k:a":[]}}`), "a:b", "*", context("k:a=1"),
			[]string{`0 condition: k:a is "1", and StringEquals wants nothing`}},
		{"a key that would forge a line", statement(`"Effect":"Allow","Action":"a:b","Resource":"*","Condition":{"StringEquals":{"k:\n":"1"}}`), "a:b", "*", nil,
			[]string{`0 condition: not given: "k:\n"`}},
		{"a Deny that may apply to what is not let through anyway", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"},
			{"Effect":"Deny","Action":"s3:Put*","Resource":"*","Condition":{"Null":{"k:a":"true"}}}]}`, "s3:PutObject", "arn:aws:s3:::b/x", nil,
			[]string{`0 action: "s3:PutObject" does not match "s3:GetObject"`, `1 condition: not given: k:a`}},
		{"only the closest", `{"Version":"2012-10-17","Statement":[
			{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::c/*","Condition":{"Bool":{"aws:SecureTransport":"true"}}},
			{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::c/*"}]}`, "s3:GetObject", "arn:aws:s3:::b/x", nil,
			[]string{`1 resource: "arn:aws:s3:::b/x" does not match "arn:aws:s3:::c/*"`}},
		{"not more than five", `{"Version":"2012-10-17","Statement":[` + strings.TrimSuffix(strings.Repeat(`{"Effect":"Allow","Action":"s3:GetObject","Resource":"*"},`, 7), ",") + `]}`,
			"s3:PutObject", "*", nil, slices.Repeat([]string{`%d action: "s3:PutObject" does not match "s3:GetObject"`}, 5)},
	} {
		var got []string
		for _, n := range policy.Explain(policy.Inputs{Session: named(t, row.policy)}, policy.Question{Action: row.action, Resource: row.resource, Context: row.context}).Near {
			for _, f := range n.Failed {
				got = append(got, fmt.Sprintf("%d %s: %s", n.Statement, f.Part, f.Problem))
			}
		}
		for i, w := range row.want {
			row.want[i] = strings.ReplaceAll(w, "%d", fmt.Sprint(i))
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}
