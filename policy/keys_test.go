package policy_test

import (
	"slices"
	"testing"

	"github.com/vendord/vendord/policy"
)

func TestContextKeys(t *testing.T) {
	const statement = `"Effect":"Allow","Action":"s3:*","Resource":`
	for name, c := range map[string]struct {
		version, statement string
		want               []string
	}{
		"none":                          {"2012-10-17", statement + `"*"`, nil},
		"of conditions, each once":      {"2012-10-17", statement + `"*","Condition":{"Bool":{"b:X":"true"},"Null":{"B:x":"false","a:Y":"true"}}`, []string{"a:Y", "B:x"}},
		"of a resource":                 {"2012-10-17", statement + `["arn:aws:s3:::b/${aws:username}/${*}/${aws:PrincipalTag/team, 'all'}"]`, []string{"aws:PrincipalTag/team", "aws:username"}},
		"of what is excluded":           {"2012-10-17", `"Effect":"Deny","Action":"s3:*","NotResource":"arn:aws:s3:::b/${aws:userid}"`, []string{"aws:userid"}},
		"of values":                     {"2012-10-17", statement + `"*","Condition":{"ForAnyValue:StringLikeIfExists":{"s3:prefix":["x","${aws:userid}/*"]}}`, []string{"aws:userid", "s3:prefix"}},
		"not across values":             {"2012-10-17", statement + `"*","Condition":{"StringLike":{"s3:prefix":["${aws:","userid}"]}}`, []string{"s3:prefix"}},
		"not of values that have none":  {"2012-10-17", statement + `"*","Condition":{"NumericEquals":{"s3:max-keys":"${aws:userid}"}}`, []string{"s3:max-keys"}},
		"not before the fifth colon":    {"2012-10-17", statement + `"arn:aws:sqs:${aws:RequestedRegion}:111122223333:q"`, nil},
		"not in the older language":     {"2008-10-17", statement + `"arn:aws:s3:::b/${aws:username}","Condition":{"StringLike":{"s3:prefix":"${aws:userid}"}}`, []string{"s3:prefix"}},
		"not what begins like variable": {"2012-10-17", statement + `"arn:aws:s3:::b/${aws:username"`, nil},
	} {
		d, err := policy.Parse([]byte(`{"Version":"` + c.version + `","Statement":{` + c.statement + `}}`))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := policy.ContextKeys(policy.Named{Document: d}, policy.Named{Name: "not at hand"}); !slices.Equal(got, c.want) {
			t.Errorf("ContextKeys, %s: got %q, want %q", name, got, c.want)
		}
	}
}
