package profiles

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/vendord/vendord/session"
)

// mostReasons is how many lines Wider gives.
const mostReasons = 6

// Wider reports whether the sessions of profile to may do anything that those of
// profile from may not. Why says what, in lines about to: "lets through
// s3:PutObject on arn:aws:s3:::b/*, which readonly does not". It says no only where
// that is certain, whoever the sessions are for: another role, source or operation,
// other names and tags, and managed policies, whose texts change, count as wider. It
// asks nobody. How long the sessions last makes no difference.
func (c *Config) Wider(from, to string) (wider bool, why []string) {
	if from == to {
		return false, nil
	}
	a, known := c.Profiles[from]
	b, alsoKnown := c.Profiles[to]
	if !known || !alsoKnown {
		return true, []string{"cannot be compared: one of the two is not in the configuration"}
	}
	why = otherIdentity(a, b)
	own := ceilings(b)
	for _, limit := range ceilings(a) {
		why = append(why, exceeding(limit, own)...)
	}
	if more := len(why) - mostReasons; more > 0 {
		why = append(why[:mostReasons:mostReasons], fmt.Sprintf("and %d more", more))
	}
	return len(why) > 0, why
}

// otherIdentity says in what the sessions of b are somebody else's than those of a,
// as far as policies elsewhere, which are not known here, can tell.
func otherIdentity(a, b Profile) (why []string) {
	for _, d := range []struct {
		what string
		of   func(Profile) string
	}{
		{"the source", func(p Profile) string { return p.Source }},
		{"the operation", func(p Profile) string { return p.Operation }},
		{"the role", func(p Profile) string { return p.RoleARN }},
		{"the session name", func(p Profile) string { return withName(p.SessionName, p.Name) }},
		{"the source identity", func(p Profile) string { return withName(p.SourceIdentity, p.Name) }},
		{"the tags", func(p Profile) string { return withName(session.Pairs(p.Tags), p.Name) }},
		{"the transitive tags", func(p Profile) string { return session.List(p.TransitiveTags) }},
		{"the MFA device", func(p Profile) string { return p.MFASerial }},
	} {
		if was, is := d.of(a), d.of(b); was != is {
			why = append(why, fmt.Sprintf("has %s %s, and not %s", d.what, shown(is), shown(was)))
		}
	}
	return why
}

// shown is a value in a line, or "none".
func shown(value string) string { return cmp.Or(session.Visible(shortened(value)), "none") }

// withName fills in the one template whose value is a profile's own.
func withName(text, profile string) string { return strings.ReplaceAll(text, "{{profile}}", profile) }

// ceiling is a union of policies that a session stays below: its session policies,
// or its scope's. A session can have both.
type ceiling struct {
	profile, kind string
	inline        string   // minified, its profile's name filled in; may be empty
	managed       []string // ARNs, sorted
}

// ceilings returns those of a profile's sessions. A federated user has one where
// there are no policies at all: nothing gets below it.
func ceilings(p Profile) (all []ceiling) {
	if p.Policy != "" || len(p.PolicyARNs) > 0 || p.Operation == session.GetFederationToken {
		arns := slices.Compact(slices.Sorted(slices.Values(p.PolicyARNs)))
		all = append(all, ceiling{p.Name, "session policy", p.named(p.Policy), arns})
	}
	if p.Scope.Policy != "" {
		all = append(all, ceiling{p.Name, "scope policy", p.named(p.Scope.Policy), nil})
	}
	return all
}

// named fills its name into a policy, and leaves the other templates.
func (p Profile) named(text string) string {
	filled, err := renderPolicy(text, func(name string) (string, error) {
		if name == "profile" {
			return p.Name, nil
		}
		return "{{" + name + "}}", nil
	})
	if err != nil {
		return text // it was checked: cannot fail
	}
	return filled
}

// exceeding says what is above a limit for sessions that stay below all of own:
// nothing, if one of those is below it as a whole.
func exceeding(limit ceiling, own []ceiling) []string {
	if len(own) == 0 {
		return []string{"has no session policy, and " + limit.profile + " has a " + limit.kind}
	}
	var why []string
	for _, c := range own {
		beyond := c.beyond(limit, len(own) == 1)
		if len(beyond) == 0 {
			return nil
		}
		if why == nil || c.kind == limit.kind {
			why = beyond
		}
	}
	return why
}
