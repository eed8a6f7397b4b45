package policy_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/policy"
)

// shorthand writes a policy in a line for each statement: effect, actions and
// resources with commas, and perhaps a condition in JSON.
func shorthand(t testing.TB, lines ...string) []policy.Named {
	t.Helper()
	var statements []string
	for _, line := range lines {
		part := strings.SplitN(line, " ", 4)
		list := func(s string) string { text, _ := json.Marshal(strings.Split(s, ",")); return string(text) }
		s := fmt.Sprintf(`{"Effect":%q,"Action":%s,"Resource":%s`, part[0], list(part[1]), list(part[2]))
		if len(part) > 3 {
			s += `,"Condition":` + part[3]
		}
		statements = append(statements, s+"}")
	}
	return named(t, `{"Version":"2012-10-17","Statement":[`+strings.Join(statements, ",")+`]}`)
}

// summary writes changes in a line each: + for a certain one, ? for another.
func summary(changes []policy.Change) []string {
	var all []string
	for _, c := range changes {
		line := "? "
		if c.Certain {
			line = "+ "
		}
		line += c.Action + " on " + c.Resource
		if c.Conditional {
			line += " on conditions"
		}
		line += ": " + c.Reason
		if c.DeniedBy != nil {
			line += fmt.Sprintf(" (statement %d)", c.DeniedBy.Statement)
		}
		if c.Example != nil {
			text, _ := json.Marshal(c.Example.Context)
			line += ", as " + c.Example.Action + " on " + c.Example.Resource + " " + strings.Replace(string(text), "null", "{}", 1)
		}
		all = append(all, line)
	}
	return all
}

func TestDiff(t *testing.T) {
	const (
		objects = "arn:aws:s3:::b/*"
		region  = `{"StringEquals":{"aws:RequestedRegion":"us-west-1"}}`
	)
	for _, row := range []struct {
		name         string
		a, b         []string
		onlyA, onlyB []string
	}{
		{"the same, in other words", []string{"Allow s3:GetObject,s3:PutObject " + objects}, []string{"Allow s3:PutObject " + objects, "Allow S3:getobject " + objects}, nil, nil},
		{"an action more", []string{"Allow s3:GetObject " + objects}, []string{"Allow s3:GetObject,s3:DeleteObject " + objects},
			nil, []string{"+ s3:DeleteObject on arn:aws:s3:::b/*: the other side has no statement that lets it through, as s3:DeleteObject on arn:aws:s3:::b/example {}"}},
		{"a wider resource", []string{"Allow s3:GetObject arn:aws:s3:::b/home/*"}, []string{"Allow s3:GetObject " + objects},
			nil, []string{"+ s3:GetObject on arn:aws:s3:::b/*: the other side lets only a part of it through, as s3:GetObject on arn:aws:s3:::b/example {}"}},
		{"a wider action, of a service whose actions are known", []string{"Allow s3:GetObject " + objects}, []string{"Allow s3:Get* " + objects},
			nil, []string{"+ s3:Get* on arn:aws:s3:::b/*: the other side lets only a part of it through, as s3:GetObjectRetention on arn:aws:s3:::b/example {}"}},
		{"all actions of another service", []string{"Allow s3:GetObject " + objects}, []string{"Allow s3:GetObject " + objects, "Allow kms:* *"},
			nil, []string{"+ kms:* on *: the other side has no statement that lets it through"}},
		{"a wildcard in the place of all that there are", []string{"Allow kms:Decrypt,kms:Encrypt *"}, []string{"Allow kms:*crypt *"},
			nil, []string{"? kms:*crypt on *: the other side may let through a part of it, or all"}},
		{"a Deny more", []string{"Allow s3:* *"}, []string{"Allow s3:* *", "Deny s3:* arn:aws:s3:::*/secret/*"},
			[]string{"+ s3:* on arn:aws:s3:::*/secret/*: the other side denies it (statement 1), as s3:GetObject on arn:aws:s3:::example/secret/example {}"}, nil},
		{"a Deny of what was not let through", []string{"Allow s3:GetObject " + objects}, []string{"Allow s3:GetObject " + objects, "Deny s3:PutObject *", "Deny s3:* arn:aws:s3:::c/*"}, nil, nil},
		{"a Deny on both sides", []string{"Allow s3:* *", "Deny s3:Delete* *"}, []string{"Deny s3:Delete* *", "Allow s3:* *"}, nil, nil},
		{"a narrower Deny", []string{"Allow s3:* *", "Deny s3:Delete* *"}, []string{"Allow s3:* *", "Deny s3:DeleteBucket *"},
			nil, []string{"+ s3:Delete* on *: the other side denies it (statement 1), as s3:DeleteObject on arn:aws:s3:::example/x {}"}},
		{"an Allow that its own Deny undoes", []string{"Allow s3:GetObject " + objects}, []string{"Allow s3:GetObject,iam:CreateUser *", "Deny iam:* *", "Deny s3:* *"},
			[]string{"+ s3:GetObject on arn:aws:s3:::b/*: the other side denies it (statement 2), as s3:GetObject on arn:aws:s3:::b/example {}"}, nil},
		{"a condition more", []string{"Allow ec2:RunInstances *"}, []string{"Allow ec2:RunInstances * " + region},
			[]string{`+ ec2:RunInstances on *: the other side lets only a part of it through, as ec2:RunInstances on * {"aws:RequestedRegion":["other"]}`}, nil},
		{"another condition", []string{"Allow ec2:RunInstances * " + region}, []string{`Allow ec2:RunInstances * {"StringEquals":{"aws:RequestedRegion":"us-east-1"}}`},
			[]string{`+ ec2:RunInstances on * on conditions: the other side lets only a part of it through, as ec2:RunInstances on * {"aws:RequestedRegion":["us-west-1"]}`},
			[]string{`+ ec2:RunInstances on * on conditions: the other side lets only a part of it through, as ec2:RunInstances on * {"aws:RequestedRegion":["us-east-1"]}`}},
		{"a condition that nobody can fulfil here", nil, []string{`Allow sqs:SendMessage * {"NumericLessThan":{"k:n":"1"}}`},
			nil, []string{"? sqs:SendMessage on * on conditions: the other side has no statement that lets it through"}},
		{"a Deny on a condition that nobody can fulfil here", []string{"Allow sqs:* *"}, []string{"Allow sqs:* *", `Deny sqs:* * {"NumericLessThan":{"k:n":"1"}}`},
			[]string{"? sqs:* on *: the other side may deny a part of it, or all (statement 1)"}, nil},
		{"a Deny without MFA", []string{"Allow s3:* *"}, []string{"Allow s3:* *", `Deny s3:DeleteBucket * {"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}`},
			[]string{`+ s3:DeleteBucket on *: the other side denies it (statement 1), as s3:DeleteBucket on arn:aws:s3:::example {"aws:MultiFactorAuthPresent":["false"]}`}, nil},
		{"a folder of each person", []string{"Allow s3:GetObject arn:aws:s3:::b/${aws:username}/*"}, []string{"Allow s3:GetObject " + objects},
			nil, []string{"+ s3:GetObject on arn:aws:s3:::b/*: the other side lets only a part of it through, as s3:GetObject on arn:aws:s3:::b/example {}"}},
		{"addresses", nil, []string{`Allow s3:GetObject * {"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`},
			nil, []string{`+ s3:GetObject on * on conditions: the other side has no statement that lets it through, as s3:GetObject on arn:aws:s3:::example/x {"aws:SourceIp":["192.0.2.0"]}`}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var a, b []policy.Named
			if row.a != nil {
				a = shorthand(t, row.a...)
			}
			b = shorthand(t, row.b...)
			got := policy.Diff(a, b)
			if !slices.Equal(summary(got.OnlyA), row.onlyA) || !slices.Equal(summary(got.OnlyB), row.onlyB) || got.Incomplete || got.Same != (row.onlyA == nil && row.onlyB == nil) {
				t.Errorf("Diff: got same %t, incomplete %t\n A %q\n B %q\nwant\n A %q\n B %q", got.Same, got.Incomplete, summary(got.OnlyA), summary(got.OnlyB), row.onlyA, row.onlyB)
			}
		})
	}
}

// TestDiffOfWhatIsNotAtHand has policies without a text: nothing is certain
// that they could undo.
func TestDiffOfWhatIsNotAtHand(t *testing.T) {
	get, all, none := shorthand(t, "Allow s3:GetObject arn:aws:s3:::b/*"), shorthand(t, "Allow s3:GetObject *"), shorthand(t, "Allow s3:GetObject *", "Deny s3:GetObject *")
	managed := func(p []policy.Named) []policy.Named {
		return append(slices.Clone(p), policy.Named{Name: "arn:managed"})
	}
	for _, row := range []struct {
		name  string
		a, b  []policy.Named
		onlyB []string
		same  bool
	}{
		{"on both sides", managed(all), managed(all), nil, true},
		{"on one side", all, managed(all), nil, false},
		{"that may let it through as well", managed(get), all, []string{"? s3:GetObject on *: the other side may let it through by a policy whose text is not at hand"}, false},
		{"that may deny it", get, managed(all), []string{"? s3:GetObject on *: a policy of this side whose text is not at hand may deny it"}, false},
		{"that cannot undo a Deny", managed(none), all, []string{"+ s3:GetObject on *: the other side denies it (statement 1), as s3:GetObject on arn:aws:s3:::example/x {}"}, false},
	} {
		got := policy.Diff(row.a, row.b)
		if !slices.Equal(summary(got.OnlyB), row.onlyB) || got.Same != row.same {
			t.Errorf("%s: Diff: got same %t, %q, want %t, %q", row.name, got.Same, summary(got.OnlyB), row.same, row.onlyB)
		}
	}
	if got := policy.Diff(managed(all), all); !slices.Equal(got.UnreadA, []string{"arn:managed"}) || got.UnreadB != nil {
		t.Errorf("Diff: got %q and %q unread", got.UnreadA, got.UnreadB)
	}
}
