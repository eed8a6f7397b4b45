package policy

import (
	"slices"
	"strings"
)

// variablesSince is the version of the policy language that has variables. In
// the older one, which is also what a missing Version means, ${aws:username}
// is plain text.
const variablesSince = "2012-10-17"

// Evaluate answers a question as AWS does for the union of several policies of
// one type, such as all session policies of one session: any Deny that applies
// wins, else any Allow (IAM user guide, "Policy evaluation logic").
func Evaluate(q Question, docs ...*Document) Verdict {
	e := newEvaluation(q)
	var v Verdict
	var misses []miss
	for i, d := range docs {
		e.variables = d.Version == variablesSince
		for j := range d.Statements {
			s := &d.Statements[j]
			m := miss{decision: s.decision(), from: len(e.missing)}
			// Statements that can no longer change the decision are
			// looked at as well: which they are is known at the end.
			m.applies = e.applies(s) == yes
			if m.applies && m.decision > v.Decision {
				v.Decision, v.Statement, v.Document = m.decision, s, i
			}
			if m.to = len(e.missing); m.to > m.from {
				misses = append(misses, m)
			}
		}
	}
	v.Missing = e.missed(v.Decision, misses)
	return v
}

// decision returns what a statement decides where it applies.
func (s *Statement) decision() Decision {
	if s.Allow {
		return Allowed
	}
	return ExplicitDeny
}

// miss says which of an evaluation's missing keys a statement asked for, and
// what became of it.
type miss struct {
	decision Decision
	applies  bool
	from, to int
}

// evaluation is one question on its way through some statements.
type evaluation struct {
	context          map[string][]string
	action, resource glob
	// variables says whether the document at hand has any.
	variables bool
	// open says that a key which the question does not mention may have
	// any value or none, where it would otherwise count as absent.
	open    bool
	missing []string
	// holes counts the variables of the pattern at hand whose value is open.
	holes int
	// scratch is where patterns are compiled, one after the other.
	scratch glob
}

func newEvaluation(q Question) *evaluation {
	e := &evaluation{context: q.Context, scratch: make(glob, 0, 128)}
	both := make(glob, 0, len(q.Action)+len(q.Resource)+1)
	e.action = characters(both, q.Action).lower()
	resource := q.Resource
	if resource == "" {
		resource = "*"
	}
	e.resource = characters(e.action[len(e.action):], resource)
	return e
}

// applies tells whether a statement is about the question.
func (e *evaluation) applies(s *Statement) truth {
	if !e.aboutAction(s) {
		return no
	}
	before := len(e.missing)
	about := e.aboutResource(s)
	if about == no {
		return no
	}
	holds := e.allHold(s.Conditions, s.Allow)
	if e.open && holds == no {
		e.missing = e.missing[:before]
	}
	return min(about, holds)
}

func (e *evaluation) aboutAction(s *Statement) bool {
	if len(s.NotActions) > 0 {
		return !e.anyAction(s.NotActions)
	}
	return e.anyAction(s.Actions)
}

func (e *evaluation) anyAction(patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matchAction(p, e.action) })
}

func (e *evaluation) aboutResource(s *Statement) truth {
	if len(s.NotResources) > 0 {
		return e.anyResource(s.NotResources).not()
	}
	return e.anyResource(s.Resources)
}

func (e *evaluation) anyResource(patterns []string) truth {
	return e.any(patterns, func(p string) truth {
		g, ok := e.compile(p, inResource)
		return e.hit(ok && g.covers(e.resource))
	})
}

// compile compiles a pattern of the document at hand. What it returns is good
// until the next call.
func (e *evaluation) compile(pattern string, w wildcards) (glob, bool) {
	e.holes = 0
	if !e.variables || !strings.Contains(pattern, "${") {
		e.scratch = compile(e.scratch[:0], pattern, w)
		return e.scratch, true
	}
	g, ok := compileVariables(e.scratch[:0], pattern, w, e.replace)
	if ok {
		e.scratch = g
	}
	return g, ok
}

// lookup returns the values of a context key, whatever case it is written in,
// and whether the question mentions it.
func (e *evaluation) lookup(key string) (values []string, given bool) {
	if values, ok := e.context[key]; ok {
		return values, true
	}
	// Of two spellings the first in order counts: a map has no order, and an
	// answer must not depend on it.
	found, ok := "", false
	for k := range e.context {
		if strings.EqualFold(k, key) && (!ok || k < found) {
			found, ok = k, true
		}
	}
	return e.context[found], ok
}

func (e *evaluation) lacks(key string) { e.missing = append(e.missing, key) }

// missed returns the missing keys that could change the decision: those of
// statements that made it, and of others that would have made a stronger one.
func (e *evaluation) missed(decision Decision, misses []miss) []string {
	var keys []string
	for _, m := range misses {
		if m.decision > decision || m.applies && m.decision == decision {
			keys = append(keys, e.missing[m.from:m.to]...)
		}
	}
	slices.SortFunc(keys, func(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) })
	return slices.CompactFunc(keys, strings.EqualFold)
}
