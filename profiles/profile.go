package profiles

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/session"
)

// What STS accepts (STS API reference; as of 2026-11).
const (
	maxTags      = 50
	maxTokenSize = 4096
)

// defaultSessionName is the default of session_name and name.
const defaultSessionName = "{{user}}-{{app}}"

// noProfiles says that nothing can be vended yet. That is a warning: the service of
// a fresh install has to start. But a file with nothing in it is more likely one
// that was cut off while it was written, and must not take the place of another.
func (l *loader) noProfiles() {
	const hint = "add a [profiles.NAME] table with source and role_arn"
	if len(l.document.tree) == 0 {
		l.wrong(path{"profiles"}, hint, "there are none: nothing can be vended")
		return
	}
	l.doubt(path{"profiles"}, hint, "there are none yet: nothing is vended")
}

// profiles checks all profiles, parents before their children.
func (l *loader) profiles() {
	if len(l.file.Profiles) == 0 {
		if !l.file.named("profiles") || l.file.has("profiles") {
			l.noProfiles()
		}
		return
	}
	extended, vended := make(map[string]bool), make(map[string]bool)
	for _, t := range l.file.Profiles {
		extended[t.Extends] = true
	}
	for _, app := range l.file.Apps {
		for _, name := range app.Profiles {
			vended[name] = true
		}
	}
	for _, source := range l.file.Sources {
		if source.kind() == session.ParentProfile {
			vended[source.Profile] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.file.Profiles)) {
		l.draft(name, nil)
	}
	l.judge(l.ordered, extended)
	for _, d := range l.ordered {
		l.profile(d, extended[d.name] && !vended[d.name])
	}
	for _, d := range l.ordered {
		l.chains(d, nil)
	}
}

// profile checks one profile. A base may lack its source or role.
func (l *loader) profile(d *draft, base bool) {
	p := Profile{Name: d.name, Extends: d.Extends, Source: d.Source, Operation: d.operation, RoleARN: d.RoleARN,
		ExternalID: d.ExternalID, SourceIdentity: d.SourceIdentity, Tags: d.Tags, TransitiveTags: d.TransitiveTags,
		PolicyARNs: d.PolicyARNs, AllowNoPermissions: d.AllowNoPermissions, MFASerial: d.MFASerial,
		MinTokenSize: int(d.MinTokenSize), PerApp: d.PerApp, Protected: d.Protected}
	whole := l.complete(d, base)
	l.operation(d)
	l.parameters(d)
	l.sourceOf(d)
	l.role(d)
	d.length = l.duration(d)
	p.Duration = d.length
	p.SessionName = l.sessionName(d)
	if d.has("source_identity") {
		l.template(d.at("source_identity"), d.SourceIdentity, sourceIdentity)
	}
	if d.has("external_id") {
		l.externalID(d)
	}
	if d.has("region") {
		l.regionShape(d.at("region"), d.Region)
	}
	if size := d.MinTokenSize; size < 0 || size > maxTokenSize {
		l.wrong(d.at("minimum_session_token_size"), "", "must be 0 to %d, is %d", maxTokenSize, size)
	}
	l.tags(d)
	p.MFACommand = l.ownMFA(d)
	p.Policy, p.PolicyFile = l.policies(d)
	p.PolicyDocuments = l.policyDocuments(d)
	p.Scope = l.scope(d)
	if whole {
		l.permissions(d)
		p.Region = l.region(d)
		l.config.Profiles[d.name] = p
	}
}

// sessionName checks the name that the operation gives its session, and returns
// it.
func (l *loader) sessionName(d *draft) string {
	if d.has("session_name") {
		l.template(d.at("session_name"), d.SessionName, sessionName)
	}
	if d.has("name") {
		l.template(d.at("name"), d.Name, federatedName)
	}
	switch {
	case d.operation == session.GetFederationToken && d.has("name"):
		return d.Name
	case d.operation == session.AssumeRoleWithSAML, d.operation == session.GetSessionToken, d.operation == session.SourceItself:
		return ""
	case d.operation != session.GetFederationToken && d.has("session_name"):
		return d.SessionName
	}
	return defaultSessionName
}

// permissions reports a federated user without a session policy, whose session
// can do nothing: the intersection of the IAM user's permissions with none (STS
// API reference, GetFederationToken).
func (l *loader) permissions(d *draft) {
	if d.operation == session.GetFederationToken && !d.narrowed() && !d.AllowNoPermissions {
		l.wrong(path{"profiles", d.name, "policy"}, "write a session policy, or allow_no_permissions = true if resource policies name the session",
			"missing: without a session policy a federated user can do nothing")
	}
}

// complete reports whether the profile has what every vended one needs, and
// reports what it lacks unless it is only a base.
func (l *loader) complete(d *draft, base bool) bool {
	whole := true
	for _, need := range [][2]string{
		{"source", "it names the [sources.NAME] table whose identity assumes the role"},
		{"role_arn", "the form is arn:aws:iam::123456789012:role/Name"},
	} {
		key, hint := need[0], need[1]
		if d.named(key) || key == "role_arn" && slices.Contains(unimplied, d.Operation) {
			continue
		}
		whole = false
		if !base && !d.broken {
			l.wrong(path{"profiles", d.name, key}, hint, "missing")
		}
	}
	return whole
}

// sourceOf only asks whether the source is there; what is wrong with it is
// reported where it stands.
func (l *loader) sourceOf(d *draft) {
	if _, ok := l.file.Sources[d.Source]; d.has("source") && !ok {
		l.unknown(d.at("source"), "source", d.Source, maps.Keys(l.file.Sources))
	}
}

// role checks role_arn. A partition
// that is unknown here may be a new one, so it is no error.
func (l *loader) role(d *draft) {
	if !d.has("role_arn") {
		return
	}
	if d.role == (arn{}) {
		l.wrongARN(d.at("role_arn"), "role", d.RoleARN)
		return
	}
	if _, known := partitions[d.role.partition]; !known {
		l.doubt(d.at("role_arn"), "the partitions are "+strings.Join(knownPartitions(), ", "),
			"partition %s is unknown to this version", d.role.partition)
	}
	if d.operation == session.AssumeRoleWithSAML {
		l.federated(d)
	}
}

// federated checks a role against the SAML provider whose assertion it is
// assumed with.
func (l *loader) federated(d *draft) {
	at := d.where("role_arn", "source")
	if name := d.RoleARN[strings.LastIndexByte(d.RoleARN, '/')+1:]; strings.HasPrefix(name, "AWSReservedSSO_") {
		l.wrong(at, `take a source of type shared-config that signs in to IAM Identity Center, and operation = "source"`,
			"AWS lets no assertion of yours assume the roles of IAM Identity Center")
	}
	provider, ok := parseARN(providerARN, d.from.ProviderARN)
	switch {
	case !ok: // missing or wrong, and reported
	case provider.partition != d.role.partition:
		l.wrong(at, "", "the role belongs to partition %s, provider_arn of source %s to %s", d.role.partition, d.Source, provider.partition)
	case provider.account != d.role.account:
		l.wrong(at, "the role and its identity provider belong to one account",
			"the role belongs to account %s, provider_arn of source %s to %s", d.role.account, d.Source, provider.account)
	}
}

// template checks a text with templates. The fixed text must be right as it
// stands: trust policies pin session names, so it is never mended silently.
func (l *loader) template(at path, text string, m limits) {
	fixed, err := expand(text, known(nameTemplates))
	if err != nil {
		l.badTemplate(at, err)
		return
	}
	if templated(text) {
		m.low = 0 // the values add to it
	}
	if problem := m.problem(fixed); problem != "" {
		l.wrong(at, "", "%q: %s", shortened(text), problem)
	}
}

// badTemplate reports what expand found.
func (l *loader) badTemplate(at path, err error) {
	m, _ := err.(mistake)
	l.wrong(at, m.hint, "%s", err)
}

// externalID checks external_id. It tells the customers of one company apart,
// not its users, and is no secret (IAM user guide).
func (l *loader) externalID(d *draft) {
	at := d.at("external_id")
	switch problem := externalID.problem(d.ExternalID); {
	case policy.Placeholder(d.ExternalID) != "":
		l.wrong(at, "put your own value there", "%s is a placeholder that nobody filled in", policy.Placeholder(d.ExternalID))
	case templated(d.ExternalID):
		l.wrong(at, "the trust policy compares it with one fixed text", "no templates are possible here")
	case problem != "":
		l.wrong(at, "", "%q: %s", shortened(d.ExternalID), problem)
	}
}

// tags checks tags and transitive_tags. AWS compares keys without regard to
// case (IAM user guide, session tags).
func (l *loader) tags(d *draft) {
	folded := make(map[string]string)
	if len(d.Tags) > maxTags {
		l.wrong(d.at("tags"), "", "%d tags, where %d are possible", len(d.Tags), maxTags)
	}
	for _, key := range slices.Sorted(maps.Keys(d.Tags)) {
		at := d.at("tags").to(key)
		switch problem := tagKey.problem(key); {
		case problem != "":
			l.wrong(at, "", "the key: %s", problem)
		case reserved(key):
			l.wrong(at, "", "keys that begin with aws: are AWS's own")
		case folded[fold(key)] != "":
			l.wrong(at, "", "differs from %q only in case, which AWS does not look at", folded[fold(key)])
		}
		folded[fold(key)] = key
		l.template(at, d.Tags[key], tagValue)
	}
	if !d.has("transitive_tags") || (d.named("tags") && !d.has("tags")) {
		return
	}
	for i, key := range d.TransitiveTags {
		if _, ok := folded[fold(key)]; !ok {
			l.wrong(d.where("transitive_tags", "tags"), suggest(key, slices.Collect(maps.Keys(d.Tags)), "tags"),
				"%q is not among the tags", shortened(key))
		}
		if slices.ContainsFunc(d.TransitiveTags[:i], func(other string) bool { return fold(other) == fold(key) }) {
			l.wrong(d.at("transitive_tags"), "", "%q is named twice", shortened(key))
		}
	}
}

// fold returns the form in which AWS compares keys.
func fold(key string) string { return strings.ToLower(key) }

// reserved reports whether a key is of those that only AWS sets.
func reserved(key string) bool { return strings.HasPrefix(fold(key), "aws:") }

// region returns where STS is asked for the profile, and checks that the role
// can be assumed there: credentials of one partition mean nothing in another.
func (l *loader) region(d *draft) string {
	source := l.file.Sources[d.Source]
	region, from, at := "", "", d.where("role_arn", "source")
	switch {
	case d.named("region"):
		region, from, at = d.Region, d.at("region").String(), d.where("region", "role_arn")
	case source != nil && source.named("region"):
		region, from = source.Region, path{"sources", d.Source, "region"}.String()
	case l.file.Daemon.named("region"):
		region, from = l.file.Daemon.Region, "daemon.region"
	case source == nil:
		return "" // and reported
	default:
		l.wrong(path{"profiles", d.name, "region"}, "set it here, in sources."+d.Source+" or in daemon", "no region anywhere")
		return ""
	}
	_, known := partitions[d.role.partition]
	if !regionForm.MatchString(region) || !known || l.file.Daemon.named("sts_endpoint") {
		return region
	}
	if of := partitionOf(region); of != d.role.partition {
		l.wrong(at, "set a region of "+d.role.partition+" in this profile",
			"%s (%s) is a region of partition %s, the role belongs to %s", region, from, of, d.role.partition)
	}
	return region
}

// characters counts as STS does.
func characters(texts ...string) int {
	n := 0
	for _, text := range texts {
		n += utf8.RuneCountInString(text)
	}
	return n
}
