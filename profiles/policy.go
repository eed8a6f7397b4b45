package profiles

import (
	"slices"
	"strings"

	"github.com/vendord/vendord/policy"
)

// maxPolicyARNs is how many managed policies a session can have (STS API
// reference, AssumeRole, PolicyArns; as of 2026-11).
const maxPolicyARNs = 10

// policies checks the session policies of a profile. It returns the inline one,
// minified, and the file that it came from, if any.
func (l *loader) policies(d *draft) (text, file string) {
	l.policyARNs(d)
	if written, ok := l.written(d); ok {
		text, file = l.understood(d, written), written.file
		l.author(d, written)
	}
	l.widened(d)
	return text, file
}

// understood checks a policy and returns it minified, or "" if it is wrong.
func (l *loader) understood(d *draft, w written) string {
	d.verdict = l.verdict(d.judged(string(w.text)))
	for _, f := range d.verdict.findings {
		among := &l.warnings
		if f.Level == policy.Error {
			among = &l.errors
		}
		if !among.full() {
			among.add(w.place(f))
		}
	}
	if err := d.verdict.err; err != nil {
		l.badTemplate(d.at(w.key), err)
	}
	return d.verdict.text
}

// policyARNs checks policy_arns. STS takes managed policies of the role's own
// account and AWS's, and of no other partition.
func (l *loader) policyARNs(d *draft) {
	if !d.has("policy_arns") {
		return
	}
	at := d.at("policy_arns")
	switch n := len(d.PolicyARNs); {
	case n == 0:
		l.wrong(at, "name a policy, or remove the key", "an empty list narrows nothing")
	case n > maxPolicyARNs:
		l.wrong(at, "put what they have in common into one", "%d policies, where %d are possible", n, maxPolicyARNs)
	}
	for i, text := range d.PolicyARNs {
		managed, ok := parseARN(policyARN, text)
		where := d.where("policy_arns", "role_arn")
		if d.sets("policy_arns") || !d.sets("role_arn") {
			where = where.item(i)
		}
		switch {
		case !ok:
			l.wrongARN(at.item(i), "policy", text)
		case slices.Contains(d.PolicyARNs[:i], text):
			l.doubt(at.item(i), "remove one", "%s is named twice", text)
		case d.role == arn{}: // none, or a wrong one: nothing to compare with
		case managed.partition != d.role.partition:
			l.wrong(where, "", "%s belongs to partition %s, the role to %s",
				shortened(text), managed.partition, d.role.partition)
		case managed.account != "aws" && managed.account != d.role.account:
			l.wrong(where, "STS takes managed policies of the role's account and AWS's own",
				"%s belongs to account %s, the role to %s", shortened(text), managed.account, d.role.account)
		}
	}
}

// widened warns where a profile lets through what the one it extends does not:
// "extends" reads as if it could only narrow.
func (l *loader) widened(d *draft) {
	if d.parent == nil || !d.parent.narrowed() || !slices.ContainsFunc(group, d.sets) {
		return
	}
	const hint = "a profile with a session policy of its own inherits none"
	at := d.at(group[slices.IndexFunc(group, d.sets)])
	for _, text := range d.PolicyARNs {
		if !slices.Contains(d.parent.PolicyARNs, text) {
			l.doubt(d.at("policy_arns"), hint, "%s may let through more than %s does: what it says is not known here",
				shortened(text), d.parent.name)
		}
	}
	// What the parent's managed policies let through is not known either: with
	// them, everything might be covered.
	if len(d.parent.PolicyARNs) > 0 {
		return
	}
	more := policy.Beyond(d.verdict.documents(), d.parent.verdict.documents())
	if len(more) == 0 {
		return
	}
	const few = 3
	var shown []string
	for _, p := range more[:min(few, len(more))] {
		shown = append(shown, p.Action+" on "+p.Resource)
	}
	if len(more) > few {
		shown = append(shown, "and more")
	}
	l.doubt(at, hint, "lets through what %s does not: %s", d.parent.name, strings.Join(shown, ", "))
}
