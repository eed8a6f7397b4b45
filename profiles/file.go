package profiles

// The types of this file are vendord.toml as it is written. Their comments and
// tags are also docs/configuration.md: the tag toml is the key, default what
// holds without it, aws where AWS documents it. Write them for users.

// file is the whole of vendord.toml.
type file struct {
	Daemon   daemonTable              `toml:"daemon"`
	Sources  map[string]*sourceTable  `toml:"sources"`
	Profiles map[string]*profileTable `toml:"profiles"`
	Apps     map[string]*appTable     `toml:"apps"`
	given
}

// daemonTable is how the daemon is reached, and whom it asks.
type daemonTable struct {
	// The address at which programs ask for credentials: a loopback IP address and
	// a port. `127.0.0.1` is the one that every AWS SDK accepts. Port 0 takes any
	// free port.
	Listen string `toml:"listen" default:"127.0.0.1:9797 for the system service; else a free port, chosen once and kept"`
	// The region whose STS is asked, and which programs are told, where neither
	// the profile nor its source says otherwise. STS is always asked at a regional
	// endpoint.
	Region string `toml:"region" default:"none" aws:"regions"`
	// An endpoint that is asked instead of AWS's own, such as an emulator. Plain
	// http only to this machine.
	STSEndpoint string `toml:"sts_endpoint" default:"that of the region" aws:"endpoints"`
	// System service only: groups whose members may steer the daemon, besides root.
	Operators []string `toml:"operators" default:"none"`
	// How many requests a second the programs of one app and one user may make, and
	// twice as many at once; more are told to slow down. SDKs make one in half an
	// hour. 0 is no bound.
	RequestsPerSecond int64 `toml:"requests_per_second" default:"5000"`
	given
}

// sourceTable is where a first AWS identity comes from. It names files,
// profiles and commands, and never holds a key.
type sourceTable struct {
	// `shared-config`: a profile of the AWS SDKs' own files. `environment`: the
	// `AWS_*` variables that the daemon was started with. `process`: a command
	// that prints credentials.
	Type string `toml:"type" default:"shared-config"`
	// For `shared-config`: the profile of the SDKs' files.
	Profile string `toml:"profile" default:"default" aws:"files"`
	// For `shared-config`: the config file. A relative path starts at the folder
	// of vendord.toml, `~/` at the home directory of the daemon's user.
	ConfigFile string `toml:"config_file" default:"~/.aws/config" aws:"files"`
	// For `shared-config`: the credentials file, written like `config_file`.
	CredentialsFile string `toml:"credentials_file" default:"~/.aws/credentials" aws:"files"`
	// For `process`, where it is required: the program and its arguments. No shell
	// is involved.
	Command []string `toml:"command" default:"none" aws:"process"`
	// The region whose STS is asked with this identity, where the profile does not
	// say otherwise.
	Region string `toml:"region" default:"that of [daemon]" aws:"regions"`
	given
}

// profileTable is what may be vended: a role, and how much of it. It has no
// secrets.
type profileTable struct {
	// The source whose identity assumes the role: the name of a `[sources.…]` table.
	Source string `toml:"source" default:"none; required"`
	// Another profile, whose keys hold here as far as they are not set here. A
	// table or list is taken over whole or not at all. `policy`, `policy_file`,
	// `statement` and `policy_arns` are one group: a profile that sets any of them
	// inherits none of them. A profile that others extend and that no app names
	// is only a base, and may lack `source` and `role_arn`.
	Extends string `toml:"extends" default:"none"`
	// The STS operation. This version has `assume-role`.
	Operation string `toml:"operation" default:"assume-role" aws:"AssumeRole"`
	// The role to assume.
	RoleARN string `toml:"role_arn" default:"none; required" aws:"AssumeRole:RoleArn"`
	// How long a session lasts, between 15 minutes and 12 hours: `"1h"`, `"3600s"`
	// or a number of seconds. The role's own maximum must allow it. Below 30
	// minutes many programs ask before every call, since they renew what has less
	// than 15 minutes left.
	Duration duration `toml:"duration" default:"1h" aws:"AssumeRole:DurationSeconds"`
	// The name of the session, which is part of its ARN and stands in CloudTrail.
	// 2 to 64 letters, digits and `_+=,.@-`. Templates are possible.
	SessionName string `toml:"session_name" default:"{{user}}-{{app}}" aws:"AssumeRole:RoleSessionName"`
	// The external id that the role's trust policy may ask for, 2 to 1224 characters.
	ExternalID string `toml:"external_id" default:"none" aws:"AssumeRole:ExternalId"`
	// Who is behind the session, for good: it survives role chains. 2 to 64
	// characters as in `session_name`. It needs `sts:SetSourceIdentity` in the
	// role's trust policy. Templates are possible; their values must not be empty.
	SourceIdentity string `toml:"source_identity" default:"none" aws:"AssumeRole:SourceIdentity"`
	// Session tags, at most 50; keys differ in more than case. They need
	// `sts:TagSession` in the role's trust policy. Templates are possible in the
	// values; their values must not be empty.
	Tags map[string]string `toml:"tags" default:"none" aws:"tags"`
	// The keys of those tags that are passed on when the session assumes a further
	// role.
	TransitiveTags []string `toml:"transitive_tags" default:"none" aws:"AssumeRole:TransitiveTagKeys"`
	// The region whose STS is asked, and which programs are told. It must belong
	// to the partition of the role. Without one here, in the source or in
	// `[daemon]`, the profile is refused.
	Region string `toml:"region" default:"that of the source, else of [daemon]" aws:"regions"`
	// A session of their own for every app and user, even where they would ask AWS
	// for exactly the same.
	PerApp bool `toml:"per_app" default:"false"`
	// A session policy, as JSON. The session can do what the role allows and this
	// policy allows, and never more. Templates are possible in its strings. Best
	// written between `'''`.
	Policy string `toml:"policy" default:"none" aws:"policies"`
	// A file with the session policy, written like `config_file`.
	PolicyFile string `toml:"policy_file" default:"none" aws:"policies"`
	// The session policy as TOML tables, one for each statement; see below.
	Statement []*statementTable `toml:"statement" default:"none" aws:"elements"`
	// Managed policies that serve as session policies, at most 10, of the role's
	// account or of AWS. Together with another session policy they let through
	// what either allows.
	PolicyARNs []string `toml:"policy_arns" default:"none" aws:"AssumeRole:PolicyArns"`
	given
}

// statementTable is one statement of a session policy, for whom JSON is one
// notation too many.
type statementTable struct {
	// A name for the statement, letters and digits.
	Sid string `toml:"sid" default:"none" aws:"elements"`
	// `Allow` or `Deny`.
	Effect string `toml:"effect" default:"none; required" aws:"elements"`
	// Actions such as `s3:GetObject`, with `*` and `?` as wildcards.
	Action oneOrMany `toml:"action" default:"none; this or not_action" aws:"elements"`
	// All actions but these.
	NotAction oneOrMany `toml:"not_action" default:"none" aws:"elements"`
	// ARNs such as `arn:aws:s3:::company1-hr/*`, or `*`.
	Resource oneOrMany `toml:"resource" default:"none; this or not_resource" aws:"elements"`
	// All resources but these.
	NotResource oneOrMany `toml:"not_resource" default:"none" aws:"elements"`
	// Operators, each with keys and their values: `{ StringEquals = {
	// "aws:RequestedRegion" = "us-west-1" } }`.
	Condition condition `toml:"condition" default:"none" aws:"elements"`
	given
}

// appTable is who may have credentials, and which. A program is recognised as
// an app by its token.
type appTable struct {
	// The profiles that the app may use. The first is the one it starts with.
	Profiles []string `toml:"profiles" default:"none; required"`
	given
}

// given remembers which keys of a table the file has: a key that is set to
// nothing is not a key that is missing.
type given struct {
	keys map[string]bool // name → its value could be taken
}

// named reports whether the file has the key at all.
func (g given) named(key string) bool {
	_, ok := g.keys[key]
	return ok
}

// has reports whether the file has the key, with a value of the right type.
func (g given) has(key string) bool { return g.keys[key] }

// note records a key; ok says whether its value could be taken.
func (g *given) note(key string, ok bool) {
	if g.keys == nil {
		g.keys = make(map[string]bool)
	}
	g.keys[key] = ok
}
