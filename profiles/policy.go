package profiles

import (
	"slices"
	"strings"

	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/session"
)

// maxPolicyARNs is how many managed policies a session can have (STS API
// reference, AssumeRole, PolicyArns; as of 2026-11).
const maxPolicyARNs = 10

// policies checks the session policies of a profile. It returns the inline one,
// minified, and the file that it came from, if any.
func (l *loader) policies(d *draft) (text, file string) {
	l.policyARNs(d)
	if d.refused("policy") {
		return "", ""
	}
	if written, ok := l.written(d, "policy", "policy_file", "statement"); ok {
		d.verdict = l.understood(d, written, d.judged(string(written.text)))
		text, file = d.verdict.text, written.file
		l.author(d, written)
	}
	l.widened(d)
	return text, file
}

// understood returns the verdict on a policy, and reports what it says.
func (l *loader) understood(d *draft, w written, j judged) verdict {
	v := l.verdict(j)
	for _, f := range v.findings {
		among := &l.warnings
		if f.Level == policy.Error {
			among = &l.errors
		}
		if !among.full() {
			among.add(w.place(f))
		}
	}
	if v.err != nil {
		l.badTemplate(d.at(w.key), v.err)
	}
	return v
}

// policyARNs checks policy_arns. STS takes managed policies of the role's own
// account and AWS's, and of no other partition.
func (l *loader) policyARNs(d *draft) {
	if !d.has("policy_arns") || d.refused("policy_arns") {
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
		case d.operation == session.GetFederationToken:
			l.policyOfUser(d, i, managed)
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

// policyOfUser checks that a managed policy can belong to the account of the IAM
// user who asks for a federated one: account_id says which that is, else the
// other policies do.
func (l *loader) policyOfUser(d *draft, i int, managed arn) {
	if managed.account == "aws" {
		return
	}
	where, text := d.where("policy_arns", "source"), shortened(d.PolicyARNs[i])
	if d.sets("policy_arns") {
		where = where.item(i)
	}
	if d.from != nil && d.from.has("account_id") { // a source that is missing is reported elsewhere
		if managed.account != d.from.AccountID {
			l.wrong(where, "STS takes managed policies of the IAM user's account and AWS's own",
				"%s belongs to account %s, source %s to %s", text, managed.account, d.Source, d.from.AccountID)
		}
		return
	}
	for _, other := range d.PolicyARNs[:i] {
		if a, ok := parseARN(policyARN, other); ok && a.account != "aws" && a.account != managed.account {
			l.wrong(where, "STS takes managed policies of the IAM user's account and AWS's own",
				"%s belongs to account %s, %s to %s", text, managed.account, shortened(other), a.account)
			return
		}
	}
}

// widened warns where a profile lets through what the one it extends does not:
// "extends" reads as if it could only narrow.
func (l *loader) widened(d *draft) {
	if d.parent == nil || !d.parent.narrowed() || !slices.ContainsFunc(group, d.sets) {
		return
	}
	const hint = "a profile with a session policy of its own inherits none: write one that says less, unless more is meant"
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
	l.beyond(d, group, d.verdict, d.parent.verdict, hint)
}

// beyond warns where a policy, which one of keys is, lets through what that of
// the extended profile does not.
func (l *loader) beyond(d *draft, keys []string, own, parents verdict, hint string) {
	more := policy.Beyond(own.documents(), parents.documents())
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
	l.doubt(d.at(keys[slices.IndexFunc(keys, d.sets)]), hint, "lets through what %s does not: %s", d.parent.name, strings.Join(shown, ", "))
}
