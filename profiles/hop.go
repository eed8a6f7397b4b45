package profiles

import (
	"slices"
	"strings"

	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/session"
)

// opens checks that what narrows the sessions of a chain's earlier profiles lets
// the next role be assumed. Session policies are not passed on, but the session
// that has one is bound by it (IAM user guide, session policies), and STS says
// only AccessDenied.
func (l *loader) opens(d, from, lender *draft) {
	if d.role == (arn{}) {
		return
	}
	for step := from; ; step = l.link(step) {
		if step.scope.text != "" && step.scope.document != nil {
			l.certain(d, "scope policy", step.name, d.blocked(lenient(step.scope.document)))
		}
		if step == lender || step.operation != session.SourceItself {
			break
		}
	}
	if !lender.narrowed() || lender.refused("policy") {
		return
	}
	inline := lender.lenient(l.config.Profiles[lender.name].Policy)
	if inline == nil && slices.ContainsFunc([]string{"policy", "policy_file", "statement"}, lender.named) {
		return // a wrong one, and reported
	}
	if inline == nil {
		inline = &policy.Document{}
	}
	blocked := d.blocked(inline)
	if len(lender.PolicyARNs) == 0 || policy.Evaluate(policy.Question{Action: "sts:AssumeRole", Resource: d.RoleARN}, inline).Decision == policy.ExplicitDeny {
		l.certain(d, "session policy", lender.name, blocked)
		return
	}
	documents := []*policy.Document{inline}
	for _, arn := range lender.PolicyARNs {
		if text, ok := lender.copies[arn]; ok {
			documents = append(documents, lenient(text))
		}
	}
	if blocked = d.blocked(documents...); len(blocked) > 0 {
		l.doubt(d.where("source", "role_arn"), "policy_documents there puts the texts of managed policies at hand",
			"nothing that is at hand of the session policies of %s lets %s on %s through", lender.name, strings.Join(blocked, ", "), shortened(d.RoleARN))
	}
}

// certain reports what a policy is certain to block.
func (l *loader) certain(d *draft, what, of string, blocked []string) {
	if len(blocked) > 0 {
		l.wrong(d.where("source", "role_arn"), "allow it there, or begin the chain with a profile that has none",
			"the %s of %s does not let %s on %s through", what, of, strings.Join(blocked, ", "), shortened(d.RoleARN))
	}
}

// blocked returns those of the actions that assuming the draft's role takes
// which lenient policies together do not let through.
func (d *draft) blocked(documents ...*policy.Document) []string {
	needed := []string{"sts:AssumeRole"}
	if len(d.Tags) > 0 {
		needed = append(needed, "sts:TagSession")
	}
	if d.has("source_identity") {
		needed = append(needed, "sts:SetSourceIdentity")
	}
	return slices.DeleteFunc(needed, func(action string) bool {
		return policy.Evaluate(policy.Question{Action: action, Resource: d.RoleARN}, documents...).Decision == policy.Allowed
	})
}

// lenient returns the draft's inline policy made lenient, or nil if it has none
// or a wrong one. It is worked out once: ten thousand roles can be assumed from
// one profile.
func (d *draft) lenient(text string) *policy.Document {
	if d.generous == nil && text != "" {
		if document, err := policy.Parse([]byte(text)); err == nil {
			d.generous = lenient(document)
		}
	}
	return d.generous
}
