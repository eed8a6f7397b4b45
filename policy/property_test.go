package policy_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/vendord/vendord/policy"
)

// maker makes policies and questions out of few words, so that they often
// have to do with each other.
type maker struct{ *rand.Rand }

func pick[T any](m maker, from ...T) T { return from[m.IntN(len(from))] }

func some[T any](m maker, one func() T) []T {
	var all []T
	for range 1 + m.IntN(2) {
		all = append(all, one())
	}
	return all
}

func (m maker) action() string {
	return pick(m, "*", "s3:*", "s3:Get*", "s3:GetObject", "S3:getobject", "s3:PutObject", "s3:?etObject")
}

func (m maker) resource() string {
	return pick(m, "*", "arn:aws:s3:::*", "arn:aws:s3:::b", "arn:aws:s3:::b/*", "arn:aws:s3:::b/${k:a}", "arn:aws:s3:::b/${k:b, 'y'}/*", "arn:*:s3:::?/x")
}

func (m maker) condition() policy.Condition {
	operator := pick(m, "", "", "ForAllValues:", "ForAnyValue:") +
		pick(m, "StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "NumericLessThan", "Bool", "ArnLike", "NotIpAddress") +
		pick(m, "", "", "IfExists")
	if m.IntN(6) == 0 {
		operator = "Null"
	}
	return policy.Condition{Operator: operator, Key: pick(m, "k:a", "K:A", "k:b"),
		Values: some(m, func() string { return pick(m, "x", "y*", "${k:b}", "5", "true", "10.0.0.1") })}
}

func (m maker) statement(allow bool) policy.Statement {
	s := policy.Statement{Allow: allow}
	actions, resources := some(m, m.action), some(m, m.resource)
	if s.Actions = actions; m.IntN(5) == 0 {
		s.Actions, s.NotActions = nil, actions
	}
	if s.Resources = resources; m.IntN(5) == 0 {
		s.Resources, s.NotResources = nil, resources
	}
	for range m.IntN(3) {
		s.Conditions = append(s.Conditions, m.condition())
	}
	return s
}

func (m maker) document() *policy.Document {
	d := &policy.Document{Version: pick(m, "2012-10-17", "2012-10-17", "")}
	for range m.IntN(4) {
		d.Statements = append(d.Statements, m.statement(m.IntN(3) > 0))
	}
	return d
}

func (m maker) question() policy.Question {
	q := policy.Question{Action: pick(m, "s3:GetObject", "s3:PutObject", "iam:ListUsers"),
		Resource: pick(m, "", "arn:aws:s3:::b", "arn:aws:s3:::b/x", "arn:aws:s3:::b/y/z"), Context: map[string][]string{}}
	for _, key := range []string{"k:a", "k:b"} {
		if m.IntN(2) == 0 {
			q.Context[key] = some(m, func() string { return pick(m, "x", "y", "4", "true", "10.0.0.1", "") })
		}
	}
	return q
}

const rounds = 5_000

func newMaker(t *testing.T) maker {
	const seed = 20261121
	t.Logf("seed %d", seed)
	return maker{rand.New(rand.NewPCG(seed, 0))}
}

// denyAll is a document that denies whatever there is.
var denyAll = &policy.Document{Statements: []policy.Statement{{Actions: []string{"*"}, Resources: []string{"*"}}}}

func TestAnExplicitDenyAlwaysWins(t *testing.T) {
	m := newMaker(t)
	for range rounds {
		q, docs := m.question(), []*policy.Document{m.document(), m.document()}
		docs = slices.Insert(docs, m.IntN(3), denyAll)
		if got := policy.Evaluate(q, docs...); got.Decision != policy.ExplicitDeny || got.Statement == nil {
			t.Fatalf("Evaluate(%+v): got %+v, want an explicit deny", q, got)
		}
	}
}

// TestMoreAllowsNeverTakeAway also checks the other half: more denies never
// give.
func TestMoreAllowsNeverTakeAway(t *testing.T) {
	m := newMaker(t)
	for range rounds {
		q, d := m.question(), m.document()
		before := policy.Evaluate(q, d).Decision
		allow := m.IntN(2) == 0
		more := *d
		more.Statements = slices.Insert(slices.Clone(d.Statements), m.IntN(len(d.Statements)+1), m.statement(allow))
		after := policy.Evaluate(q, &more).Decision
		if allow && before != policy.ImplicitDeny && after != before {
			t.Fatalf("Evaluate(%+v) with one Allow more: got %s, want %s\n%+v", q, after, before, more)
		}
		if !allow && before != policy.Allowed && after == policy.Allowed {
			t.Fatalf("Evaluate(%+v) with one Deny more: got %s, want %s\n%+v", q, after, before, more)
		}
	}
}

// TestMissingIsAllThatIsMissing checks that no value of a key that is not
// named as missing changes a decision, and that the order of documents and
// statements makes no difference.
func TestMissingIsAllThatIsMissing(t *testing.T) {
	m := newMaker(t)
	for range rounds {
		q, d := m.question(), m.document()
		before := policy.Evaluate(q, d)
		reversed := *d
		reversed.Statements = slices.Clone(d.Statements)
		slices.Reverse(reversed.Statements)
		if got := policy.Evaluate(q, &reversed); got.Decision != before.Decision || !sameKeys(got.Missing, before.Missing) {
			t.Fatalf("Evaluate(%+v) the other way round: got %+v, want %+v\n%+v", q, got, before, d)
		}
		for _, key := range []string{"k:a", "k:b"} {
			if q.Context[key] != nil || slices.ContainsFunc(before.Missing, func(missing string) bool { return missing == key || missing == "K:A" && key == "k:a" }) {
				continue
			}
			q.Context[key] = []string{pick(m, "x", "y", "4", "true")}
			if got := policy.Evaluate(q, d); got.Decision != before.Decision {
				t.Fatalf("Evaluate(%+v): got %s with %s, %s without, and it was not called missing\n%+v", q, got.Decision, key, before.Decision, d)
			}
			delete(q.Context, key)
		}
	}
}

// sameKeys compares missing keys but for their spelling.
func sameKeys(a, b []string) bool { return len(a) == len(b) }

// TestBeyondIsRight asks questions of pairs of policies: where Beyond says
// that a child stays within its parent, the parent must allow all that the
// child allows, as long as neither denies anything.
func TestBeyondIsRight(t *testing.T) {
	m := newMaker(t)
	within := 0
	for range rounds {
		child, parent := m.document(), m.document()
		for _, d := range []*policy.Document{child, parent} {
			d.Statements = slices.DeleteFunc(d.Statements, func(s policy.Statement) bool { return !s.Allow })
		}
		if len(child.Statements) == 0 || policy.Beyond([]*policy.Document{child}, []*policy.Document{parent}) != nil {
			continue
		}
		within++
		for range 10 {
			q := m.question()
			if policy.Evaluate(q, child).Decision == policy.Allowed && policy.Evaluate(q, parent).Decision != policy.Allowed {
				t.Fatalf("Beyond: got nothing, and only the child allows %+v\nchild %+v\nparent %+v", q, child, parent)
			}
		}
	}
	if within < rounds/100 {
		t.Errorf("only %d of %d pairs were within, too few to tell", within, rounds)
	}
}

func FuzzEvaluate(f *testing.F) {
	f.Add("StringEqualsIfExists", "k:a", "${k:b, 'x'}", "s3:*", "arn:aws:s3:::${k:a}/*", "s3:Get", "arn:aws:s3:::x/y", "x")
	f.Add("ForAllValues:DateLessThan", "k:a", "2026", "*", "*", "", "", "1e5")
	f.Add("NumericEquals", "k:a", "-.5", "*", "*", "", "", "-0.50")
	f.Add("IpAddress", "K:a", "10.0.0.0/8", "*", "*", "", "", "::ffff:10.0.0.1")
	f.Fuzz(func(t *testing.T, operator, key, wanted, action, resource, askAction, askResource, value string) {
		d := &policy.Document{Version: "2012-10-17", Statements: []policy.Statement{{Allow: true, Actions: []string{action}, Resources: []string{resource},
			Conditions: []policy.Condition{{Operator: operator, Key: key, Values: []string{wanted}}}}}}
		q := policy.Question{Action: askAction, Resource: askResource, Context: map[string][]string{"k:a": {value}}}
		got := policy.Evaluate(q, d)
		if again := policy.Evaluate(q, d); again.Decision != got.Decision {
			t.Errorf("Evaluate(%+v, %+v): got %s, then %s", q, d, got.Decision, again.Decision)
		}
		if denied := policy.Evaluate(q, d, denyAll); denied.Decision != policy.ExplicitDeny {
			t.Errorf("Evaluate(%+v, %+v) and a deny: got %s", q, d, denied.Decision)
		}
		d.LetsThrough()
		if beyond := policy.Beyond([]*policy.Document{d}, []*policy.Document{d}); beyond != nil {
			t.Errorf("Beyond(%+v) of itself: got %+v", d, beyond)
		}
	})
}
