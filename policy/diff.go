package policy

import (
	"slices"
	"strings"
)

// Diff compares what two unions of policies let through. It compares patterns,
// as Beyond does, and takes the Deny statements of both sides into account. It
// leaves nothing out: whatever is let through by one side alone is within a
// Change, unless Incomplete says otherwise or a policy's text is not at hand.
// It reports more than that where it is unsure, and says so.
func Diff(a, b []Named) Difference {
	sideA, sideB := newSide(a), newSide(b)
	ab, ba := &comparer{left: mostWork, tries: mostTries}, &comparer{left: mostWork, tries: mostTries}
	d := Difference{OnlyA: ab.beyond(sideA, sideB), OnlyB: ba.beyond(sideB, sideA), UnreadA: sideA.unread, UnreadB: sideB.unread}
	d.Incomplete = min(ab.left, ba.left) < 0
	d.Same = len(d.OnlyA)+len(d.OnlyB) == 0 && !d.Incomplete &&
		slices.Equal(slices.Compact(slices.Sorted(slices.Values(d.UnreadA))), slices.Compact(slices.Sorted(slices.Values(d.UnreadB))))
	return d
}

const (
	// mostWork is how much Diff does in each direction before it gives up, in
	// comparisons of short patterns: enough for any policies that AWS takes,
	// and about a second. Ten thousand statements would otherwise take days.
	mostWork = 1 << 24
	// mostTries is how much more it does to find examples, in statements that
	// are evaluated: without one a Change is not certain, and no less true.
	mostTries = 1 << 21
	// mostChanges is how many of each side a person, or a program, can use.
	mostChanges = 1000
)

// comparer compares, until it has done enough.
type comparer struct{ left, tries int }

// spend reports whether there is work left, and takes some of it.
func (c *comparer) spend(work int) bool {
	if c.left >= 0 {
		c.left -= 1 + work
	}
	return c.left >= 0
}

// side is one of the two unions of policies.
type side struct {
	docs           []*Document
	allows, denies []sided
	unread         []string
	// size is what it takes to evaluate all of it once.
	size int
	// plainActions are the actions that it names without a wildcard, by
	// service.
	plainActions map[string][]string
}

// sided is a rule and the policy that it stands in.
type sided struct {
	rule
	policy string
	// byService are its actions that can have something in common with those
	// of a service; "" are those that may be of any. A policy of AWS's own
	// has thousands.
	byService map[string][]scope
}

func newSided(r rule, policy string) sided {
	s := sided{rule: r, policy: policy, byService: map[string][]scope{}}
	for _, a := range r.actions {
		s.byService[a.service()] = append(s.byService[a.service()], a)
	}
	for service := range s.byService {
		if service != "" {
			s.byService[service] = append(s.byService[service], s.byService[""]...)
		}
	}
	return s
}

// near returns the actions that can have something in common with one.
func (s sided) near(action scope) []scope {
	service := action.service()
	if service == "" {
		return s.actions
	}
	if of, ok := s.byService[service]; ok {
		return of
	}
	return s.byService[""]
}

// service returns the service that an action names, or nothing.
func (s scope) service() string {
	service, _, ok := strings.Cut(s.text, ":")
	if !ok || s.except != nil || !isPlain(service) {
		return ""
	}
	return strings.ToLower(service)
}

func newSide(policies []Named) *side {
	s := &side{plainActions: map[string][]string{}}
	for _, p := range policies {
		if p.Document == nil {
			s.unread = append(s.unread, p.Name)
			continue
		}
		s.docs = append(s.docs, p.Document)
		for _, r := range p.Document.rules(true) {
			s.allows = append(s.allows, newSided(r, p.Name))
		}
		for _, r := range p.Document.rules(false) {
			s.denies = append(s.denies, newSided(r, p.Name))
		}
	}
	for _, r := range slices.Concat(s.allows, s.denies) {
		s.size += 2 + len(r.actions) + len(r.resources)
		for _, a := range slices.Concat(r.Actions, r.NotActions) {
			if service, _, _ := strings.Cut(strings.ToLower(a), ":"); isPlain(a) {
				s.plainActions[service] = append(s.plainActions[service], a)
			}
		}
	}
	return s
}

// pair is one action on one resource of an Allow, as patterns.
type pair struct {
	allow            sided
	action, resource scope
	// deny is the Deny of the other side that is looked at, if one is.
	deny *sided
}

// beyond returns what x lets through and y does not, or may not.
func (c *comparer) beyond(x, y *side) []Change {
	changes := []Change{}
	seen := map[Permission]map[*Statement]bool{}
	for _, s := range x.allows {
		covers := c.coverage(s.rule, y.allows)
		for i, action := range s.actions {
			for j, resource := range s.resources {
				if !c.spend(len(covers.actions) + 4*len(x.denies) + 4*len(y.denies)) {
					return changes
				}
				for _, p := range c.differences(x, y, pair{allow: s, action: action, resource: resource}, covers.both(i, j)) {
					key := Permission{Action: p.action.text, Resource: p.resource.text, Conditional: len(s.Conditions) > 0}
					if seen[key] == nil {
						seen[key] = map[*Statement]bool{}
					}
					if seen[key][p.denying()] {
						continue
					}
					seen[key][p.denying()] = true
					if len(changes) == mostChanges {
						c.left = -1
					}
					if c.left < 0 {
						return changes
					}
					changes = append(changes, c.change(x, y, p, key))
				}
			}
		}
	}
	return changes
}

func (p pair) denying() *Statement {
	if p.deny == nil {
		return nil
	}
	return p.deny.Statement
}

// differences returns the parts of a pair of x that y lets through not, or
// perhaps not: all of it, or what a Deny of y takes away.
func (c *comparer) differences(x, y *side, p pair, covered bool) []pair {
	if c.denied(x.denies, p.allow.rule, []scope{p.action}, []scope{p.resource}) {
		return nil // x does not let it through itself
	}
	if !covered {
		return []pair{p}
	}
	var parts []pair
	for k := range y.denies {
		d := &y.denies[k]
		for _, action := range d.near(p.action) {
			if !c.overlap(action, p.action) {
				continue
			}
			for _, resource := range d.resources {
				if !c.overlap(resource, p.resource) {
					continue
				}
				// What the two have in common is within either.
				if !c.denied(x.denies, d.rule, []scope{action, p.action}, []scope{resource, p.resource}) {
					parts = append(parts, pair{allow: p.allow, action: c.narrower(action, p.action), resource: c.narrower(resource, p.resource), deny: d})
				}
			}
		}
	}
	return parts
}

// denied reports whether a Deny certainly applies to all that is within all of
// the actions and all of the resources, wherever the conditions of s hold.
func (c *comparer) denied(denies []sided, s rule, actions, resources []scope) bool {
	return slices.ContainsFunc(denies, func(d sided) bool {
		return slices.ContainsFunc(actions, func(a scope) bool { return c.anyContains(d.near(a), a) }) &&
			slices.ContainsFunc(resources, func(r scope) bool { return c.anyContains(d.resources, r) }) && c.meets(s, d.rule)
	})
}

// narrower returns the one of two overlapping patterns that lies within the
// other, or else the second.
func (c *comparer) narrower(a, b scope) scope {
	if c.contains(b, a) {
		return a
	}
	return b
}

// coverage says which statements of the other side cover which actions and
// resources of one: a pair is covered where one statement covers both.
type coverage struct{ actions, resources [][]bool }

func (c *comparer) coverage(s rule, others []sided) coverage {
	var v coverage
	for _, t := range others {
		if !c.meets(s, t.rule) {
			continue
		}
		actions, resources := make([]bool, len(s.actions)), make([]bool, len(s.resources))
		for i, a := range s.actions {
			actions[i] = c.anyContains(t.near(a), a)
		}
		for i, r := range s.resources {
			resources[i] = c.anyContains(t.resources, r)
		}
		v.actions, v.resources = append(v.actions, actions), append(v.resources, resources)
	}
	return v
}

func (v coverage) both(action, resource int) bool {
	for t := range v.actions {
		if v.actions[t][action] && v.resources[t][resource] {
			return true
		}
	}
	return false
}

// meets, contains and overlap are those of rule and scope while there is work
// left, and then the answer that hides no difference.
func (c *comparer) meets(s, wider rule) bool {
	work := len(s.Conditions) * len(wider.Conditions)
	for _, w := range wider.Conditions {
		work += len(w.Values) * (1 + len(s.Conditions))
	}
	return c.spend(work) && s.meets(wider)
}

func (c *comparer) anyContains(wide []scope, narrow scope) bool {
	return slices.ContainsFunc(wide, func(w scope) bool { return c.contains(w, narrow) })
}

func (c *comparer) contains(wide, narrow scope) bool {
	return c.spend(wide.work(narrow)) && wide.contains(narrow)
}

func (c *comparer) overlap(a, b scope) bool {
	return !c.spend(16*a.work(b)) || a.overlaps(b)
}

// work estimates what it takes to compare two scopes.
func (s scope) work(t scope) int {
	size := func(s scope) int {
		n := len(s.pattern)
		for _, e := range s.except {
			n += len(e)
		}
		return n
	}
	return size(s) * size(t) / 64
}

// overlaps reports whether two scopes may have a text in common.
func (s scope) overlaps(t scope) bool {
	switch {
	case s.except == nil && t.except == nil:
		return !s.pattern.disjoint(t.pattern)
	case s.except == nil:
		return !slices.ContainsFunc(t.except, func(e glob) bool { return e.covers(s.pattern) })
	case t.except == nil:
		return t.overlaps(s)
	default:
		return true
	}
}

// change says how certain a difference is, and why.
func (c *comparer) change(x, y *side, p pair, permission Permission) Change {
	ch := Change{Permission: permission, AllowedBy: p.allow.place("", p.allow.policy), Reason: reasonPartly}
	if p.deny != nil {
		place := p.deny.place("", p.deny.policy)
		ch.DeniedBy, ch.Reason = &place, reasonMayDeny
	}
	switch {
	case len(x.unread) > 0:
		ch.Reason = reasonOwnUnread
		return ch
	case len(y.unread) > 0 && p.deny == nil:
		ch.Reason = reasonUnread
		return ch
	}
	apart := p.deny == nil && !slices.ContainsFunc(y.allows, func(t sided) bool { return c.overlapsPair(t, p) })
	example, found := c.example(x, y, p)
	switch {
	case !found:
		if apart && len(p.allow.Conditions) > 0 {
			ch.Reason = reasonNotAllowed
		}
		return ch
	case p.deny != nil:
		ch.Reason = reasonDenied
	case apart:
		ch.Reason = reasonNotAllowed
	default:
		ch.Reason = reasonPart
	}
	ch.Certain, ch.Example = true, example
	return ch
}

func (c *comparer) overlapsPair(t sided, p pair) bool {
	return slices.ContainsFunc(t.near(p.action), func(s scope) bool { return c.overlap(s, p.action) }) &&
		slices.ContainsFunc(t.resources, func(s scope) bool { return c.overlap(s, p.resource) })
}
