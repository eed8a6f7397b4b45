package policy

import "slices"

// ContextKeys returns the context keys that policies mention, in conditions or
// as variables that are replaced, as they spell them, each once and sorted. No
// answer about these policies depends on any other key. Policies whose text is
// not at hand are left out.
func ContextKeys(policies ...Named) []string {
	var keys []string
	note := func(g glob, v variable) (glob, bool) {
		if v.literal == 0 {
			keys = append(keys, v.key)
		}
		return g, true
	}
	for _, p := range policies {
		if p.Document == nil {
			continue
		}
		replaces := p.Document.Version == variablesSince
		for i := range p.Document.Statements {
			s := &p.Document.Statements[i]
			for _, pattern := range slices.Concat(s.Resources, s.NotResources) {
				if replaces {
					compileVariables(nil, pattern, inResource, note)
				}
			}
			for _, c := range s.Conditions {
				keys = append(keys, c.Key)
				o, ok := parseOperator(c.Operator)
				for _, value := range c.Values {
					if replaces && ok && o.takesVariables() {
						compileVariables(nil, value, plain, note)
					}
				}
			}
		}
	}
	return distinct(keys)
}
