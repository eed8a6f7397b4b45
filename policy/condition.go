package policy

import "slices"

// allHold reports whether all conditions of a statement hold. Keys that are
// missing count only where another condition has not failed for good.
func (e *evaluation) allHold(conditions []Condition, allow bool) bool {
	all, settled := true, false
	before := len(e.missing)
	for i := range conditions {
		missed := len(e.missing)
		if !e.holds(&conditions[i], allow) {
			all = false
			settled = settled || len(e.missing) == missed
		}
	}
	if settled {
		e.missing = e.missing[:before]
	}
	return all
}

// holds reports whether one condition holds (IAM user guide, "Condition
// operators" and "Set operators for multivalued context keys").
func (e *evaluation) holds(c *Condition, allow bool) bool {
	o, ok := parseOperator(c.Operator)
	if !ok {
		// Parse refuses such a document; one made by hand must not get
		// more permissions by a slip of the pen.
		return !allow
	}
	values := e.lookup(c.Key)
	absent := len(values) == 0
	if absent {
		e.lacks(c.Key)
	}
	switch {
	case o.null:
		return slices.ContainsFunc(c.Values, func(v string) bool { return isBool(v, absent) })
	case absent && (o.ifExists || o.set == forAllValues):
		return true
	case absent && o.set == forAnyValue:
		return false
	case absent:
		return o.negated
	}
	satisfies := func(value string) bool { return e.matchesAny(o, c.Values, value) != o.negated }
	fails := func(value string) bool { return !satisfies(value) }
	switch {
	case o.set == forAllValues:
		// An empty value counts as none: "a null data set, such as an
		// empty string" (the same guide).
		return !slices.ContainsFunc(values, func(v string) bool { return v != "" && fails(v) })
	case o.set == noSet && o.negated:
		// AWS gives such keys one value. With several, none of them may
		// match, as none of the policy's values may.
		return !slices.ContainsFunc(values, fails)
	default:
		return slices.ContainsFunc(values, satisfies)
	}
}

// matchesAny reports whether a value of the request matches one of the
// policy's. One with a variable that has no value matches nothing.
func (e *evaluation) matchesAny(o operator, wanted []string, value string) bool {
	before := len(e.missing)
	for _, w := range wanted {
		own := len(e.missing)
		if o.match(e, w, value) {
			e.forget(before, own)
			return true
		}
	}
	return false
}
