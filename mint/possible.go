package mint

import (
	"slices"
	"strings"

	"github.com/vendord/vendord/session"
)

// parameter is one that a request may have, and the operations that AWS takes
// it with.
type parameter struct {
	key   string // as vendord.toml spells it
	given func(session.Request) bool
	with  []string
}

// parameters are those of the STS API reference, as of 2026-11.
var parameters = []parameter{
	// Of a scoped session it is the role that the session is of, for messages.
	{"role_arn", func(r session.Request) bool { return r.RoleARN != "" },
		[]string{session.AssumeRole, session.AssumeRoleWithWebIdentity, session.AssumeRoleWithSAML, session.GetScopedCredentials}},
	{"session_name", func(r session.Request) bool { return r.SessionName != "" },
		[]string{session.AssumeRole, session.AssumeRoleWithWebIdentity, session.GetFederationToken}},
	{"external_id", func(r session.Request) bool { return r.ExternalID != "" }, []string{session.AssumeRole}},
	{"source_identity", func(r session.Request) bool { return r.SourceIdentity != "" }, []string{session.AssumeRole}},
	{"policy", func(r session.Request) bool { return r.Policy != "" },
		[]string{session.AssumeRole, session.AssumeRoleWithWebIdentity, session.AssumeRoleWithSAML, session.GetFederationToken, session.GetScopedCredentials}},
	{"policy_arns", func(r session.Request) bool { return r.PolicyARNs != "" },
		[]string{session.AssumeRole, session.AssumeRoleWithWebIdentity, session.AssumeRoleWithSAML, session.GetFederationToken}},
	{"tags", func(r session.Request) bool { return r.Tags != "" }, []string{session.AssumeRole, session.GetFederationToken}},
	{"transitive_tags", func(r session.Request) bool { return r.TransitiveTags != "" }, []string{session.AssumeRole}},
	{"mfa_serial", func(r session.Request) bool { return r.MFASerial != "" }, []string{session.AssumeRole, session.GetSessionToken}},
	{"duration", func(r session.Request) bool { return r.Duration != 0 },
		[]string{session.AssumeRole, session.AssumeRoleWithWebIdentity, session.AssumeRoleWithSAML, session.GetFederationToken, session.GetSessionToken, session.GetScopedCredentials}},
	{"minimum_session_token_size", func(r session.Request) bool { return r.MinTokenSize != 0 },
		[]string{session.AssumeRole, session.AssumeRoleWithWebIdentity, session.AssumeRoleWithSAML, session.GetFederationToken, session.GetSessionToken, session.GetScopedCredentials}},
}

// operations are all that a Minter can ask for.
var operations = []string{session.AssumeRole, session.AssumeRoleWithWebIdentity, session.AssumeRoleWithSAML,
	session.GetFederationToken, session.GetSessionToken, session.GetScopedCredentials, session.SourceItself}

// possible refuses what AWS does not know. A parameter that was ignored would
// make a session that is not the one in vendord.toml.
func possible(r session.Request) error {
	refuse := func(problem, hint string) error {
		return &session.Error{Class: session.Configuration, Public: target(r) + ": " + problem, Hint: hint}
	}
	if !slices.Contains(operations, r.Operation) {
		return refuse(`operation "`+r.Operation+`" is not known`, "the operations are "+strings.Join(operations, ", "))
	}
	for _, p := range parameters {
		if p.given(r) && !slices.Contains(p.with, r.Operation) {
			return refuse(p.key+` cannot be given with operation "`+r.Operation+`"`, "leave it out, "+reload)
		}
	}
	for key, list := range map[string]string{"policy_arns": r.PolicyARNs, "transitive_tags": r.TransitiveTags} {
		if list != session.List(session.Items(list)) {
			return refuse(key+" cannot be read", "report it, with the profile") // and would be left out, session policies among them
		}
	}
	if proves := map[string]string{session.AssumeRoleWithWebIdentity: session.WebIdentity, session.AssumeRoleWithSAML: session.SAML}[r.Operation]; proves != "" &&
		(r.Source.Type != proves || r.Parent != "") {
		return refuse(`operation "`+r.Operation+`" needs a source of type "`+proves+`"`, "name such a source in the profile, "+reload)
	}
	if r.Operation == session.GetScopedCredentials {
		if err := scopable(r); err != nil {
			return err
		}
	}
	if r.Region == "" && r.Source.Type == session.IMDS && r.Parent == "" {
		return nil // the instance knows
	}
	return checkRegion(target(r), r.Region)
}

// target names what a request is for: its role, else its source.
func target(r session.Request) string {
	if r.RoleARN != "" {
		return "role " + r.RoleARN
	}
	return subject(r.Source)
}

func checkRegion(subject, region string) error {
	if session.IsRegion(region) {
		return nil
	}
	return &session.Error{Class: session.Configuration, Public: subject + ": region \"" + region + "\" is not the name of a region",
		Hint: "set region in the profile, the source or [daemon], such as \"eu-west-1\""}
}
