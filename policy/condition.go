package policy

import "slices"

// allHold tells whether all conditions of a statement hold. Keys that are
// missing count only where another condition has not failed for good.
func (e *evaluation) allHold(conditions []Condition, allow bool) truth {
	all, settled := yes, false
	before := len(e.missing)
	for i := range conditions {
		missed := len(e.missing)
		holds := e.holds(&conditions[i], allow)
		all = min(all, holds)
		settled = settled || holds == no && len(e.missing) == missed
	}
	if settled {
		e.missing = e.missing[:before]
	}
	return all
}

// holds tells whether one condition holds (IAM user guide, "Condition
// operators" and "Set operators for multivalued context keys").
func (e *evaluation) holds(c *Condition, allow bool) truth {
	o, ok := parseOperator(c.Operator)
	if !ok {
		// Parse refuses such a document; one made by hand must not get
		// more permissions by a slip of the pen.
		return truthOf(!allow)
	}
	values, given := e.lookup(c.Key)
	absent := len(values) == 0
	if !given {
		e.lacks(c.Key)
	}
	switch {
	case !given && e.open:
		return maybe
	case o.null:
		return truthOf(slices.ContainsFunc(c.Values, func(v string) bool { return isBool(v, absent) }))
	case absent && (o.ifExists || o.set == forAllValues):
		return yes
	case absent && o.set == forAnyValue:
		return no
	case absent:
		return truthOf(o.negated)
	}
	return e.compare(o, c.Values, values)
}

// compare applies an operator to the values of a policy and those of a request.
func (e *evaluation) compare(o operator, wanted, values []string) truth {
	satisfies := func(value string) truth {
		if matches := e.matchesAny(o, wanted, value); !o.negated {
			return matches
		} else {
			return matches.not()
		}
	}
	switch {
	case o.set == forAllValues:
		// An empty value counts as none: "a null data set, such as an
		// empty string" (the same guide).
		return e.all(values, func(v string) truth {
			if v == "" {
				return yes
			}
			return satisfies(v)
		})
	case o.set == noSet && o.negated:
		// AWS gives such keys one value. With several, none of them may
		// match, as none of the policy's values may.
		return e.all(values, satisfies)
	default:
		return e.any(values, satisfies)
	}
}

// matchesAny tells whether a value of the request matches one of the policy's.
// One with a variable that has no value matches nothing.
func (e *evaluation) matchesAny(o operator, wanted []string, value string) truth {
	return e.any(wanted, func(w string) truth { return e.hit(o.match(e, w, value)) })
}
