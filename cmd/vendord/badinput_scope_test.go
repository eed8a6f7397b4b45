package main

import (
	"strings"
	"time"

	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/session"
)

const readHandbook = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::company1-hr/*"}]}`

// badScopes are of GetScopedCredentials. Whatever it does, nobody is handed the
// session that was to be scoped: see inputStage.handed.
func badScopes() (rows []badInput) {
	row := func(name string, class session.Class, code, says, hint string, rules fakeaws.ScopedRules) {
		rows = append(rows, badInput{name: "scope " + name, profile: "scope_policy = '" + readHandbook + "'", action: "GetScopedCredentials",
			class: class, code: code, says: says, hint: hint, how: byReload,
			spoil: func(s *inputStage) { s.must(s.bad.Load().SetScopedRules(rules)) },
			mend:  func(s *inputStage) { s.must(s.bad.Load().SetScopedRules(fakeaws.ScopedRules{})) }})
	}
	const role = "role " + badRole + ": "
	row("unknown to the endpoint", session.Configuration, "InvalidAction", "STS at http://127.0.0.1:", "set another region, or leave out scope_policy", fakeaws.ScopedRules{Absent: true})
	row("refused by the role's policies", session.Administrator, "AccessDenied", role+"AWS denies sts:GetScopedCredentials", "the policies of the session to scope must allow", fakeaws.ScopedRules{Permission: "allow"})
	row("policy too long", session.Configuration, "PackedPolicyTooLarge", role+"its session policy and tags are too large", "drop Sids", fakeaws.ScopedRules{MaxPolicyChars: 20})
	row("policy too long, by a code that nobody knows", session.Configuration, "ScopeTooLong", role+"AWS refuses the request (HTTP 400 ScopeTooLong)", "correct the profile",
		fakeaws.ScopedRules{MaxPolicyChars: 20, Refusals: map[string]fakeaws.ScopedRefusal{"size": {Status: 400, Code: "ScopeTooLong"}}})
	row("refused by a code that nobody knows", session.Administrator, "Odd", role+"AWS refuses ", "", fakeaws.ScopedRules{MaxPolicyChars: 20,
		Refusals: map[string]fakeaws.ScopedRefusal{"size": {Status: 403, Code: "Odd"}}})
	return append(rows, scopeFault("answers with a page", fakeaws.Garbage), scopeFault("answers with an empty key", fakeaws.EmptyKey), shortParent())
}

// scopeFault is an answer that is none.
func scopeFault(name string, kind fakeaws.FaultKind) badInput {
	return badInput{name: "scope " + name, profile: "scope_policy = '" + readHandbook + "'", action: "GetScopedCredentials", class: session.Retry, says: "STS at http://127.0.0.1:",
		spoil: func(s *inputStage) {
			s.bad.Load().Inject(fakeaws.Fault{Operation: "GetScopedCredentials", Kind: kind})
		}, mend: func(s *inputStage) { s.bad.Load().Clear() }}
}

// shortParent is a session that ends before a scope of it would be of any use.
func shortParent() badInput {
	return badInput{name: "scope of a session that nearly ends", profile: `scope_duration = "20m"`, action: "GetScopedCredentials", life: 20 * time.Minute,
		class: session.Retry, says: "role " + badRole + ": the session to scope has almost expired", hint: "vendord renews it by itself", asleep: true,
		spoil: func(s *inputStage) {
			s.bad.Load().Inject(fakeaws.Fault{Operation: "AssumeRole", Kind: fakeaws.ShortLife, Life: 55 * time.Second})
		}, mend: func(s *inputStage) { s.bad.Load().Clear(); s.clock.advance(2 * time.Minute) }}
}

// badUsers are of the operations for users, which roles cannot have.
func badUsers() []badInput {
	user := func(s *inputStage) { s.script(prints(processKeys(secondKey))) }
	rows := []badInput{}
	for _, operation := range []string{"get-federation-token", "get-session-token"} {
		b := badInput{name: operation + " with the keys of a session", source: "type = \"process\"\ncommand" + theScript, class: session.Configuration, how: byReload,
			profile: "operation = \"" + operation + "\"\nduration = \"1h\"", action: "GetSessionToken", setup: user, mend: user,
			hint: "use a source with the long-term keys of an IAM user", spoil: func(s *inputStage) { s.script(prints(s.sessionKeys(time.Hour))) }}
		if operation == "get-federation-token" {
			b.profile, b.action = b.profile+"\npolicy = '"+readHandbook+"'", "GetFederationToken"
		}
		b.says = `source "bad": its keys are those of a session, and AWS gives sts:` + b.action + " to long-term keys alone"
		rows = append(rows, b)
	}
	for i := range rows {
		rows[i].name = strings.ReplaceAll(rows[i].name, "-", " ")
	}
	return rows
}
