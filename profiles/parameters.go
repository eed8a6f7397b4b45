package profiles

import (
	"slices"

	"github.com/vendord/vendord/session"
)

// refusal is a key that an operation does not have, why, and what to do.
type refusal struct{ key, problem, hint string }

// Reasons and remedies that several refusals have.
const (
	noRole         = "it assumes no role"
	noRoleHint     = "remove it, or the operation, to assume the role"
	noSessionName  = "it names no session"
	ofFederation   = "it belongs to get-federation-token"
	mfaOfProvider  = "the identity provider asks for a second factor, not AWS"
	remove         = "remove it"
	noPolicyHint   = "assume a role, or narrow the session with scope_policy (preview)"
	tagsOfJWT      = "the provider puts tags into the claim https://aws.amazon.com/tags"
	tagsOfSAML     = "the provider puts tags into the attributes https://aws.amazon.com/SAML/Attributes/PrincipalTag:KEY"
	transitiveSAML = "the provider names them in the attribute https://aws.amazon.com/SAML/Attributes/TransitiveTagKeys"
)

// refusals are the keys that each operation does not have (STS API reference,
// the parameters of each; IAM user guide, session tags; as of 2026-11). STS has
// no parameter for them: they would be left out silently, and a limit with them.
var refusals = map[string][]refusal{
	session.AssumeRole: {
		{"name", ofFederation, "session_name names the session of a role"},
		{"allow_no_permissions", ofFederation, "without a session policy a role's session can do all that the role can"},
	},
	session.AssumeRoleWithWebIdentity: {
		{"name", ofFederation, "session_name names the session of a role"},
		{"allow_no_permissions", ofFederation, "without a session policy a role's session can do all that the role can"},
		{"external_id", "assume-role alone has it", "trust policies tell JWTs apart by issuer, audience and subject"},
		{"source_identity", "the JWT says it", "the provider puts it into the claim https://aws.amazon.com/source_identity"},
		{"tags", "the JWT brings them", tagsOfJWT},
		{"transitive_tags", "the JWT names them", tagsOfJWT},
		{"mfa_serial", mfaOfProvider, remove},
		{"mfa_command", mfaOfProvider, remove},
	},
	session.AssumeRoleWithSAML: {
		{"name", ofFederation, "the assertion names the session of a role"},
		{"allow_no_permissions", ofFederation, "without a session policy a role's session can do all that the role can"},
		{"session_name", "the assertion names the session", "the provider puts it into the attribute https://aws.amazon.com/SAML/Attributes/RoleSessionName"},
		{"external_id", "assume-role alone has it", "trust policies tell assertions apart by their attributes"},
		{"source_identity", "the assertion says it", "the provider puts it into the attribute https://aws.amazon.com/SAML/Attributes/SourceIdentity"},
		{"tags", "the assertion brings them", tagsOfSAML},
		{"transitive_tags", "the assertion names them", transitiveSAML},
		{"mfa_serial", mfaOfProvider, remove},
		{"mfa_command", mfaOfProvider, remove},
	},
	session.GetFederationToken: {
		{"role_arn", noRole, noRoleHint},
		{"session_name", "the session is called by name", `write name = "…", 2 to 32 characters`},
		{"external_id", noRole, remove},
		{"source_identity", "a federated user has none", "name tells users apart, and stands in CloudTrail"},
		{"transitive_tags", "a federated user cannot assume a role, so nothing is passed on", remove},
		{"mfa_serial", "it takes no code", "get-session-token and assume-role do"},
		{"mfa_command", "it takes no code", "get-session-token and assume-role do"},
	},
	session.GetSessionToken: {
		{"role_arn", noRole, noRoleHint},
		{"session_name", noSessionName, "the session is the IAM user's own"},
		{"name", ofFederation, "the session is the IAM user's own"},
		{"external_id", noRole, remove},
		{"source_identity", "it sets none", "assume a role to set one"},
		{"tags", "it has no tags", "assume a role, or tag the IAM user"},
		{"transitive_tags", "it has no tags", remove},
		{"policy", "it takes no session policy", noPolicyHint},
		{"policy_file", "it takes no session policy", noPolicyHint},
		{"statement", "it takes no session policy", noPolicyHint},
		{"policy_arns", "it takes no session policy", noPolicyHint},
		{"policy_documents", "it takes no session policy", remove},
		{"allow_no_permissions", ofFederation, "the session can do what the IAM user can"},
	},
	session.SourceItself: {
		{"role_arn", noRole, noRoleHint},
		{"session_name", noSessionName, "the credentials are the source's own"},
		{"name", ofFederation, "the credentials are the source's own"},
		{"external_id", noRole, remove},
		{"source_identity", "it asks STS for nothing", "assume a role to set one"},
		{"tags", "it asks STS for nothing", "assume a role to set some"},
		{"transitive_tags", "it asks STS for nothing", remove},
		{"policy", "it takes no session policy", noPolicyHint},
		{"policy_file", "it takes no session policy", noPolicyHint},
		{"statement", "it takes no session policy", noPolicyHint},
		{"policy_arns", "it takes no session policy", noPolicyHint},
		{"policy_documents", "it takes no session policy", remove},
		{"allow_no_permissions", ofFederation, "the credentials can do what the source can"},
		{"duration", "the credentials last as long as the source makes them", "scope_duration cuts them short (preview)"},
		{"minimum_session_token_size", "it asks STS for nothing", remove},
		{"mfa_serial", "it asks STS for nothing", "set mfa_serial in the source: its session with MFA is then what is vended"},
		{"mfa_command", "it asks STS for nothing", "set mfa_serial in the source: its session with MFA is then what is vended"},
	},
}

// refused reports whether the operation of a draft does not have a key.
func (d *draft) refused(key string) bool { return refusedBy(d.operation, key) }

// refusedBy reports whether an operation does not have a key.
func refusedBy(operation, key string) bool {
	return slices.ContainsFunc(refusals[operation], func(r refusal) bool { return r.key == key })
}

// parameters reports the keys that the operation does not have. One that is
// inherited is wrong where the operation was chosen.
func (l *loader) parameters(d *draft) {
	for _, r := range refusals[d.operation] {
		if !d.named(r.key) {
			continue
		}
		at := d.where(r.key, "operation", "source")
		if at[2] == r.key {
			l.wrong(at, r.hint, "not possible with %s: %s", d.operation, r.problem)
		} else {
			l.wrong(at, r.hint, "%s of %s: not possible with %s: %s", r.key, d.origin[r.key], d.operation, r.problem)
		}
	}
}
