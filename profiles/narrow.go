package profiles

import (
	"fmt"

	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/session"
)

// Narrowing is what somebody adds to a profile for one command.
type Narrowing struct {
	// Policy is a session policy, as JSON; templates are possible.
	Policy string
	// File is what messages call the policy; empty means "policy".
	File string
	// PolicyARNs are managed policies.
	PolicyARNs []string
}

// Narrow renders a profile as Render does, and narrows its session by session
// policies that are not in the file. They are checked as those of the file are,
// and all that is wrong with them is in the error: see Problems.
//
// Session policies are a union, so a second one would let through more, and is
// refused. With the preview of scoped credentials a policy, if it is one and the
// profile has no scope of its own, becomes a scope around the session in its
// place, and so it does where the operation takes no session policy. The result
// never lets through what the profile alone would not.
func (c *Config) Narrow(profile string, who Identity, n Narrowing) (session.Request, error) {
	p, ok := c.Profiles[profile]
	if !ok {
		return session.Request{}, noProfile(profile)
	}
	if n.Policy == "" && len(n.PolicyARNs) == 0 {
		return c.render(p, who)
	}
	scope, err := c.asScope(p, n)
	if err != nil {
		return session.Request{}, err
	}
	text, err := c.checkNarrowing(p, n, scope)
	if err != nil {
		return session.Request{}, err
	}
	if scope {
		p.Scope = Scope{Policy: text}
	} else {
		p.Policy, p.PolicyARNs = text, n.PolicyARNs
	}
	return c.render(p, who)
}

// asScope decides how a profile is narrowed: by a scope, or by session policies
// of its own. Its error says why by neither.
func (c *Config) asScope(p Profile, n Narrowing) (scope bool, err error) {
	refuse := func(why, hint string) error {
		return &session.Error{Class: session.Refused, Public: fmt.Sprintf("profile %q: %s", shortened(p.Name), why), Hint: hint}
	}
	takes := !refusedBy(p.Operation, "policy")
	switch {
	case takes && !p.Narrowed() && p.AllowNoPermissions:
		return false, refuse("it is to have no permissions, and a session policy would give it some", "name a profile that has permissions to narrow")
	case takes && !p.Narrowed():
		return false, nil
	}
	why := "it has session policies, and one more would widen it: a session may do what any of them allows"
	if !takes {
		why = p.Operation + " takes no session policy"
	}
	switch {
	case c.scoped(p):
		return false, refuse(why+"; it has a scope, too", "write a profile with the policy that you mean")
	case len(n.PolicyARNs) > 0:
		return false, refuse(why, "write a profile with the policies that you mean; only a policy of its own could scope this one")
	case !c.Daemon.ScopedCredentials:
		return false, refuse(why, `write a profile with the policy that you mean, or turn on preview = ["scoped-credentials"] in [daemon]`)
	}
	return true, nil
}

// scoped reports whether a profile's session is scoped: by the profile itself,
// or by the one whose session it hands on.
func (c *Config) scoped(p Profile) bool {
	source := c.Sources[p.Source]
	return p.Scope.Scoped() || p.Operation == session.SourceItself && source.Type == session.ParentProfile && c.scoped(c.Profiles[source.Profile])
}

// checkNarrowing checks policies as Load does, and returns the inline one
// minified.
func (c *Config) checkNarrowing(p Profile, n Narrowing, scope bool) (string, error) {
	var wrong problems
	role, _ := parseARN(roleARN, p.RoleARN)
	at := func(hint, format string, args ...any) {
		wrong.add(Problem{File: "policy_arns", Problem: fmt.Sprintf(format, args...), Hint: hint})
	}
	if len(n.PolicyARNs) > maxPolicyARNs {
		at("put what they have in common into one", "%d policies, where %d are possible", len(n.PolicyARNs), maxPolicyARNs)
	}
	for _, text := range n.PolicyARNs {
		managed, ok := parseARN(policyARN, text)
		switch {
		case !ok:
			at(arnHint("policy", text), "%q is not the ARN of a policy", shortened(text))
		case managed.partition != role.partition:
			at("", "%s belongs to partition %s, the role to %s", shortened(text), managed.partition, role.partition)
		case managed.account != "aws" && managed.account != role.account:
			at("STS takes managed policies of the role's account and AWS's own",
				"%s belongs to account %s, the role to %s", shortened(text), managed.account, role.account)
		}
	}
	j := judged{text: n.Policy, operation: p.Operation, partition: role.partition, arnChars: characters(n.PolicyARNs...)}
	if scope {
		j.operation = session.GetScopedCredentials
	}
	text := j.inline(n, &wrong)
	if len(wrong) == 0 {
		return text, nil
	}
	first := wrong[0]
	return "", &session.Error{Class: session.Refused, Public: first.Error(), Hint: first.Hint, Err: wrong.told("policy", "errors")}
}

// CheckPolicyARN tells whether a text has the form of a managed policy's ARN.
func CheckPolicyARN(text string) error {
	if _, ok := parseARN(policyARN, text); ok {
		return nil
	}
	return &session.Error{Class: session.Configuration, Public: fmt.Sprintf("%q is not the ARN of a policy", shortened(text)), Hint: arnHint("policy", text)}
}

// inline judges the policy of a narrowing, if there is one.
func (j judged) inline(n Narrowing, wrong *problems) string {
	if n.Policy == "" {
		return ""
	}
	file := n.File
	if file == "" {
		file = "policy"
	}
	v := j.verdict()
	for _, f := range v.findings {
		if f.Level == policy.Error {
			wrong.add(Problem{File: file, Key: f.Path, Line: f.Line, Column: f.Column, Code: f.Code, Problem: f.Problem, Hint: f.Hint})
		}
	}
	if v.err != nil {
		m, _ := v.err.(mistake)
		wrong.add(Problem{File: file, Problem: v.err.Error(), Hint: m.hint})
	}
	return v.text
}
