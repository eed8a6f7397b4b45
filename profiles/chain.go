package profiles

import (
	"maps"
	"slices"
	"strings"

	"github.com/vendord/vendord/session"
)

// maxNested is how many sessions one can rest on, itself included: those of the
// profiles of a chain, of MFA and of scopes. Each costs a call of STS before the
// first answer, and doubles the escapes of what names it (session.Request.Parent).
const maxNested = 6

// chain is what a draft has from the profiles that its source leads through.
type chain struct {
	begun, done bool
	// broken is true where the chain does not hold: what follows from it is
	// then not reported as well.
	broken bool
	nested int
	// transitive are the tag keys, folded, that the session passes on, each
	// with the profile that set it.
	transitive map[string]string
	// identified is the profile that set the source identity, or nil.
	identified *draft
	// scoped is the profile that scoped the credentials, or nil.
	scoped *draft
}

// link returns the profile that the draft's source vends, or nil.
func (l *loader) link(d *draft) *draft {
	if d.from == nil || d.from.kind() != session.ParentProfile {
		return nil
	}
	return l.drafts[d.from.Profile]
}

// chains checks the role chain that a draft is the end of, after those that it
// rests on. between has the profiles that led here.
func (l *loader) chains(d *draft, between []string) {
	if d.chain.done {
		return
	}
	d.chain.begun = true
	from := l.link(d)
	switch {
	case from == nil:
	case from.chain.begun && !from.chain.done:
		between = append(between, d.name)
		circle := append(between[slices.Index(between, from.name):len(between):len(between)], from.name)
		l.wrong(path{"sources", d.Source, "profile"}, "a role chain has to begin with an identity of its own",
			"goes round in a circle: %s", strings.Join(circle, " -> "))
		d.chain.broken = true
	default:
		l.chains(from, append(between, d.name))
		d.chain.broken = from.chain.broken
	}
	d.chain.done = true
	d.chain.nested = l.nested(d, from)
	if d.chain.nested > maxNested && !d.chain.broken {
		l.wrong(d.where("source", "scope_policy", "scope_policy_file", "scope_duration"), "shorten the chain, or leave out its scopes",
			"rests on %d sessions, where %d are possible", d.chain.nested-1, maxNested-1)
		d.chain.broken = true
	}
	if d.chain.broken {
		return
	}
	if from != nil {
		l.hop(d, from)
	}
	d.pass(from)
}

// nested returns how many sessions a draft's are made of.
func (l *loader) nested(d, from *draft) int {
	n := 1
	if d.hasScope() {
		n++
	}
	if d.from != nil && d.from.named("mfa_serial") {
		n++
	}
	if from != nil {
		n += from.chain.nested
	}
	return n
}

// hasScope reports whether the profile has a scope.
func (d *draft) hasScope() bool {
	return slices.ContainsFunc(scopeKeys, d.named)
}

// pass works out what the sessions of a draft pass on to the next.
func (d *draft) pass(from *draft) {
	c := &d.chain
	if from != nil && (d.operation == session.AssumeRole || d.operation == session.SourceItself) {
		c.transitive, c.identified = from.chain.transitive, from.chain.identified
	}
	if from != nil && d.operation == session.SourceItself {
		c.scoped = from.chain.scoped
	}
	if d.hasScope() {
		c.scoped = d
	}
	if d.operation != session.AssumeRole {
		return
	}
	if len(d.TransitiveTags) > 0 {
		c.transitive = maps.Clone(c.transitive)
		if c.transitive == nil {
			c.transitive = make(map[string]string)
		}
		for _, key := range d.TransitiveTags {
			c.transitive[fold(key)] = d.name
		}
	}
	if d.has("source_identity") && c.identified == nil {
		c.identified = d
	}
}

// hop checks one step of a chain.
func (l *loader) hop(d, from *draft) {
	where := d.where("source", "operation")
	if d.operation == session.SourceItself && d.hasScope() && from.chain.scoped != nil {
		l.wrong(d.where("source", "scope_policy", "scope_policy_file", "scope_duration"), "put what both say into one scope policy",
			"%s has a scope already, and how often AWS narrows one session is not known", from.chain.scoped.name)
	}
	if d.operation != session.AssumeRole {
		return
	}
	lender := l.lender(from)
	if lender.operation == session.GetFederationToken {
		l.wrong(where, "begin the chain with a role or with get-session-token",
			"%s is a session of get-federation-token, which cannot assume a role", lender.name)
	}
	if a, b := d.role.partition, lender.role.partition; a != b && a != "" && b != "" {
		l.wrong(where, "credentials of one partition mean nothing in another", "the role belongs to partition %s, that of %s to %s", a, lender.name, b)
	}
	for _, key := range slices.Sorted(maps.Keys(d.Tags)) {
		if setter, taken := from.chain.transitive[fold(key)]; taken {
			at := d.where("tags", "source")
			if at[2] == "tags" {
				at = at.to(key)
			}
			l.wrong(at, "remove it here, or from transitive_tags there", "tag %q is passed on by %s, and cannot be set again", shortened(key), setter)
		}
	}
	if d.has("source_identity") && from.chain.identified != nil {
		l.sameIdentity(d, from.chain.identified)
	}
	l.opens(d, from, lender)
}

// lender returns the profile whose operation made the credentials that from
// vends: operation source hands on those of the profile behind it.
func (l *loader) lender(from *draft) *draft {
	for from.operation == session.SourceItself {
		next := l.link(from)
		if next == nil {
			return from
		}
		from = next
	}
	return from
}

// sameIdentity checks that a chain keeps its source identity: STS denies a
// change (IAM user guide, source identity).
func (l *loader) sameIdentity(d, earlier *draft) {
	own, set := l.settled(d), l.settled(earlier)
	if own == set {
		return
	}
	at := d.where("source_identity", "source")
	hint := "leave it out here: it is passed on along a chain"
	if templated(own) || templated(set) {
		l.doubt(at, hint, "may differ from that of %s, and cannot change along a chain", earlier.name)
		return
	}
	l.wrong(at, hint, "differs from that of %s, and cannot change along a chain", earlier.name)
}

// settled is the source identity of a draft with the templates filled in whose
// values are known by now.
func (l *loader) settled(d *draft) string {
	v := values{profile: d.name, host: l.config.host}
	text, err := expand(d.SourceIdentity, func(name string) (string, error) {
		if name == "profile" || name == "host" {
			return v.claim(sourceIdentity, name)
		}
		return "{{" + name + "}}", nil
	})
	if err != nil {
		return d.SourceIdentity
	}
	return text
}
