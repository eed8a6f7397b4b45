package policy

import (
	"fmt"
	"slices"
	"strings"
)

// lint reports what STS accepts and the author probably did not mean, P015 to
// P024, except for the size.
func (r *reading) lint(o Options) {
	if id := r.root.member("Id"); id != nil {
		r.warnKey("P024", id, "Id means nothing in a session policy", "remove it: it counts towards the size")
	}
	for _, s := range r.statements {
		r.lintResources(s, o)
		r.lintConditions(s, o)
		r.lintBreadth(s)
		r.lintActions(s)
		r.lintLevels(s)
	}
}

// lintResources reports variables that come too early in an ARN, and P018: STS
// takes a resource of any partition, and credentials of one partition are
// worth nothing in another, so a policy copied from there lets nothing through.
func (r *reading) lintResources(s *statement, o Options) {
	for _, n := range s.resources.items {
		r.lintVariables(n, o, func(colons int) string {
			if colons < 5 {
				return "stands before the fifth colon of the ARN, where AWS replaces none"
			}
			return ""
		})
		parts := arnParts(n.value)
		if len(parts) < 6 || o.Partition == "" || hasTemplate(parts[1]) || strings.ContainsAny(parts[1], "*?") {
			continue
		}
		if parts[1] != o.Partition {
			r.warn("P018", n, fmt.Sprintf("the resource is in the partition %s, the role in %s: a role reaches no other partition",
				quoted(parts[1]), quoted(o.Partition)), fmt.Sprintf("write %q", "arn:"+o.Partition+":…"))
		}
	}
}

// lintConditions reports conditions that hold when nobody expects it, or never
// do. For ForAllValues AWS's own advice is followed: "always include the Null
// condition operator in your policy with a false value" (IAM user guide, "Set
// operators for multivalued context keys").
func (r *reading) lintConditions(s *statement, o Options) {
	for _, c := range s.conditions {
		if c.operator.values == nil {
			continue // reported as no operator
		}
		if strings.EqualFold(c.key.key, "aws:username") && forRole(o) {
			r.warnKey("P019", c.key, "aws:username is absent from the sessions of roles", roleNameHint)
		}
		if c.operator.set == forAllValues && s.Allow && !s.requires(c.key.key) {
			r.warnKey("P022", c.name, fmt.Sprintf("ForAllValues holds where %s is absent, so this Allow applies then", quoted(c.key.key)),
				fmt.Sprintf(`add "Null": {%s: "false"}`, quoted(c.key.key)))
		}
		for _, v := range c.values {
			r.lintValue(c, v, o)
		}
	}
}

// requires reports whether a statement applies only where a key is present.
func (s *statement) requires(key string) bool {
	return slices.ContainsFunc(s.conditions, func(c condition) bool {
		return c.operator.null && strings.EqualFold(c.key.key, key) && len(c.values) == 1 && isBool(c.values[0].value, false)
	})
}

// lintValue reports P015. A value with a variable or a template is left alone:
// what it will be is not known yet.
func (r *reading) lintValue(c condition, v *node, o Options) {
	name, values := c.name.key, c.operator.values
	r.lintVariables(v, o, func(int) string {
		if !c.operator.takesVariables() {
			return "is plain text to " + name + ": only the operators for strings and ARNs have variables"
		}
		return ""
	})
	exact := strings.Contains(name, "StringEquals") || strings.Contains(name, "StringNotEquals")
	switch {
	case hasTemplate(v.value) || strings.Contains(v.value, "${"):
	case !values.valid(v.value):
		r.warn("P015", v, fmt.Sprintf("%s is no %s, so nothing matches it", quoted(v.value), values.name), "for example "+values.example)
	case exact && strings.Contains(v.value, "*"):
		r.warn("P015", v, fmt.Sprintf("* is an ordinary character to %s, not a wildcard", name),
			"write "+strings.NewReplacer("EqualsIgnoreCase", "Like", "Equals", "Like").Replace(name))
	}
}

// forRole reports whether the session will be a role's. What aws:username is
// for a federated user is not documented beyond doubt.
func forRole(o Options) bool { return o.Operation != "get-federation-token" }

const roleNameHint = "aws:PrincipalTag/…, aws:userid or {{user}} tell one user of a role from another"

// lintVariables reports P016 and P019 for the variables in a value. refused
// says why one is not replaced after so many colons, or nothing.
func (r *reading) lintVariables(n *node, o Options, refused func(colons int) string) {
	colons := 0
	for rest := n.value; rest != ""; {
		switch {
		case !strings.HasPrefix(rest, "${"):
			if rest[0] == ':' {
				colons++
			}
			rest = rest[1:]
			continue
		case r.version != variablesSince:
			text := rest[:max(len("${"), strings.IndexByte(rest, '}')+1)]
			r.warn("P016", n, quoted(text)+" is plain text in a policy of version 2008-10-17", `write "Version": "2012-10-17"`)
			return
		}
		v, after, ok := cutVariable(rest)
		if !ok {
			r.warn("P016", n, quoted(rest)+" begins like a variable and is plain text",
				"a variable is ${key} or ${key, 'default'}; ${$} is a dollar sign")
			return
		}
		rest = after
		if why := refused(colons); why != "" {
			r.warn("P016", n, quoted(v.text)+" "+why, "")
		} else {
			r.lintKey(n, v, o)
		}
	}
}

// lintKey reports a variable that AWS will never have a value for. Most come
// from templates of other tools, which have the same ${…} and were to replace
// it before AWS sees the policy.
func (r *reading) lintKey(n *node, v variable, o Options) {
	switch {
	case v.literal != 0:
	case strings.HasPrefix(v.key, "AWS::"):
		r.warn("P016", n, quoted(v.text)+" is no context key: only CloudFormation replaces it",
			"put its value there, or a context key such as aws:PrincipalAccount")
	case !strings.Contains(v.key, ":"):
		r.warn("P016", n, quoted(v.text)+" is no context key, so it has no value and matches nothing",
			"context keys have a prefix, such as aws: or s3:")
	case strings.EqualFold(v.key, "aws:username") && !v.ok && forRole(o):
		// With a default it matches that, which may be what was meant.
		r.warn("P019", n, quoted(v.text)+" has no value in the sessions of roles, so it matches nothing", roleNameHint)
	}
}

// lintBreadth reports P020: an Allow that lets through more than it names. The
// policy is there to narrow a role; what it does not name, an administrator
// may add to the role tomorrow.
func (r *reading) lintBreadth(s *statement) {
	if !s.Allow {
		return
	}
	const hint = "name what the session needs"
	switch {
	case s.actions.not:
		r.warnKey("P020", s.actions.node,
			"Allow with NotAction lets through every other action of every service, those of the future included", hint)
	case s.resources.not:
		r.warnKey("P020", s.resources.node,
			"Allow with NotResource lets through every other resource, those of the future included", hint)
	case len(s.conditions) == 0 && slices.Contains(s.Resources, "*") &&
		(slices.Contains(s.Actions, "*") || slices.Contains(s.Actions, "*:*")):
		r.warn("P020", s.node, "every action on every resource: the policy narrows nothing", hint+", or leave the policy out")
	}
}
