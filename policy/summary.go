package policy

import (
	"slices"
	"strings"
)

// LetsThrough returns what the Allow statements let through, each action on
// each resource, in the order of the document and each pair once. It is for
// people: Deny statements, which take away from it, are not looked at.
func (d *Document) LetsThrough() []Permission {
	var permissions []Permission
	for i := range d.Statements {
		permissions = append(permissions, d.Statements[i].permissions()...)
	}
	return unique(permissions)
}

// unique returns each permission once, in order.
func unique(permissions []Permission) []Permission {
	seen := map[Permission]bool{}
	return slices.DeleteFunc(permissions, func(p Permission) bool {
		was := seen[p]
		seen[p] = true
		return was
	})
}

// permissions returns the pairs of an Allow statement.
func (s *Statement) permissions() []Permission {
	if !s.Allow {
		return nil
	}
	var permissions []Permission
	for _, action := range described(s.Actions, s.NotActions) {
		for _, resource := range described(s.Resources, s.NotResources) {
			permissions = append(permissions, Permission{Action: action, Resource: resource, Conditional: len(s.Conditions) > 0})
		}
	}
	return permissions
}

func described(patterns, excluded []string) []string {
	if len(excluded) > 0 {
		return []string{"all but " + strings.Join(excluded, ", ")}
	}
	return patterns
}

// isPlain reports whether a pattern names one thing.
func isPlain(pattern string) bool {
	return !strings.ContainsAny(pattern, "*?$") && !hasTemplate(pattern)
}
