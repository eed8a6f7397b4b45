package profiles

import (
	"maps"
	"regexp"

	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/session"
)

// providerARN is the form of a SAML provider's ARN (service authorization
// reference, IAM; as of 2026-11).
var providerARN = regexp.MustCompile(`^arn:(aws(?:-[a-z0-9]+)*):iam::(\d{12}):saml-provider(/)([A-Za-z0-9._-]{1,128})$`)

// proof checks where the JWT or the assertion of a source comes from. It is of
// use for minutes, so it cannot stand in the file.
func (l *loader) proof(at path, t *sourceTable, s *session.Source, fileKey, commandKey, file string, command []string) {
	switch {
	case t.named(fileKey) && t.named(commandKey):
		l.wrong(at.to(commandKey), "keep one of them", "%s and %s are two ways to the same", fileKey, commandKey)
	case t.has(fileKey):
		s.File = l.external(at.to(fileKey), file)
	case t.has(commandKey):
		s.Command = l.command(at.to(commandKey), command, "no program")
	case !t.named(fileKey) && !t.named(commandKey):
		l.wrong(at.to(fileKey), "name the file, or the program that prints it with "+commandKey, "a source of type %s needs it", s.Type)
	}
}

// provider checks provider_arn.
func (l *loader) provider(at path, t *sourceTable, s *session.Source) {
	const form = "the form is arn:aws:iam::123456789012:saml-provider/Name"
	if !t.named("provider_arn") {
		l.wrong(at, form, "a source of type saml needs the identity provider that IAM knows")
		return
	}
	if !t.has("provider_arn") {
		return
	}
	s.ProviderARN = t.ProviderARN
	if name := policy.Placeholder(t.ProviderARN); name != "" {
		l.wrong(at, "put your own value there", "%s is a placeholder that nobody filled in", name)
	} else if _, ok := parseARN(providerARN, t.ProviderARN); !ok {
		l.wrong(at, form, "%q is not the ARN of a SAML provider", shortened(t.ProviderARN))
	}
}

// chained checks the profile that a source of type profile begins with. Whether
// the chain ends is seen when all profiles are known.
func (l *loader) chained(at path, t *sourceTable, s *session.Source) {
	if !t.named("profile") {
		l.wrong(at, "it names the [profiles.NAME] table whose session signs", "a source of type profile needs it")
	}
	if !t.has("profile") {
		return
	}
	s.Profile = t.Profile
	if _, ok := l.file.Profiles[t.Profile]; !ok {
		l.unknown(at, "profile", t.Profile, maps.Keys(l.file.Profiles))
	}
}
