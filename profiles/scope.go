package profiles

import (
	"slices"
	"strings"
	"time"

	"github.com/vendord/vendord/session"
)

// What GetScopedCredentials accepts (STS API reference, DurationSeconds; as of
// 2026-11). It is not to be had through an SDK yet, and little is known of its
// limits, so less is refused here than elsewhere.
const (
	shortestScope = time.Second
	longestScope  = 36 * time.Hour
)

// scopeKeys are the keys that make a scope.
var scopeKeys = []string{"scope_policy", "scope_policy_file", "scope_duration"}

// scope checks the scope of a profile: a step of GetScopedCredentials around
// its session.
func (l *loader) scope(d *draft) (s Scope) {
	first := slices.IndexFunc(scopeKeys, d.named)
	if first < 0 {
		return s
	}
	if !l.config.Daemon.ScopedCredentials {
		l.wrong(d.at(scopeKeys[first]), `preview = ["scoped-credentials"] in [daemon] turns it on`, "a preview, which is off")
	}
	if w, ok := l.written(d, scopeGroup...); ok {
		j := d.judged(string(w.text))
		j.operation, j.arnChars = session.GetScopedCredentials, 0
		d.scope = l.understood(d, w, j)
		s.Policy, s.File = d.scope.text, w.file
		l.author(d, w)
		l.leaves(d, w.key)
	}
	if d.has("scope_duration") {
		s.Duration = l.scopeDuration(d)
	}
	if d.parent != nil && d.parent.scope.text != "" && slices.ContainsFunc(scopeGroup, d.sets) {
		l.beyond(d, scopeGroup, d.scope, d.parent.scope, "a profile with a scope policy of its own does not inherit one")
	}
	return s
}

// scopeDuration checks scope_duration.
func (l *loader) scopeDuration(d *draft) time.Duration {
	length, at := time.Duration(d.ScopeDuration), d.at("scope_duration")
	switch {
	case length < shortestScope || length > longestScope:
		l.wrong(at, "", "%s is not between 1 second and 36 hours", length)
	case length%time.Second != 0:
		l.wrong(at, "", "%s is not a whole number of seconds", length)
	case d.operation != "" && d.operation != session.SourceItself && length > d.length:
		l.wrong(d.where("scope_duration", "duration", "operation"), "a scope can only shorten: leave it out for all that is left of the session",
			"%s is longer than the session, which lasts %s", length, d.length)
	case length < looping:
		l.doubt(at, "right for one command; for programs that go on take 1h",
			"below 30 minutes many programs ask on every call, since they renew what has less than 15 minutes left")
	}
	return length
}

// ways out of a scope: the role that is assumed next, and the keys that are
// made, are narrowed by nothing.
var waysOut = []string{"sts:AssumeRole", "iam:CreateAccessKey"}

// leaves warns where a scope policy lets a program get credentials that have no
// scope.
func (l *loader) leaves(d *draft, key string) {
	document := d.scope.document
	if d.scope.text == "" || document == nil {
		return
	}
	var out []string
	for _, action := range waysOut {
		if mayAllow(lenient(document), action) {
			out = append(out, action)
		}
	}
	if len(out) > 0 {
		l.doubt(d.at(key), "leave it out, or deny it", "lets %s through: the credentials that a program gets by it have no scope", strings.Join(out, " and "))
	}
}
