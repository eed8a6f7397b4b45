package profiles

import (
	"slices"
	"strings"
	"time"

	"github.com/vendord/vendord/session"
)

// operations are what a profile can write as its operation.
var operations = []string{session.AssumeRole, session.AssumeRoleWithWebIdentity, session.AssumeRoleWithSAML,
	session.GetFederationToken, session.GetSessionToken, session.SourceItself}

// implied is the operation that follows from the type of source, where it is
// another than AssumeRole.
var implied = map[string]string{
	session.WebIdentity: session.AssumeRoleWithWebIdentity,
	session.SAML:        session.AssumeRoleWithSAML,
}

// follows returns the operation that follows from a source.
func follows(kind string) string {
	if op, ok := implied[kind]; ok {
		return op
	}
	return session.AssumeRole
}

// asked returns the operation of a draft, or "" where it cannot be told: the
// source is missing, as in a base, or something about either is wrong.
func (d *draft) asked() string {
	switch {
	case d.has("operation") && slices.Contains(unimplied, d.Operation):
		return d.Operation
	case d.named("operation") && !d.has("operation"), d.from == nil, !slices.Contains(sourceTypes, d.from.kind()):
		return ""
	case d.has("operation") && d.Operation != follows(d.from.kind()):
		return ""
	}
	return follows(d.from.kind())
}

// unimplied are the operations that no source implies.
var unimplied = []string{session.GetFederationToken, session.GetSessionToken, session.SourceItself}

// operation checks operation against the source: which operations an identity
// can ask for is known from what it is.
func (l *loader) operation(d *draft) {
	l.operationName(d)
	if d.from == nil || !slices.Contains(sourceTypes, d.from.kind()) {
		return
	}
	kind, where := d.from.kind(), d.where("operation", "source")
	switch d.operation {
	case session.GetFederationToken, session.GetSessionToken:
		switch {
		case !slices.Contains(keyTypes, kind):
			l.wrong(where, "take a source of type "+strings.Join(keyTypes, ", "),
				"%s needs the long-term keys of an IAM user, which source %s of type %s has not", d.operation, d.Source, kind)
		case d.from.named("mfa_serial"):
			hint := "name a source without mfa_serial: this operation takes no code"
			if d.operation == session.GetSessionToken {
				hint = `operation = "source" vends that session itself; or set mfa_serial here and not in the source`
			}
			l.wrong(where, hint, "%s needs long-term keys, and those of source %s are put away behind a session with MFA", d.operation, d.Source)
		}
	case session.SourceItself:
		switch {
		case kind == session.WebIdentity || kind == session.SAML:
			l.wrong(where, "remove operation: this source's proof is exchanged for a role", "source %s has a proof of an identity and no credentials", d.Source)
		case kind == session.Keyring && !d.from.named("mfa_serial"):
			l.wrong(where, `operation = "get-session-token" makes temporary credentials of them`,
				"source %s has long-term keys, which are never vended", d.Source)
		}
	}
}

// operationName checks what is written as operation.
func (l *loader) operationName(d *draft) {
	if !d.has("operation") || slices.Contains(unimplied, d.Operation) {
		return
	}
	at := d.at("operation")
	switch {
	case d.Operation == session.GetScopedCredentials:
		l.wrong(at, "remove it: scope_policy, scope_policy_file or scope_duration say so", "%s follows from a scope", d.Operation)
	case !slices.Contains(operations, d.Operation):
		l.wrong(at, suggest(d.Operation, operations, "operations"), "no operation %q", d.Operation)
	case d.operation == "" && d.from != nil && slices.Contains(sourceTypes, d.from.kind()):
		l.wrong(d.where("operation", "source"), "remove operation: it follows from the source",
			"source %s is of type %s, which means %s", d.Source, d.from.kind(), follows(d.from.kind()))
	}
}

// What STS accepts as a duration (STS API reference, DurationSeconds of each
// operation; as of 2026-11).
const (
	shortest       = 15 * time.Minute
	longest        = 12 * time.Hour // of a role
	longestOfUsers = 36 * time.Hour // of get-federation-token and get-session-token
	longestOfChain = time.Hour      // of a role that temporary credentials assume
)

// The defaults of duration, which are STS's own.
const (
	defaultDuration        = time.Hour
	defaultDurationOfUsers = 12 * time.Hour
)

// looping is the duration below which programs ask on every call: botocore and
// the .NET SDK renew what has less than 15 minutes left, so of a session of 30
// minutes vendord can keep them quiet for half (as of 2026-11).
const looping = 30 * time.Minute

// duration returns how long a session lasts. It checks against what STS takes
// of any role; the role's own maximum is only known to AWS.
func (l *loader) duration(d *draft) time.Duration {
	users := d.operation == session.GetFederationToken || d.operation == session.GetSessionToken
	switch {
	case d.operation == session.SourceItself:
		return 0
	case !d.has("duration") && users:
		return defaultDurationOfUsers
	case !d.has("duration"):
		return defaultDuration
	}
	length, at := time.Duration(d.Duration), d.at("duration")
	switch {
	case users || d.operation == "":
		l.between(at, length, longestOfUsers, "")
	case !l.between(at, length, longest, "the role's own maximum counts as well: 1 hour unless it was raised"):
	case d.temporary() != "" && length > longestOfChain:
		l.wrong(d.where("duration", "source"), d.temporaryHint(),
			"%s, where a role that is assumed with temporary credentials lasts at most 1 hour: %s", length, d.temporary())
	}
	return length
}

// between checks a duration, and reports whether it is possible.
func (l *loader) between(at path, length, most time.Duration, hint string) bool {
	switch {
	case length < shortest || length > most:
		l.wrong(at, hint, "%s is not between 15 minutes and %d hours", length, most/time.Hour)
		return false
	case length%time.Second != 0:
		l.wrong(at, "", "%s is not a whole number of seconds", length)
		return false
	case length < looping:
		l.doubt(at, "take 1h where the role allows it",
			"below 30 minutes many programs ask on every call, since they renew what has less than 15 minutes left")
	}
	return true
}

// temporary says why a role is assumed with temporary credentials, where that
// is known from the file; "" if not. A shared-config, environment or process
// source can have either.
func (d *draft) temporary() string {
	switch {
	case d.operation != session.AssumeRole:
		return ""
	case d.from.named("mfa_serial"):
		return "source " + d.Source + " signs in with MFA"
	case d.from.kind() == session.ParentProfile:
		return "source " + d.Source + " is another profile's session"
	case d.from.kind() == session.IMDS, d.from.kind() == session.Container:
		return "source " + d.Source + " is a machine's role"
	}
	return ""
}

func (d *draft) temporaryHint() string {
	if d.from.named("mfa_serial") {
		return "set mfa_serial in the profile and not in the source, for a longer session of its own"
	}
	return `write duration = "1h": vendord renews it`
}
