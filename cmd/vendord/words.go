package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// identityInWords says who a profile's sessions are for AWS.
func identityInWords(p profiles.Profile) string {
	switch p.Operation {
	case session.AssumeRoleWithSAML:
		return p.RoleARN + " as its assertion says"
	case session.GetFederationToken:
		return "a federated user, " + p.SessionName
	case session.GetSessionToken:
		return fmt.Sprintf("the user of source %q", p.Source)
	case session.SourceItself:
		return fmt.Sprintf("the credentials of source %q", p.Source)
	}
	return p.RoleARN + " as " + p.SessionName
}

// wayInWords says what lies between the source and a profile's session; empty if
// nothing does.
func wayInWords(config *profiles.Config, p profiles.Profile) string {
	var parts []string
	if s := config.Sources[p.Source]; s.Type == session.ParentProfile {
		parts = append(parts, "behind profile "+s.Profile)
	}
	serial, command := p.MFASerial, p.MFACommand
	if shared, ok := config.MFA[p.Source]; ok {
		serial, command = shared.Serial, shared.Command
	}
	switch {
	case serial == "":
	case len(command) > 0:
		parts = append(parts, "with MFA "+serial+", by its command")
	default:
		parts = append(parts, "with MFA "+serial+": vendord login "+loginName(config, p))
	}
	return strings.Join(parts, "; ")
}

// loginName is what somebody signs in to for a profile: its source, where all its
// profiles share that, else the profile.
func loginName(config *profiles.Config, p profiles.Profile) string {
	if _, shared := config.MFA[p.Source]; shared {
		return p.Source
	}
	return p.Name
}

// whoAllows is whose own policies a session policy narrows.
func whoAllows(p profiles.Profile) string {
	switch p.Operation {
	case session.GetFederationToken, session.GetSessionToken:
		return "user"
	case session.SourceItself:
		return "source"
	}
	return "role"
}

// unnarrowed says what sessions without a session policy may do.
func unnarrowed(p profiles.Profile) string {
	if p.Operation == session.GetFederationToken {
		return "nothing: a federated user has what its session policy and the user allow"
	}
	return "all that the " + whoAllows(p) + " may"
}

// lifeInWords says how long a profile's sessions last.
func lifeInWords(p profiles.Profile) string {
	if d := life(p); d > 0 {
		return inWords(d)
	}
	return "as long as they last"
}

// life is how long a profile's sessions last; 0 is as long as the source's.
func life(p profiles.Profile) time.Duration {
	d := p.Duration
	if scope := p.Scope.Duration; scope > 0 && (d == 0 || scope < d) {
		d = scope
	}
	return d.Round(time.Second)
}

// policyInWords says how a profile's sessions are narrowed.
func policyInWords(p profiles.Profile) string {
	var parts []string
	if p.Policy != "" {
		parts = append(parts, "inline")
	}
	if n := len(p.PolicyARNs); n > 0 {
		parts = append(parts, fmt.Sprintf("%d managed", n))
	}
	if p.Scope.Policy != "" {
		parts = append(parts, "scope")
	}
	switch {
	case len(parts) > 0:
		return strings.Join(parts, " + ")
	case p.Operation == session.GetFederationToken:
		return "none: no permissions"
	}
	return "none: not narrowed"
}
