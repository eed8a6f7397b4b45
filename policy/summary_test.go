package policy_test

import (
	"reflect"
	"testing"

	"github.com/vendord/vendord/policy"
)

func TestLetsThrough(t *testing.T) {
	d := parse(t, `{"Version": "2012-10-17", "Statement": [
	  {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"], "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"]},
	  {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b"},
	  {"Effect": "Deny", "Action": "s3:*", "Resource": "*"},
	  {"Effect": "Allow", "NotAction": ["iam:*", "sts:*"], "NotResource": "arn:aws:s3:::c", "Condition": {"Bool": {"k:a": "true"}}}]}`)[0]
	want := []policy.Permission{
		{Action: "s3:ListBucket", Resource: "arn:aws:s3:::b"}, {Action: "s3:ListBucket", Resource: "arn:aws:s3:::b/*"},
		{Action: "s3:GetObject", Resource: "arn:aws:s3:::b"}, {Action: "s3:GetObject", Resource: "arn:aws:s3:::b/*"},
		{Action: "all but iam:*, sts:*", Resource: "all but arn:aws:s3:::c", Conditional: true},
	}
	if got := d.LetsThrough(); !reflect.DeepEqual(got, want) {
		t.Errorf("LetsThrough: got %+v, want %+v", got, want)
	}
}

// TestBeyond asks of pairs of statements whether the first lets through
// something that the second does not.
func TestBeyond(t *testing.T) {
	const (
		read      = `{"Effect": "Allow", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b/*"}`
		power     = `{"Effect": "Allow", "NotAction": ["iam:*", "organizations:*"], "Resource": "*"}`
		conscious = `{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestedRegion": ["a", "b"]}}}`
	)
	allow := func(action, resource string) string {
		return `{"Effect": "Allow", "Action": "` + action + `", "Resource": "` + resource + `"}`
	}
	for _, row := range []struct {
		name, child, parent string
		within              bool
	}{
		{"the same", read, read, true},
		{"one action of several", allow("s3:getobject", "arn:aws:s3:::b/*"), read, true},
		{"narrower pattern", allow("s3:GetObject*", "arn:aws:s3:::b/x/*"), read, true},
		{"other action", allow("s3:PutObject", "arn:aws:s3:::b/*"), read, false},
		{"wider action", allow("s3:*", "arn:aws:s3:::b/*"), read, false},
		{"wider resource", allow("s3:GetObject", "*"), read, false},
		{"the bucket besides its objects", allow("s3:GetObject", "arn:aws:s3:::b"), read, false},
		{"* against ?", allow("s3:GetObject", "arn:aws:s3:::b/*"), allow("s3:GetObject", "arn:aws:s3:::b/?"), false},
		{"? against *", allow("s3:GetObject", "arn:aws:s3:::b/?"), allow("s3:GetObject", "arn:aws:s3:::b/*"), true},
		{"* against *?", allow("s3:GetObject", "arn:aws:s3:::b/*"), allow("s3:GetObject", "arn:aws:s3:::b/*?"), false},
		{"region by region", allow("sns:Publish", "arn:aws:sns:us-*-1:1:t"), allow("sns:Publish", "arn:aws:sns:us-*:1:t"), true},
		{"* that crosses colons against one that does not", allow("sns:Publish", "arn:aws:sns:us-*:1:t"), allow("sns:Publish", "arn:aws:sns:us-*-1:1:t"), false},
		{"? within a part", allow("sns:Publish", "arn:aws:sns:us-?-1:1:t"), allow("sns:Publish", "arn:aws:sns:us-*1:1:t"), true},
		{"everything", allow("*", "*"), allow("*", "*"), true},
		{"everything in two statements is not seen", allow("*", "*"), allow("s3:*", "*") + "," + power, false},
		{"no statement", allow("s3:GetObject", "*"), `{"Effect": "Deny", "Action": "*", "Resource": "*"}`, false},
		{"a deny of the child", `{"Effect": "Deny", "Action": "*", "Resource": "*"}`, read, true},
		{"same variable", allow("s3:GetObject", "arn:aws:s3:::b/${aws:userid}/*"), allow("s3:GetObject", "arn:aws:s3:::b/${AWS:UserId}/*"), true},
		{"other variable", allow("s3:GetObject", "arn:aws:s3:::b/${aws:userid}/*"), allow("s3:GetObject", "arn:aws:s3:::b/${aws:username}/*"), false},
		{"other default", allow("s3:GetObject", "arn:aws:s3:::b/${k:a, 'x'}"), allow("s3:GetObject", "arn:aws:s3:::b/${k:a, 'X'}"), false},
		{"variable against *", allow("s3:GetObject", "arn:aws:s3:::b/${aws:userid}"), read, true},
		{"variable against part of its name", allow("s3:GetObject", "arn:aws:s3:::b/${aws:userid}"), allow("s3:GetObject", "arn:aws:s3:::b/*userid}"), false},
		{"variable against ?", allow("s3:GetObject", "arn:aws:s3:::b/${k:a}"), allow("s3:GetObject", "arn:aws:s3:::b/??????"), false},
		{"two variables are not one", allow("s3:GetObject", "arn:aws:s3:::b/${k:a}${k:b}"), allow("s3:GetObject", "arn:aws:s3:::b/${k:a}"), false},
		{"literal variable", allow("s3:GetObject", "arn:aws:s3:::b/${*}"), allow("s3:GetObject", "arn:aws:s3:::b/?"), true},
		{"literal star against star", allow("s3:GetObject", "arn:aws:s3:::b/*"), allow("s3:GetObject", "arn:aws:s3:::b/${*}"), false},
		{"same template", allow("s3:GetObject", "arn:aws:s3:::b/{{user}}/*"), allow("s3:GetObject", "arn:aws:s3:::b/{{user}}/*"), true},
		{"template against ?", allow("s3:GetObject", "arn:aws:s3:::b/{{user}}"), allow("s3:GetObject", "arn:aws:s3:::b/????????"), false},
		{"template against *", allow("s3:GetObject", "arn:aws:s3:::b/{{user}}/x"), allow("s3:GetObject", "arn:aws:s3:::b/*"), true},
		{"a name against a template", allow("s3:GetObject", "arn:aws:s3:::b/john"), allow("s3:GetObject", "arn:aws:s3:::b/{{user}}"), false},
		{"NotAction spares it", read, power, true},
		{"NotAction does not", allow("iam:ListUsers", "*"), power, false},
		{"NotAction might not", allow("*:List", "*"), power, false},
		{"more exceptions", `{"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "s3:*"], "Resource": "*"}`, power, true},
		{"fewer exceptions", power, `{"Effect": "Allow", "NotAction": ["iam:*", "organizations:*", "s3:*"], "Resource": "*"}`, false},
		{"all but some against everything", power, allow("*", "*"), true},
		{"all but some against something", power, allow("s3:*", "*"), false},
		{"NotResource spares it", read, `{"Effect": "Allow", "Action": "*", "NotResource": ["arn:aws:s3:::secret/*", "arn:aws:s3:::b"]}`, true},
		{"NotResource does not", read, `{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::b/secret/*"}`, false},
		{"NotResource might not", allow("s3:GetObject", "arn:aws:s3:::b/${k:a}"), `{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::b/x"}`, false},
		{"NotResource shorter", allow("s3:GetObject", "arn:aws:s3:::b/*"), `{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::b/"}`, false},
		{"the parent's condition", read, conscious, false},
		{"the same condition", `{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"AWS:requestedregion": ["b", "a"]}}}`, conscious, true},
		{"one condition more", `{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestedRegion": ["a", "b"], "k:a": "x"}}}`, conscious, true},
		{"a narrower condition is not seen", `{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestedRegion": "a"}}}`, conscious, false},
		{"another operator", `{"Effect": "Allow", "Action": "s3:*", "Resource": "*", "Condition": {"StringLike": {"aws:RequestedRegion": ["a", "b"]}}}`, conscious, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			child := parse(t, `{"Version": "2012-10-17", "Statement": [`+row.child+`]}`)
			parent := parse(t, `{"Version": "2012-10-17", "Statement": [`+row.parent+`]}`)
			if got := policy.Beyond(child, parent); (got == nil) != row.within {
				t.Errorf("Beyond: got %+v, want within %t", got, row.within)
			}
		})
	}
}

func TestBeyondVersions(t *testing.T) {
	const statement = `"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/${aws:userid}", "Condition": {"StringEquals": {"k:a": "${k:b}"}}}]}`
	now := parse(t, `{"Version": "2012-10-17", `+statement)
	old := parse(t, `{"Version": "2008-10-17", `+statement)
	want := []policy.Permission{{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/${aws:userid}", Conditional: true}}
	if got := policy.Beyond(now, old); !reflect.DeepEqual(got, want) {
		t.Errorf("Beyond: got %+v, want %+v", got, want)
	}
	if got := policy.Beyond(append(now, old...), append(old, now...)); got != nil {
		t.Errorf("Beyond of the same documents: got %+v, want nothing", got)
	}
	if got := policy.Beyond(now, nil); !reflect.DeepEqual(got, want) {
		t.Errorf("Beyond of no parent: got %+v, want %+v", got, want)
	}
}
