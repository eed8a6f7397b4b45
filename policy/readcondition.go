package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vendord/vendord/near"
)

// readConditions reads {operator: {key: value or values}}. Each pair of an
// operator and a key becomes a condition of its own, as all of them must hold.
func (r *reading) readConditions(s *statement, n *node) {
	if n == nil {
		return
	}
	if n.kind != object {
		r.mistyped("P014", n, "an object of operators")
		return
	}
	for _, name := range n.children {
		o, ok := parseOperator(name.key)
		// IAM has been seen to let an unknown operator pass that compares
		// nothing; so the warning below must do.
		if !ok && (name.kind != object || len(name.children) > 0) {
			r.failOperator(name)
		}
		switch {
		case name.kind != object:
			r.mistyped("P014", name, "an object of context keys")
			continue
		case len(name.children) == 0 && !name.broken:
			r.warn("P014", name, "has no context keys, so it always holds", "remove it, or add the key it should compare")
		}
		for _, key := range name.children {
			if !key.broken {
				s.conditions = append(s.conditions, condition{operator: o, name: name, key: key, values: r.readValues(key)})
			}
		}
		r.checkContextKeys(name)
	}
}

// failOperator reports an operator that AWS does not have.
func (r *reading) failOperator(n *node) {
	prefix, base, hasPrefix := strings.Cut(n.key, ":")
	if !hasPrefix {
		prefix, base = "", n.key
	}
	if hasPrefix && prefix+":" != allPrefix && prefix+":" != anyPrefix {
		r.failKey("P014", n, fmt.Sprintf("%s is no prefix of an operator", quoted(prefix+":")),
			"the prefixes are ForAllValues: and ForAnyValue:")
		return
	}
	base, ifExists := strings.CutSuffix(base, ifExistsSuffix)
	if base == "Null" && ifExists {
		r.failKey("P014", n, "Null takes no IfExists", `"Null": {"key": "true"} itself asks whether a key is absent`)
		return
	}
	hint := "the IAM user guide lists them under \"condition operators\""
	if meant := near.Name(base, slices.Collect(maps.Keys(comparisons))); meant != "" {
		hint = "write " + meant
	}
	r.failKey("P014", n, fmt.Sprintf("%s is no condition operator", quoted(base)), hint)
}

// checkContextKeys reports keys that AWS takes for one, and those of no
// service.
func (r *reading) checkContextKeys(name *node) {
	seen := map[string]*node{}
	for _, key := range name.children {
		folded := strings.ToLower(key.key)
		switch first := seen[folded]; {
		case first != nil && first.key != key.key:
			// The parser sees two keys, and AWS one.
			r.failKey("P003", key, fmt.Sprintf("%s and %s are the same key: case makes no difference", quoted(first.key), quoted(key.key)),
				"join the two, or remove one")
		case !strings.Contains(key.key, ":") && !key.broken:
			r.warnKey("P014", key, fmt.Sprintf("%s has no prefix, as every context key has", quoted(key.key)), "such as aws: or s3:")
		}
		if seen[folded] == nil {
			seen[folded] = key
		}
	}
}

// readValues reads the values to compare a key with: strings, numbers and
// booleans, or a list of them. "Quotation marks are optional for numeric and
// Boolean values" (IAM user guide, grammar), so a number stays the text that
// it is written as: 1.50 is no 1.5 to StringEquals.
func (r *reading) readValues(key *node) []*node {
	list := []*node{key}
	if key.kind == array {
		list = key.children
		if len(list) == 0 {
			r.warn("P014", key, "has no values, so nothing matches it", "add one, or remove the key")
		}
	}
	var values []*node
	for _, v := range list {
		switch v.kind {
		case text, number, boolean:
			values = append(values, v)
		default:
			r.mistyped("P014", v, "a string, number or boolean")
		}
	}
	return values
}
