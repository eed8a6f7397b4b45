package policy

import (
	"fmt"
	"slices"
	"strings"
)

// Explain answers a question as Evaluate does, for all layers together, and
// says why. It never decides by what it was not told: where a context key that
// the question does not mention, or a policy without a text, could change
// whether the request is blocked, the answer is Unknown. So an answer other
// than Unknown holds for every value of the missing keys, though one that is
// Unknown may turn out the same for all of them.
func Explain(in Inputs, q Question) Explanation {
	e := newEvaluation(q)
	e.open = true
	var layers []*layer
	if !in.NoSession {
		layers = append(layers, e.weigh(SessionLayer, in.Session))
	}
	if len(in.Scope) > 0 {
		layers = append(layers, e.weigh(ScopeLayer, in.Scope))
	}
	if len(in.Identity) > 0 {
		layers = append(layers, e.weigh(IdentityLayer, in.Identity))
	}
	return e.conclude(layers, q)
}

// layer is what the policies of one layer say, all together.
type layer struct {
	kind Layer
	// policies is how many there are.
	policies int
	// allow and deny tell whether an Allow, and a Deny, applies.
	allow, deny truth
	statements  []weighed
	unread      []string
}

// weighed is a statement and whether it applies.
type weighed struct {
	*Statement
	Place
	applies truth
	// variables are those of its document.
	variables bool
	missing   []string
}

func (e *evaluation) weigh(kind Layer, policies []Named) *layer {
	l := &layer{kind: kind, policies: len(policies)}
	for _, p := range policies {
		if p.Document == nil {
			l.unread = append(l.unread, p.Name)
			l.allow, l.deny = max(l.allow, maybe), max(l.deny, maybe)
			continue
		}
		e.variables = p.Document.Version == variablesSince
		for i := range p.Document.Statements {
			s := &p.Document.Statements[i]
			e.missing = e.missing[:0]
			w := weighed{Statement: s, Place: s.place(kind, p.Name), applies: e.applies(s), variables: e.variables}
			if w.applies == maybe {
				w.missing = distinct(e.missing)
			}
			if s.Allow {
				l.allow = max(l.allow, w.applies)
			} else {
				l.deny = max(l.deny, w.applies)
			}
			l.statements = append(l.statements, w)
		}
	}
	return l
}

func (e *evaluation) conclude(layers []*layer, q Question) Explanation {
	allow, deny := yes, no
	var blocking []*layer
	for _, l := range layers {
		allow, deny = min(allow, l.allow), max(deny, l.deny)
		if l.allow == no {
			blocking = append(blocking, l)
		}
	}
	var x Explanation
	switch {
	case deny == yes:
		x.Decision = DeniedExplicitly
		x.By = deciding(layers, func(w weighed) bool { return !w.Allow && w.applies == yes })
		x.Reason = fmt.Sprintf("a Deny of %s applies", x.By[0].Layer.policies())
	case allow == no:
		x.Decision = DeniedImplicitly
		for _, l := range blocking {
			x.BlockedBy = append(x.BlockedBy, l.kind)
		}
		x.Reason = withoutAllow(blocking)
		x.Near = e.nearMisses(layers, q)
	case allow == maybe || deny == maybe:
		x.Decision = Unknown
		x.By = undecided(layers)
		x.Missing, x.Unread = open(layers, x.By)
		x.Reason = dependence(x.Missing, x.Unread)
		x.Near = e.nearMisses(layers, q)
	default:
		x.Decision = NotBlocked
		x.By = deciding(layers, func(w weighed) bool { return w.Allow && w.applies == yes })
		x.Reason = passed(layers)
	}
	return x
}

// deciding returns the statements for which is holds, in order.
func deciding(layers []*layer, is func(weighed) bool) []Deciding {
	var by []Deciding
	for _, l := range layers {
		for _, w := range l.statements {
			if is(w) {
				by = append(by, Deciding{Place: w.Place, DependsOn: w.missing})
			}
		}
	}
	return by
}

// undecided returns the statements that an unknown answer depends on. Where an
// Allow certainly applies, others of its layer that may apply add nothing.
func undecided(layers []*layer) []Deciding {
	var by []Deciding
	for _, l := range layers {
		by = append(by, deciding([]*layer{l}, func(w weighed) bool {
			return w.Allow && w.applies == l.allow && w.applies != no || !w.Allow && w.applies == maybe
		})...)
	}
	return by
}

// open returns the context keys and the policies that an unknown answer
// depends on.
func open(layers []*layer, by []Deciding) (missing, unread []string) {
	for _, d := range by {
		missing = append(missing, d.DependsOn...)
	}
	for _, l := range layers {
		unread = append(unread, l.unread...)
	}
	return distinct(missing), unread
}

// distinct returns context keys sorted, each in one spelling.
func distinct(keys []string) []string {
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b string) int {
		if c := strings.Compare(strings.ToLower(a), strings.ToLower(b)); c != 0 {
			return c
		}
		return strings.Compare(a, b)
	})
	return slices.CompactFunc(keys, strings.EqualFold)
}

// policies names a layer's policies for a message.
func (l Layer) policies() string {
	switch l {
	case ScopeLayer:
		return "the scope policy"
	case IdentityLayer:
		return "the identity policies given"
	default:
		return "the session policies"
	}
}

func names(layers []*layer) string {
	var all []string
	for _, l := range layers {
		all = append(all, l.kind.policies())
	}
	return strings.Join(all, " and ")
}

func withoutAllow(blocking []*layer) string {
	if len(blocking) == 1 && blocking[0].policies == 0 {
		return "the session has no session policy, without which a session of its kind may do nothing"
	}
	return "no statement of " + names(blocking) + " lets it through"
}

func passed(layers []*layer) string {
	if len(layers) == 0 {
		return "there is no session policy that could block it"
	}
	return "let through by " + names(layers)
}

func dependence(missing, unread []string) string {
	var on []string
	if len(missing) > 0 {
		on = append(on, "context keys that were not given: "+joined(missing))
	}
	if len(unread) > 0 {
		on = append(on, "policies whose text is not at hand: "+joined(unread))
	}
	return "it depends on " + strings.Join(on, ", and on ")
}
