package policy

import (
	"slices"
	"strings"
)

// Beyond returns what the child's Allow statements let through and no single
// Allow statement of the parent covers. It compares patterns, not requests,
// and reports when unsure: where two statements of the parent would cover a
// pair only together, where it cannot tell that NotAction or NotResource
// spares what the child names, or where a condition of the parent's is not
// among the child's as it is. Variables and templates can be anything.
//
// Deny statements are not looked at. Those of the child could only shorten
// the answer; those of the parent could lengthen it, so an empty answer does
// not say that the parent denies nothing of what the child allows.
func Beyond(child, parent []*Document) []Permission {
	var wider []rule
	for _, d := range parent {
		wider = append(wider, d.rules(true)...)
	}
	var beyond []Permission
	for _, d := range child {
		for _, a := range d.rules(true) {
			beyond = append(beyond, a.beyond(wider)...)
		}
	}
	return unique(beyond)
}

// rule is a statement, ready to be compared.
type rule struct {
	*Statement
	actions, resources []scope
	version            string
}

// scope is one pattern of a statement, or all that NotAction or NotResource
// leave.
type scope struct {
	text    string
	pattern glob
	except  []glob // not nil: all but these
}

// rules returns the Allow statements of a document, or its Denies.
func (d *Document) rules(allow bool) []rule {
	action := func(pattern string) glob { return compile(nil, pattern, anywhere).lower().sealed() }
	resource := func(pattern string) glob {
		if d.Version != variablesSince {
			return compile(nil, pattern, inResource).sealed()
		}
		g, _ := compileVariables(nil, pattern, inResource, unknown)
		return g.sealed()
	}
	var all []rule
	for i := range d.Statements {
		if s := &d.Statements[i]; s.Allow == allow {
			all = append(all, rule{Statement: s, actions: scopes(s.Actions, s.NotActions, action),
				resources: scopes(s.Resources, s.NotResources, resource), version: d.Version})
		}
	}
	return all
}

func scopes(patterns, excluded []string, compiled func(string) glob) []scope {
	var all []scope
	for _, text := range described(patterns, excluded) {
		s := scope{text: text}
		if len(excluded) == 0 {
			s.pattern = compiled(text)
		}
		for _, e := range excluded {
			s.except = append(s.except, compiled(e))
		}
		all = append(all, s)
	}
	return all
}

// sealed makes vendord's templates opaque, in place.
func (g glob) sealed() glob {
	for _, t := range templates {
		name := glob(t)
		for i := 0; i+len(name) <= len(g); i++ {
			if slices.Equal(g[i:i+len(name)], name) {
				for j := range name {
					g[i+j] = opaque - name[j]
				}
			}
		}
	}
	return g
}

// beyond returns the pairs of an Allow that none of the wider ones covers.
func (a rule) beyond(wider []rule) []Permission {
	var pairs []Permission
	for _, action := range a.actions {
		for _, resource := range a.resources {
			if !slices.ContainsFunc(wider, func(w rule) bool {
				return a.meets(w) && anyContains(w.actions, action) && anyContains(w.resources, resource)
			}) {
				pairs = append(pairs, Permission{Action: action.text, Resource: resource.text, Conditional: len(a.Conditions) > 0})
			}
		}
	}
	return pairs
}

// meets reports whether a statement has every condition that a wider one has:
// more of them make it narrower.
func (a rule) meets(wider rule) bool {
	return !slices.ContainsFunc(wider.Conditions, func(w Condition) bool {
		return !slices.ContainsFunc(a.Conditions, func(c Condition) bool {
			return c.Operator == w.Operator && strings.EqualFold(c.Key, w.Key) && sameValues(c.Values, w.Values) &&
				(a.version == wider.version || !strings.Contains(strings.Join(w.Values, ""), "${"))
		})
	})
}

// sameValues compares values whatever their order.
func sameValues(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

func anyContains(wide []scope, narrow scope) bool {
	return slices.ContainsFunc(wide, func(w scope) bool { return w.contains(narrow) })
}

// contains reports whether a scope certainly contains another.
func (s scope) contains(narrow scope) bool {
	switch {
	case s.except == nil && narrow.except == nil:
		return s.pattern.covers(narrow.pattern)
	case s.except == nil:
		return s.pattern.covers(glob{anyRun})
	case narrow.except == nil:
		return !slices.ContainsFunc(s.except, func(e glob) bool { return !e.disjoint(narrow.pattern) })
	default: // all but a contains all but a and b
		return !slices.ContainsFunc(s.except, func(e glob) bool {
			return !slices.ContainsFunc(narrow.except, func(n glob) bool { return n.covers(e) })
		})
	}
}
