package profiles

import (
	"slices"
	"strings"

	"github.com/vendord/vendord/policy"
)

// lenient returns a policy as generous as it can turn out to be for some user,
// at some time: conditions of an Allow hold, those of a Deny do not, and what
// templates and variables stand for is whatever suits. What such a policy does
// not let through is certain to be denied; only that is an error at load.
func lenient(d *policy.Document) *policy.Document {
	all := &policy.Document{Version: d.Version}
	for _, s := range d.Statements {
		possible := true
		if s.Allow {
			s.Conditions = nil
			s.Actions, s.NotActions = widened(s.Actions), fixed(s.NotActions)
			if s.Resources, s.NotResources = widened(s.Resources), fixed(s.NotResources); len(s.Resources)+len(s.NotResources) == 0 {
				s.Resources = []string{"*"}
			}
			if len(s.Actions)+len(s.NotActions) == 0 {
				s.Actions = []string{"*"}
			}
		} else {
			s.Actions, s.NotActions = fixed(s.Actions), widened(s.NotActions)
			s.Resources, s.NotResources = fixed(s.Resources), widened(s.NotResources)
			possible = len(s.Conditions) == 0 && len(s.Actions)+len(s.NotActions) > 0 && len(s.Resources)+len(s.NotResources) > 0
		}
		if possible {
			all.Statements = append(all.Statements, s)
		}
	}
	return all
}

// open is where the first template or variable of a text begins, or -1.
func open(text string) int {
	return strings.IndexFunc(text, func(r rune) bool { return r == '{' || r == '$' })
}

// widened returns patterns that match all that these could.
func widened(patterns []string) []string {
	wide := make([]string, len(patterns))
	for i, p := range patterns {
		if wide[i] = p; open(p) >= 0 {
			wide[i] = p[:open(p)] + "*"
		}
	}
	return wide
}

// fixed returns the patterns of which it is known what they match.
func fixed(patterns []string) []string {
	return slices.DeleteFunc(slices.Clone(patterns), func(p string) bool { return open(p) >= 0 })
}

// mayAllow reports whether a lenient policy lets an action through on some
// resource.
func mayAllow(d *policy.Document, action string) bool {
	about := func(s policy.Statement) bool {
		matches := func(p string) bool { return policy.Match(strings.ToLower(p), strings.ToLower(action)) }
		if len(s.NotActions) > 0 {
			return !slices.ContainsFunc(s.NotActions, matches)
		}
		return slices.ContainsFunc(s.Actions, matches)
	}
	allowed := false
	for _, s := range d.Statements {
		if !s.Allow && about(s) && slices.Contains(s.Resources, "*") {
			return false
		}
		allowed = allowed || s.Allow && about(s)
	}
	return allowed
}
