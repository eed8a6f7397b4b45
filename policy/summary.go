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
		for _, p := range d.Statements[i].permissions() {
			if !slices.Contains(permissions, p) {
				permissions = append(permissions, p)
			}
		}
	}
	return permissions
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
