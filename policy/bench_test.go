package policy_test

import (
	"testing"

	"github.com/vendord/vendord/policy"
)

// typical is a policy near the limit of 2,048 characters, made of what people
// write.
func typical(b *testing.B) []byte {
	text := `{"Version": "2012-10-17", "Statement": [`
	const statement = `
  {"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject", "s3:PutObject*", "s3:AbortMultipartUpload"],
   "Resource": ["arn:aws:s3:::company1-hr", "arn:aws:s3:::company1-hr/${aws:PrincipalTag/team, 'all'}/*"],
   "Condition": {"StringLikeIfExists": {"s3:prefix": ["home/*", "${aws:PrincipalTag/team}/*"]}, "IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "203.0.113.0/24"]}}}`
	for len(text)+len(statement) < 2048 {
		text += statement + ","
	}
	return []byte(text[:len(text)-1] + "]}")
}

func BenchmarkCheck(b *testing.B) {
	text := typical(b)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		policy.Check(text, policy.Options{})
	}
}

func BenchmarkParse(b *testing.B) {
	text := typical(b)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := policy.Parse(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEvaluate(b *testing.B) {
	simple := parse(b, `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetObject"],
	  "Resource": ["arn:aws:s3:::company1-hr", "arn:aws:s3:::company1-hr/*"]}]}`)
	conditions := parse(b, `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*",
	  "Resource": "arn:aws:s3:::company1-hr/${aws:PrincipalTag/team, 'all'}/*", "Condition": {"StringLike": {"s3:prefix": ["a*", "b*"]},
	  "IpAddress": {"aws:SourceIp": "192.0.2.0/24"}, "DateLessThan": {"aws:CurrentTime": "2027-01-01T00:00:00Z"}, "NumericLessThan": {"s3:max-keys": "100"}}}]}`)
	q := policy.Question{Action: "s3:GetObject", Resource: "arn:aws:s3:::company1-hr/red/2026/report.csv", Context: map[string][]string{
		"aws:PrincipalTag/team": {"red"}, "s3:prefix": {"bc"}, "aws:SourceIp": {"192.0.2.7"}, "aws:CurrentTime": {"2026-11-21T12:00:00Z"}, "s3:max-keys": {"10"}}}
	for name, docs := range map[string][]*policy.Document{"simple": simple, "conditions": conditions} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if policy.Evaluate(q, docs...).Decision != policy.Allowed {
					b.Fatal("not allowed")
				}
			}
		})
	}
}

func BenchmarkExplain(b *testing.B) {
	docs := parse(b, string(typical(b)))
	given := map[string][]string{"aws:PrincipalTag/team": {"red"}, "s3:prefix": {"red/x"}, "aws:SourceIp": {"192.0.2.7"}}
	for _, row := range []struct {
		name, resource string
		context        map[string][]string
		want           policy.Answer
	}{
		{"not blocked", "arn:aws:s3:::company1-hr/red/2026/report.csv", given, policy.NotBlocked},
		{"blocked", "arn:aws:s3:::company2-hr/red/2026/report.csv", given, policy.DeniedImplicitly},
		{"unknown", "arn:aws:s3:::company1-hr/red/2026/report.csv", nil, policy.Unknown},
	} {
		b.Run(row.name, func(b *testing.B) {
			q := policy.Question{Action: "s3:GetObject", Resource: row.resource, Context: row.context}
			b.ReportAllocs()
			for b.Loop() {
				if got := policy.Explain(inSession(docs...), q); got.Decision != row.want {
					b.Fatal(got)
				}
			}
		})
	}
}

func BenchmarkDiff(b *testing.B) {
	before, after := inSession(parse(b, string(typical(b)))...).Session, inSession(parse(b, noSecrets)...).Session
	b.ReportAllocs()
	for b.Loop() {
		if d := policy.Diff(before, after); d.Same || d.Incomplete {
			b.Fatal(d)
		}
	}
}
