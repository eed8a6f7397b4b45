package policy_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/vendord/vendord/policy"
)

func inSession(docs ...*policy.Document) policy.Inputs {
	var in policy.Inputs
	for _, d := range docs {
		in.Session = append(in.Session, policy.Named{Document: d})
	}
	return in
}

// asAnswers are what Explain says where Evaluate decides so.
var asAnswers = map[policy.Decision]policy.Answer{policy.Allowed: policy.NotBlocked, policy.ExplicitDeny: policy.DeniedExplicitly, policy.ImplicitDeny: policy.DeniedImplicitly}

// TestExplainAgreesWithEvaluate asks with keys that were not given, and then
// with values for them: what Explain was sure of must hold for all values, and
// what names no key must not depend on any.
func TestExplainAgreesWithEvaluate(t *testing.T) {
	m := newMaker(t)
	unknown := 0
	for range rounds {
		q, a, b := m.question(), m.document(), m.document()
		before := policy.Explain(inSession(a, b), q)
		if before.Decision == policy.Unknown {
			unknown++
		}
		if (before.Decision == policy.Unknown) != (len(before.Missing) > 0) {
			t.Fatalf("Explain(%+v): got %s with missing %q", q, before.Decision, before.Missing)
		}
		for range 4 {
			full := policy.Question{Action: q.Action, Resource: q.Resource, Context: map[string][]string{}}
			for _, key := range []string{"k:a", "k:b"} {
				switch values, given := q.Context[key]; {
				case given:
					full.Context[key] = values
				case m.IntN(3) == 0:
					full.Context[key] = nil
				default:
					full.Context[key] = some(m, func() string { return pick(m, "x", "y", "4", "true", "10.0.0.1", "") })
				}
			}
			after, decision := policy.Explain(inSession(a, b), full), policy.Evaluate(full, a, b).Decision
			if after.Decision != asAnswers[decision] || len(after.Missing) > 0 {
				t.Fatalf("Explain(%+v): got %s, missing %q, and Evaluate %s\n%+v\n%+v", full, after.Decision, after.Missing, decision, a, b)
			}
			blocked := before.Decision == policy.DeniedExplicitly || before.Decision == policy.DeniedImplicitly
			if before.Decision == policy.NotBlocked && decision != policy.Allowed || blocked && decision == policy.Allowed ||
				before.Decision == policy.DeniedExplicitly && decision != policy.ExplicitDeny {
				t.Fatalf("Explain(%+v): got %s, and for %+v Evaluate %s\n%+v\n%+v", q, before.Decision, full, decision, a, b)
			}
		}
	}
	if unknown < rounds/20 || unknown > rounds/2 {
		t.Errorf("%d of %d answers were unknown: too few or too many to tell", unknown, rounds)
	}
}

// TestMoreLayersNeverGive also checks what a statement more does: a Deny of
// everything wins from any layer, and an Allow never blocks.
func TestMoreLayersNeverGive(t *testing.T) {
	m := newMaker(t)
	for range rounds / 2 {
		q, in := m.question(), inSession(m.document())
		before := policy.Explain(in, q).Decision
		wider := in
		wider.Session = append(slices.Clone(in.Session), policy.Named{Document: &policy.Document{Version: "2012-10-17", Statements: []policy.Statement{m.statement(true)}}})
		if after := policy.Explain(wider, q).Decision; before == policy.NotBlocked && after != before {
			t.Fatalf("Explain(%+v) with one Allow more: got %s, want %s", q, after, before)
		}
		narrower := in
		narrower.Identity = []policy.Named{{Document: m.document()}}
		if after := policy.Explain(narrower, q).Decision; after == policy.NotBlocked && before != after {
			t.Fatalf("Explain(%+v) with another layer: got %s, want %s", q, after, before)
		}
		for _, denied := range []policy.Inputs{
			{Session: append(slices.Clone(in.Session), policy.Named{Document: denyAll})},
			{Session: in.Session, Scope: []policy.Named{{Document: denyAll}}}, {NoSession: true, Identity: []policy.Named{{Document: denyAll}}},
		} {
			if got := policy.Explain(denied, q); got.Decision != policy.DeniedExplicitly || len(got.By) == 0 {
				t.Fatalf("Explain(%+v) with a Deny of everything: got %+v", q, got)
			}
		}
	}
}

func TestOrderChangesOnlyWhichIsNamed(t *testing.T) {
	m := newMaker(t)
	for range rounds {
		q, d := m.question(), m.document()
		reversed := *d
		reversed.Statements = slices.Clone(d.Statements)
		slices.Reverse(reversed.Statements)
		one, other := policy.Explain(inSession(d), q), policy.Explain(inSession(&reversed), q)
		if one.Decision != other.Decision || !sameKeys(one.Missing, other.Missing) || len(one.By) != len(other.By) || !slices.Equal(one.BlockedBy, other.BlockedBy) {
			t.Fatalf("Explain(%+v): got %+v, and the other way round %+v\n%+v", q, one, other, d)
		}
	}
}

// TestDiffIsRight asks questions of pairs of unions, Deny statements and all:
// what one lets through alone must be within a Change, and an example must be
// one.
func TestDiffIsRight(t *testing.T) {
	m := newMaker(t)
	same, certain := 0, 0
	for range rounds / 10 {
		a, b := []*policy.Document{m.document(), m.document()}, []*policy.Document{m.document()}
		if m.IntN(3) == 0 {
			b = append(b, a[0])
		}
		d := policy.Diff(inSession(a...).Session, inSession(b...).Session)
		if d.Incomplete {
			t.Fatalf("Diff: got incomplete for\n%+v\n%+v", a, b)
		}
		if d.Same {
			same++
		}
		for range 10 {
			q := m.question()
			byA, byB := policy.Evaluate(q, a...).Decision == policy.Allowed, policy.Evaluate(q, b...).Decision == policy.Allowed
			if byA && !byB && len(d.OnlyA) == 0 || byB && !byA && len(d.OnlyB) == 0 {
				t.Fatalf("Diff: got %+v, and %+v is let through by one alone\n%+v\n%+v", d, q, a, b)
			}
		}
		for _, c := range d.OnlyA {
			if c.Example == nil {
				continue
			}
			certain++
			q := policy.Question{Action: c.Example.Action, Resource: c.Example.Resource, Context: c.Example.Context}
			if policy.Evaluate(q, a...).Decision != policy.Allowed || policy.Evaluate(q, b...).Decision == policy.Allowed || !c.Certain {
				t.Fatalf("Diff: got the example %+v, which is none\n%+v\n%+v", q, a, b)
			}
		}
	}
	if same < rounds/2000 || certain < rounds/100 {
		t.Errorf("%d pairs were the same and %d changes had an example: too few to tell", same, certain)
	}
}

// TestDiffIsBounded compares what is made to take for ever: thousands of
// statements, and patterns that divide a text in countless ways.
func TestDiffIsBounded(t *testing.T) {
	stars := strings.Repeat("a*", 40) + "b"
	for name, statement := range map[string]policy.Statement{
		"many pairs":   {Allow: true, Actions: slices.Repeat([]string{"s3:G*t*", "s3:*Object", "*:x"}, 700), Resources: slices.Repeat([]string{"arn:aws:s3:::b/*", "arn:aws:s3:::*/x"}, 700)},
		"wide":         {Allow: true, NotActions: slices.Repeat([]string{"s3:" + stars}, 400), NotResources: slices.Repeat([]string{"arn:aws:s3:::" + stars}, 400)},
		"a*a*a*b":      {Allow: true, Actions: []string{"s3:" + stars}, Resources: slices.Repeat([]string{"arn:*" + stars + ":" + stars + ":" + stars + ":" + stars + ":" + stars}, 300)},
		"many values":  {Allow: true, Actions: []string{"*"}, Resources: []string{"*"}, Conditions: slices.Repeat([]policy.Condition{{Operator: "StringLike", Key: "k:a", Values: slices.Repeat([]string{stars, "b"}, 500)}}, 20)},
		"many denials": {Actions: slices.Repeat([]string{"s3:G*", "s3:*t"}, 200), Resources: slices.Repeat([]string{"arn:aws:s3:::*/" + stars, "*"}, 200)},
	} {
		a := &policy.Document{Version: "2012-10-17", Statements: slices.Repeat([]policy.Statement{statement}, 20)}
		b := &policy.Document{Version: "2012-10-17", Statements: append(slices.Clone(a.Statements), policy.Statement{Allow: true, Actions: []string{"s3:?et*", "*"}, Resources: []string{"*"}})}
		start := time.Now()
		policy.Diff(inSession(a).Session, inSession(b).Session)
		policy.Explain(inSession(a, b), policy.Question{Action: "s3:" + strings.Repeat("a", 200), Resource: "arn:aws:s3:::" + strings.Repeat("a", 200)})
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
	}
}

// FuzzExplain: an answer has its reasons, is the same each time, and minified
// policies give the same one.
func FuzzExplain(f *testing.F) {
	for _, path := range glob(f, "testdata/good/*.json") {
		f.Add(readFile(f, path), []byte(noSecrets), "s3:GetObject", "arn:aws:s3:::company1-hr/x", "aws:username", "john")
	}
	stars := strings.Repeat("a*", 30)
	f.Add([]byte(strings.Replace(putObject, "b/*", stars+"b", 1)), []byte(teamFolder), "s3:PutObject", "arn:aws:s3:::"+strings.Repeat("a", 300), "", "")
	f.Fuzz(func(t *testing.T, text, other []byte, action, resource, key, value string) {
		d, err := policy.Parse(text)
		if err != nil {
			return
		}
		in := inSession(d)
		if o, err := policy.Parse(other); err == nil {
			in.Identity = []policy.Named{{Name: "other", Document: o}}
		}
		q := policy.Question{Action: action, Resource: resource, Context: map[string][]string{key: {value}}}
		got := policy.Explain(in, q)
		if got.Reason == "" || strings.ContainsAny(got.Reason, "\n\x1b") || len(got.Near) > 5 ||
			(got.Decision == policy.DeniedImplicitly) != (len(got.By) == 0) || (got.Decision == policy.Unknown) != (len(got.Missing) > 0) {
			t.Errorf("Explain(%q, %+v): got %+v", text, q, got)
		}
		for _, n := range got.Near {
			for _, failed := range n.Failed {
				if failed.Problem == "" || strings.ContainsAny(failed.Problem, "\n\x1b") {
					t.Errorf("Explain(%q, %+v): got the problem %q", text, q, failed.Problem)
				}
			}
		}
		short, err := policy.Minify(text)
		if err != nil {
			t.Fatal(err)
		}
		again, err := policy.Parse([]byte(short))
		if err != nil {
			t.Fatal(err)
		}
		for i := range again.Statements {
			again.Statements[i].Line = d.Statements[i].Line
		}
		in.Session = inSession(again).Session
		if minified := policy.Explain(in, q); !reflect.DeepEqual(minified, got) {
			t.Errorf("Explain(%q, %+v): got %+v, and minified %+v", text, q, got, minified)
		}
	})
}

// FuzzDiff: a policy is the same as itself, as far as anyone can tell; and what
// is certain has an example or no names for its actions.
func FuzzDiff(f *testing.F) {
	good := glob(f, "testdata/good/*.json")
	for i, path := range good {
		f.Add(readFile(f, path), readFile(f, good[(i+1)%len(good)]))
	}
	f.Add([]byte(strings.Replace(putObject, "b/*", strings.Repeat("a*", 40)+"b", 1)), []byte(strings.Replace(putObject, "b/*", strings.Repeat("*a", 40)+"${aws:username}?", 1)))
	f.Fuzz(func(t *testing.T, textA, textB []byte) {
		a, errA := policy.Parse(textA)
		b, errB := policy.Parse(textB)
		if errA != nil || errB != nil {
			return
		}
		for _, d := range []*policy.Document{a, b} {
			if self := policy.Diff(inSession(d).Session, inSession(d).Session); !self.Same && !self.Incomplete {
				t.Errorf("Diff(%q) with itself: got %+v", textA, self)
			}
		}
		ab, ba := policy.Diff(inSession(a).Session, inSession(b).Session), policy.Diff(inSession(b).Session, inSession(a).Session)
		if !reflect.DeepEqual(ab.OnlyA, ba.OnlyB) || !reflect.DeepEqual(ab.OnlyB, ba.OnlyA) || ab.Same != ba.Same {
			t.Errorf("Diff(%q, %q): got %+v, and the other way round %+v", textA, textB, ab, ba)
		}
		for _, c := range ab.OnlyA {
			if c.Example != nil && (!c.Certain || !utf8.ValidString(c.Reason) || c.Reason == "") {
				t.Errorf("Diff(%q, %q): got %+v", textA, textB, c)
			}
		}
	})
}
