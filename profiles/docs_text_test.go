package profiles_test

// sourceModes is what follows the table of sources.
const sourceModes = `[sources.md](sources.md) says which source works in user mode and in system mode, and how. A person is needed for sources that sign in and for MFA without ` + "`mfa_command`" + `: in system mode an operator runs ` + "`vendord login NAME`" + `.

`

// operationTable is what each operation takes.
const operationTable = `### Operations

| ` + "`operation`" + ` | written | source | assumes a role | session policies | tags | MFA of its own | lasts |
|---|---|---|---|---|---|---|---|
| ` + "`assume-role`" + ` | no | any other | yes | yes | yes | with long-term keys | 15m to 12h; 1h with temporary credentials |
| ` + "`assume-role-with-web-identity`" + ` | no | ` + "`web-identity`" + ` | yes | yes | the JWT's | no | 15m to 12h |
| ` + "`assume-role-with-saml`" + ` | no | ` + "`saml`" + ` | yes | yes | the assertion's | no | 15m to 12h |
| ` + "`get-federation-token`" + ` | yes | long-term keys | no | needed | yes | no | 15m to 36h |
| ` + "`get-session-token`" + ` | yes | long-term keys | no | no | no | yes | 15m to 36h |
| ` + "`source`" + ` | yes | temporary credentials | no | no | no | no | as the source's |

Keys that an operation does not take are errors. Whether a source of type ` + "`shared-config`, `environment` or `process`" + ` has long-term keys or temporary ones is only known when it is asked; an operation that cannot do with them then fails and says so. So does one for which the role's own maximum is too short.

### Role chains

A source of type ` + "`profile`" + ` is another profile's session, so a profile with such a source is a role chain. It is refused where it could not work: where it goes round in a circle or rests on more than five other sessions, where a tag is set again that an earlier profile passes on, where the source identity changes, and where the session policy of the profile before does not let ` + "`sts:AssumeRole`" + ` on the role through (and ` + "`sts:TagSession`, `sts:SetSourceIdentity`" + `, where they are needed). Session policies are not passed on to the next role.

### Scopes (preview)

` + "`scope_policy`, `scope_policy_file` and `scope_duration`" + ` narrow a session after it was made, with STS's ` + "`GetScopedCredentials`" + ` of November 2026. They need ` + "`preview = [\"scoped-credentials\"]` in `[daemon]`" + `, since little of that operation is known yet. Known: it takes temporary credentials of any kind, and no long-term keys; the result can do what the session and the policy both allow, is the same principal in CloudTrail, and never outlives the session; it is asked at regional endpoints. Not known: how long the policy may be, whether it needs a permission of its own, how often one session may be narrowed, and whether a resource policy that names the session is bound by it. So a session is narrowed once, and where that fails programs get the error and never the session. A role that is assumed with narrowed credentials is not narrowed: a scope policy that allows ` + "`sts:AssumeRole`" + ` gets a warning.

`
