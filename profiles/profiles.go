// Package profiles reads vendord.toml: where first AWS identities come from
// (sources), what may be vended (profiles) and who may have it (apps). It
// renders a profile for an identity into the session.Request that is put to
// AWS.
//
// Load guarantees that what it returns is whole: every key known, every name
// resolved, every value within the limits of STS as far as they can be told
// without asking, every session policy checked, and every file that was read
// writable by nobody but root and the daemon's user. It reports all problems at
// once, each with its file, its key and, where the file tells, its line. A key
// of a later version is an error here and never ignored: a limit that somebody
// wrote down and vendord skipped would be a hole.
//
// A Config does not change after Load, so it may be shared without a lock.
//
// The package does not ask AWS anything, does not read credentials and does not
// decide who gets a profile; apps does that. It is the only one that knows TOML.
package profiles

import (
	"net/netip"
	"time"

	"github.com/vendord/vendord/session"
)

// CLI is the name of the built-in app that vendord's own commands vend as. No
// app and no profile of the file may have it.
const CLI = "cli"

// Identity is who a session is for: the values of {{app}} and {{user}}.
type Identity struct{ App, User string }

// Options say how to load a configuration.
type Options struct {
	// Path is vendord.toml; a relative one is taken from the working
	// directory.
	Path string
	// System is true for the system service, which has another default for
	// listen and may have operators.
	System bool
	// UID is the daemon's user id. Files of this user and of root are
	// trusted, those of others are not. It has no meaning on Windows.
	UID int
	// Home is what "~/" stands for in paths of the file. Where it is empty,
	// such paths are errors.
	Home string
	// Host is the value of {{host}}; empty means what the system says.
	Host string
	// Authors keeps session policies as they were written, for
	// Config.Written. Commands that explain policies set it; a daemon has no
	// use for it.
	Authors bool
	// Credentials is the value of $CREDENTIALS_DIRECTORY, where systemd puts
	// what "credential:NAME" stands for; empty means that there is none.
	Credentials string
	// Stores are where systemd would take "credential:NAME" from. They are looked
	// into where Credentials is empty: from outside of the service. See Stores.
	Stores []Store
	// Machine answers what the file's rules ask of this machine; nil is the
	// machine itself.
	Machine *Machine
}

// Config is a configuration that was loaded and found right.
type Config struct {
	// Path is the absolute path of the file.
	Path string
	// Daemon has its defaults filled in.
	Daemon Daemon
	// Sources, Profiles and Apps are keyed by name. Profiles holds those that
	// can be vended: a profile that others extend, that no app or source names
	// and that lacks a source or a role is only a base, and is left out.
	Sources map[string]session.Source
	// MFA has the sources with mfa_serial, by name: one session that was made
	// with a code is what all their profiles start from.
	MFA      map[string]MFA
	Profiles map[string]Profile
	Apps     map[string]App
	// Audit is the [audit] section.
	Audit Audit
	// Endpoints are where programs ask besides Daemon.Listen, in the order of the
	// kinds and of the file.
	Endpoints []Endpoint
	// Credentials are those of systemd that the file names, in its order.
	Credentials []Credential
	// Warnings are what AWS accepts and the author probably did not mean,
	// sorted by file and line.
	Warnings []Problem

	host    string
	files   []snapshot
	named   []string             // files of sources, see Files
	authors map[authored]Written // nil without Options.Authors
}

// EndpointKind is the AWS service that an endpoint speaks like, as the key of the file.
type EndpointKind string

// ECS is the endpoint of Amazon ECS's tasks, EKS the one of EKS Pod Identity, and IMDS
// the instance metadata service of Amazon EC2.
const (
	ECS  EndpointKind = "ecs"
	EKS  EndpointKind = "eks"
	IMDS EndpointKind = "imds"
)

// Endpoint is one address of [endpoints].
type Endpoint struct {
	Kind   EndpointKind
	Listen netip.AddrPort
	// App is the one whose programs are answered there; "" for every app's. Only the
	// metadata service has it: programs of one user that tell it nothing of
	// themselves are told apart by where they ask.
	App string
}

// Key is where it stands in the file, such as "endpoints.ecs.listen".
func (e Endpoint) Key() string { return "endpoints." + string(e.Kind) + ".listen" }

// Audit is the [audit] section: the record of who got what.
type Audit struct {
	// File is the absolute path that lines are appended to, or empty.
	File string
	// Journal says that systemd's journal gets them too.
	Journal bool
	// Required says that nothing is vended that cannot be recorded.
	Required bool
	// MaxSize is how many bytes the file has before it is renamed; 0 is no bound.
	// Keep is how many older ones are kept.
	MaxSize int64
	Keep    int
}

// Daemon is the [daemon] section.
type Daemon struct {
	// Listen is the address for SDKs, or empty for a free port on 127.0.0.1
	// that the daemon chooses and keeps.
	Listen string
	// Region is where STS is asked unless a profile or source says otherwise.
	Region string
	// STSEndpoint replaces AWS's own endpoints; empty for those.
	STSEndpoint string
	// SSOEndpoint and IAMEndpoint do the same for IAM Identity Center and IAM.
	SSOEndpoint, IAMEndpoint string
	// ScopedCredentials is true where the preview of that name is on: profiles
	// can have a scope.
	ScopedCredentials bool
	// Operators are the groups that may steer a system service.
	Operators []string
	// RequestsPerSecond bounds what the programs of one app and user ask; 0
	// is no bound.
	RequestsPerSecond int
}

// MFA is how a code is got for an IAM user's device.
type MFA struct {
	// Serial is the device's ARN or serial number.
	Serial string
	// Command prints a code; empty where a person types it.
	Command []string
	// Duration is how long the session with MFA lasts.
	Duration time.Duration
}

// Profile is one profile with everything that it inherits filled in. Texts
// still hold their {{templates}}.
type Profile struct {
	Name    string
	Extends string
	// Source is a key of Config.Sources.
	Source string
	// Operation is one of session's constants, but GetScopedCredentials, which
	// a profile has on top of another one: see Scoped.
	Operation string
	// RoleARN is empty for operations that assume no role.
	RoleARN string
	// Region is the profile's, the source's or the daemon's; never empty.
	Region string
	// Duration is between 15 minutes and 36 hours, in whole seconds; 0 for
	// SourceItself, whose credentials last as long as they last.
	Duration time.Duration
	// SessionName is RoleSessionName, or the Name of GetFederationToken; empty
	// for operations that name no session.
	SessionName    string
	ExternalID     string
	SourceIdentity string
	Tags           map[string]string
	TransitiveTags []string
	// Policy is the inline session policy, minified; PolicyARNs are the
	// managed ones. With neither the session has all that the role has, or,
	// of GetFederationToken, nothing.
	Policy     string
	PolicyARNs []string
	// PolicyFile is the absolute path that Policy was read from, or empty.
	PolicyFile string
	// PolicyDocuments are texts of managed policies, by ARN, as their files
	// have them: for explaining, never for AWS, and perhaps out of date.
	PolicyDocuments map[string]string
	// AllowNoPermissions says that a GetFederationToken without session
	// policies is meant.
	AllowNoPermissions bool
	// MFASerial and MFACommand are the profile's own, for a code that is given
	// to this very operation; see Config.MFA for those of its source.
	MFASerial  string
	MFACommand []string
	// Scope is what narrows the session further, where there is something.
	Scope Scope
	// MinTokenSize is minimum_session_token_size, in bytes.
	MinTokenSize int
	// PerApp keeps the sessions of different apps and users apart.
	PerApp bool
	// Protected says that only commands under exec get it. No app lists it.
	Protected bool
}

// Scope is a step of GetScopedCredentials around a profile's session (preview).
// The zero value is none.
type Scope struct {
	// Policy is minified; empty where only the duration is cut.
	Policy string
	// File is the absolute path that Policy was read from, or empty.
	File string
	// Duration is at most the session's; 0 is what is left of it.
	Duration time.Duration
}

// Scoped reports whether there is a scope.
func (s Scope) Scoped() bool { return s.Policy != "" || s.Duration != 0 }

// Narrowed reports whether the profile has session policies.
func (p Profile) Narrowed() bool { return p.Policy != "" || len(p.PolicyARNs) > 0 }

// App is one app.
type App struct {
	Name string
	// Profiles are the ones it may use. The first is the one it starts with.
	Profiles []string
	// Match is how the kernel recognises its programs; the zero Match is that of
	// an app of tokens.
	Match Match
	// Both says that a program needs a token and has to match.
	Both bool
	// From are the networks that an app's tokens may be presented from by who has
	// no user here, and Unidentified says that they may be from anywhere.
	From         []netip.Prefix
	Unidentified bool
	// Select says that a program may ask for any of Profiles by its name.
	Select bool
	// MetadataV1 says that its programs may ask the metadata service without a
	// session token, as version 1 of it was asked.
	MetadataV1 bool
}
