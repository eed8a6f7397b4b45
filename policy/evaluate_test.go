package policy_test

import (
	"testing"

	"github.com/vendord/vendord/policy"
)

// TestUnknownOperator evaluates documents made by hand: an operator that AWS
// does not have neither allows nor keeps from denying.
func TestUnknownOperator(t *testing.T) {
	for _, allow := range []bool{true, false} {
		d := &policy.Document{Statements: []policy.Statement{{Allow: allow, Actions: []string{"*"}, Resources: []string{"*"},
			Conditions: []policy.Condition{{Operator: "ForAllValues:StringEqual", Key: "k:a", Values: []string{"x"}}}}}}
		want := policy.ExplicitDeny
		if allow {
			want = policy.ImplicitDeny
		}
		if got := policy.Evaluate(policy.Question{Action: "a:b"}, d); got.Decision != want {
			t.Errorf("Evaluate with Allow %t: got %s, want %s", allow, got.Decision, want)
		}
	}
}

func TestWhichStatementDecided(t *testing.T) {
	docs := parse(t, `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}`,
		`{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}, {"Sid": "No", "Effect": "Deny", "Action": "s3:Put*", "Resource": "*"}]}`)
	got := policy.Evaluate(policy.Question{Action: "s3:PutObject", Resource: "arn:aws:s3:::b/x"}, docs...)
	if got.Decision != policy.ExplicitDeny || got.Document != 1 || got.Statement != &docs[1].Statements[1] || got.Statement.Sid != "No" {
		t.Errorf("Evaluate(s3:PutObject): got %+v", got)
	}
	got = policy.Evaluate(policy.Question{Action: "s3:GetObject", Resource: "arn:aws:s3:::b/x"}, docs...)
	if got.Decision != policy.Allowed || got.Document != 0 || got.Statement != &docs[0].Statements[0] {
		t.Errorf("Evaluate(s3:GetObject): got %+v", got)
	}
	if got := policy.Evaluate(policy.Question{Action: "s3:GetObject"}); got.Decision != policy.ImplicitDeny || got.Statement != nil {
		t.Errorf("Evaluate of no document: got %+v", got)
	}
}

// TestTwoSpellingsOfAContextKey asks often, as the order of a map varies.
func TestTwoSpellingsOfAContextKey(t *testing.T) {
	docs := parse(t, `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"StringEquals": {"k:key": "1"}}}]}`)
	for range 50 {
		q := policy.Question{Action: "a:b", Context: map[string][]string{"K:KEY": {"1"}, "K:key": {"2"}, "": {"3"}}}
		if got := policy.Evaluate(q, docs...); got.Decision != policy.Allowed {
			t.Fatalf("Evaluate: got %s, want the value of K:KEY, the first in order", got.Decision)
		}
	}
}
