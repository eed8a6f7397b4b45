package profiles

// The types of this file are vendord.toml as it is written. Their comments and
// tags are also docs/configuration.md: the tag toml is the key, default what
// holds without it, aws where AWS documents it. Write them for users.

// file is the whole of vendord.toml.
type file struct {
	Daemon    daemonTable              `toml:"daemon"`
	Audit     auditTable               `toml:"audit"`
	Endpoints endpointsTable           `toml:"endpoints"`
	Sources   map[string]*sourceTable  `toml:"sources"`
	Profiles  map[string]*profileTable `toml:"profiles"`
	Apps      map[string]*appTable     `toml:"apps"`
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
	// The same for IAM Identity Center, where people sign in and the credentials of
	// `shared-config` sources that do so come from.
	SSOEndpoint string `toml:"sso_endpoint" default:"that of the sign-in's region"`
	// The same for IAM, which `vendord policy fetch` asks for managed policies.
	IAMEndpoint string `toml:"iam_endpoint" default:"that of the partition"`
	// What is tried out before it is settled: `scoped-credentials`, without which
	// `scope_policy`, `scope_policy_file` and `scope_duration` are errors.
	Preview []string `toml:"preview" default:"none"`
	// System service only: groups whose members may steer the daemon, besides root.
	Operators []string `toml:"operators" default:"none"`
	// How many requests a second the programs of one app and one user may make, and
	// twice as many at once; more are told to slow down. SDKs make one in half an
	// hour. 0 is no bound.
	RequestsPerSecond int64 `toml:"requests_per_second" default:"5000"`
	given
}

// auditTable is the record of who got what, and who was refused why. What it says
// takes effect when vendord starts.
type auditTable struct {
	// The file that lines are appended to, written like `config_file`; `--audit-log`
	// replaces it. Nobody but root and the daemon's user may be able to write it.
	File string `toml:"file" default:"none"`
	// Whether systemd's journal gets the lines as well (Linux).
	Journal bool `toml:"journal" default:"false"`
	// Whether nothing is vended that cannot be recorded, such as when the disk is
	// full. Without it vending goes on, and `vendord status` says that the record has
	// a gap. It needs `file` or `journal`.
	Required bool `toml:"required" default:"false"`
	// How large the file gets before it is renamed and another one begun: a number of
	// bytes, or one with `kB`, `MB`, `GB`, `KiB`, `MiB` or `GiB`, at least `"64KiB"`. 0
	// is no bound.
	MaxSize size `toml:"max_size" default:"100MB"`
	// How many older files are kept, 0 to 1000.
	Keep int64 `toml:"keep" default:"5"`
	given
}

// endpointsTable is the addresses at which vendord answers besides `listen` of
// `[daemon]`, each in the way of one of AWS's own services.
type endpointsTable struct {
	ECS  ecsTable   `toml:"ecs"`
	EKS  eksTable   `toml:"eks"`
	IMDS imdsTables `toml:"imds"`
	given
}

// ecsTable is the address that Amazon ECS gives its tasks, for programs that have
// `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` or may ask no other. What it says takes
// effect when vendord starts.
type ecsTable struct {
	// `169.254.170.2` and a port; 80 is the one that SDKs ask.
	Listen oneOrMany `toml:"listen" default:"none; required"`
	given
}

// eksTable is the addresses that EKS Pod Identity gives its pods, for programs that
// have `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` and may ask no other. What it says
// takes effect when vendord starts.
type eksTable struct {
	// `169.254.170.23`, `[fd00:ec2::23]` or both, each with a port; 80 is the one that
	// SDKs ask.
	Listen oneOrMany `toml:"listen" default:"none; required"`
	given
}

// imdsTable is the instance metadata service of Amazon EC2, for programs that can be
// told nothing at all. It knows them by the kernel's word, so it serves apps with
// `match` alone. There can be several: `[[endpoints.imds]]`, in double brackets. What
// it says takes effect when vendord starts.
type imdsTable struct {
	// `169.254.169.254`, `[fd00:ec2::254]`, or an address of loopback for programs that
	// have `AWS_EC2_METADATA_SERVICE_ENDPOINT`, each with a port; 80 is the one that
	// SDKs ask.
	Listen oneOrMany `toml:"listen" default:"none; required"`
	// The one app whose programs are answered here: a port of its own. Who matches it
	// and others that have such ports as well, and would be refused elsewhere, is this
	// app here. It lets nobody in who does not match it.
	App string `toml:"app" default:"every app with match"`
	given
}

// imdsTables is `[endpoints.imds]`, or each of `[[endpoints.imds]]`; which one was
// written is kept, so that problems point to what stands in the file.
type imdsTables struct {
	each []*imdsTable
	list bool
}

// place is the path of one of them.
func (t *imdsTables) place(at path, i int) path {
	if t.list {
		return at.item(i)
	}
	return at
}

// sourceTable is where a first AWS identity, or a proof of one, comes from. It
// names files, profiles and commands, and never holds a key.
type sourceTable struct {
	// `shared-config`: a profile of the AWS SDKs' own files, also one that signs in
	// to IAM Identity Center. `environment`: the `AWS_*` variables that the daemon
	// was started with. `process`: a command that prints credentials. `keyring`:
	// long-term keys in the operating system's keyring, put there by `vendord source
	// add`. `imds`: the role of this EC2 instance. `container`: the role of this
	// container. `web-identity`: a JWT. `saml`: a SAML assertion. `profile`: the
	// session of another profile, which makes a role chain.
	Type string `toml:"type" default:"shared-config"`
	// For `shared-config`: the profile of the SDKs' files. For `profile`, where it is
	// required: a `[profiles.…]` table of this file.
	Profile string `toml:"profile" default:"default" aws:"files"`
	// For `shared-config`: the config file. A relative path starts at the folder
	// of vendord.toml, `~/` at the home directory of the daemon's user;
	// `credential:NAME` is a credential that systemd handed to the service.
	ConfigFile string `toml:"config_file" default:"~/.aws/config" aws:"files"`
	// For `shared-config`: the credentials file, written like `config_file`.
	CredentialsFile string `toml:"credentials_file" default:"~/.aws/credentials" aws:"files"`
	// For `shared-config`: whether tokens of IAM Identity Center are kept where the
	// AWS CLI keeps its own, `~/.aws/sso/cache`, so that one sign-in serves both.
	ShareWithAWSCLI bool `toml:"share_with_aws_cli" default:"false"`
	// For `process`, where it is required: the program and its arguments. No shell
	// is involved.
	Command []string `toml:"command" default:"none" aws:"process"`
	// For `web-identity`: the file with the JWT, written like `config_file`. It is
	// read again for each session.
	TokenFile string `toml:"token_file" default:"none; this or token_command" aws:"WebIdentity:WebIdentityToken"`
	// For `web-identity`: a command that prints the JWT, written like `command`.
	TokenCommand []string `toml:"token_command" default:"none" aws:"WebIdentity:WebIdentityToken"`
	// For `saml`: the file with the assertion in base64, written like `config_file`.
	// It is read again for each session.
	AssertionFile string `toml:"assertion_file" default:"none; this or assertion_command" aws:"SAML:SAMLAssertion"`
	// For `saml`: a command that prints the assertion in base64, written like
	// `command`.
	AssertionCommand []string `toml:"assertion_command" default:"none" aws:"SAML:SAMLAssertion"`
	// For `saml`, where it is required: the identity provider, as IAM knows it. It
	// belongs to the account of the role.
	ProviderARN string `toml:"provider_arn" default:"none" aws:"SAML:PrincipalArn"`
	// For `shared-config`, `environment`, `process` and `keyring` with the long-term
	// keys of an IAM user: their MFA device, by ARN or serial number. All profiles of
	// the source share one session that was made with a code, so a person is asked
	// once in `mfa_duration`; roles last at most 1 hour then.
	MFASerial string `toml:"mfa_serial" default:"none" aws:"SessionToken:SerialNumber"`
	// A command that prints a code of six digits, written like `command`. Without
	// one a person types it: `vendord login NAME`.
	MFACommand []string `toml:"mfa_command" default:"none" aws:"SessionToken:TokenCode"`
	// How long the session with MFA lasts, between 15 minutes and 36 hours.
	MFADuration duration `toml:"mfa_duration" default:"12h" aws:"SessionToken:DurationSeconds"`
	// The account of the source's IAM user, twelve digits. Managed policies of
	// `get-federation-token` must belong to it, which can be checked where it is
	// known.
	AccountID string `toml:"account_id" default:"none"`
	// The region whose STS is asked with this identity, where the profile does not
	// say otherwise.
	Region string `toml:"region" default:"that of [daemon]" aws:"regions"`
	given
}

// profileTable is what may be vended: an operation of STS and its parameters,
// most often a role and how much of it. It has no secrets.
type profileTable struct {
	// The source whose identity, or proof of one, STS is asked with: the name of a
	// `[sources.…]` table.
	Source string `toml:"source" default:"none; required"`
	// Another profile, whose keys hold here as far as they are not set here. A
	// table or list is taken over whole or not at all. `policy`, `policy_file`,
	// `statement` and `policy_arns` are one group: a profile that sets any of them
	// inherits none of them; `scope_policy` and `scope_policy_file` are another. A
	// profile that others extend and that neither an app nor a source names is only
	// a base, and may lack `source` and `role_arn`.
	Extends string `toml:"extends" default:"none"`
	// The operation of STS. It follows from the source: a JWT means
	// `assume-role-with-web-identity`, an assertion `assume-role-with-saml`, anything
	// else `assume-role`. To be written are `get-federation-token` (an IAM user's
	// permissions, narrowed by the session policy), `get-session-token` (an IAM
	// user's own session, with MFA or without) and `source` (the source's own
	// temporary credentials, such as a permission set of IAM Identity Center). The
	// first two need a source with long-term keys.
	Operation string `toml:"operation" default:"follows from the source" aws:"operations"`
	// The role to assume; required by the operations that assume one.
	RoleARN string `toml:"role_arn" default:"none" aws:"AssumeRole:RoleArn"`
	// How long a session lasts: `"1h"`, `"3600s"` or a number of seconds, between 15
	// minutes and 12 hours, which the role's own maximum must allow. With temporary
	// credentials (a role chain, a source with `mfa_serial`, `imds`, `container`) a
	// role lasts at most 1 hour. For `get-federation-token` and `get-session-token`
	// up to 36 hours; without it 12. Below 30 minutes many programs ask before every
	// call, since they renew what has less than 15 minutes left.
	Duration duration `toml:"duration" default:"1h, or 12h" aws:"AssumeRole:DurationSeconds"`
	// The name of the session, which is part of its ARN and stands in CloudTrail.
	// 2 to 64 letters, digits and `_+=,.@-`. Templates are possible. Not with a SAML
	// assertion, which names the session.
	SessionName string `toml:"session_name" default:"{{user}}-{{app}}" aws:"AssumeRole:RoleSessionName"`
	// For `get-federation-token`: the name of the federated user, which is part of
	// the session's ARN. 2 to 32 characters as in `session_name`. Templates are
	// possible.
	Name string `toml:"name" default:"{{user}}-{{app}}" aws:"FederationToken:Name"`
	// The external id that the role's trust policy may ask for, 2 to 1224 characters.
	// `assume-role` alone has one.
	ExternalID string `toml:"external_id" default:"none" aws:"AssumeRole:ExternalId"`
	// Who is behind the session, for good: it survives role chains. 2 to 64
	// characters as in `session_name`. It needs `sts:SetSourceIdentity` in the
	// role's trust policy. Templates are possible; their values must not be empty.
	// `assume-role` alone has it as a parameter, and it cannot change along a chain.
	SourceIdentity string `toml:"source_identity" default:"none" aws:"AssumeRole:SourceIdentity"`
	// Session tags, at most 50; keys differ in more than case. They need
	// `sts:TagSession` in the role's trust policy. Templates are possible in the
	// values; their values must not be empty. For `assume-role` and
	// `get-federation-token`; a JWT or an assertion brings its own.
	Tags map[string]string `toml:"tags" default:"none" aws:"tags"`
	// The keys of those tags that are passed on when the session assumes a further
	// role, which then cannot have tags of these keys. `assume-role` alone has them.
	TransitiveTags []string `toml:"transitive_tags" default:"none" aws:"AssumeRole:TransitiveTagKeys"`
	// For `assume-role` and `get-session-token` with long-term keys: the MFA device,
	// as in `[sources.NAME]`. The code is given to this operation itself, so that the
	// profile shares no session and a role may last longer than 1 hour. Not together
	// with `mfa_serial` of the source.
	MFASerial string `toml:"mfa_serial" default:"none" aws:"AssumeRole:SerialNumber"`
	// A command that prints a code of six digits, as in `[sources.NAME]`.
	MFACommand []string `toml:"mfa_command" default:"none" aws:"AssumeRole:TokenCode"`
	// The region whose STS is asked, and which programs are told. It must belong
	// to the partition of the role. Without one here, in the source or in
	// `[daemon]`, the profile is refused.
	Region string `toml:"region" default:"that of the source, else of [daemon]" aws:"regions"`
	// A session of their own for every app and user, even where they would ask AWS
	// for exactly the same.
	PerApp bool `toml:"per_app" default:"false"`
	// Whether only `vendord exec` may have it, by somebody who may steer: no app may
	// list it, and `env`, `credentials`, `token` and `use` refuse it. It is inherited,
	// since what extends the profile may be as much; `protected = false` lifts it.
	Protected bool `toml:"protected" default:"false"`
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
	// The texts of managed policies, for `vendord policy explain` and for the check of
	// role chains: the ARN, and a file written like `config_file`. AWS is never sent
	// them.
	PolicyDocuments map[string]string `toml:"policy_documents" default:"none"`
	// For `get-federation-token`, whose sessions can do nothing without a session
	// policy but for resource policies that name them: that this is meant.
	AllowNoPermissions bool `toml:"allow_no_permissions" default:"false" aws:"FederationToken:Policy"`
	// Preview: a policy that narrows the session further, as JSON, with no second
	// role, whatever the session is: that of IAM Identity Center, for example, with
	// `operation = "source"`. Programs get the narrowed session or an error, never the
	// other. Written like `policy`.
	ScopePolicy string `toml:"scope_policy" default:"none" aws:"Scoped:Policy"`
	// Preview: a file with that policy, written like `config_file`.
	ScopePolicyFile string `toml:"scope_policy_file" default:"none" aws:"Scoped:Policy"`
	// Preview: how long the narrowed session lasts, 1 second to 36 hours and never
	// longer than the one that it narrows.
	ScopeDuration duration `toml:"scope_duration" default:"what is left of the session" aws:"Scoped:DurationSeconds"`
	// How many bytes a session token has at least, 0 to 4096. AWS pads it: to try out
	// whether everything on the way takes long ones.
	MinTokenSize int64 `toml:"minimum_session_token_size" default:"0" aws:"AssumeRole:MinimumSessionTokenSize"`
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

// appTable is who may have credentials, and which. Without `match` a program is
// recognised as an app by its token, which it presents at `/v1/credentials`. With
// `match` it is by what the kernel knows of it, at `/v1/process/credentials`, and no
// token can be issued for it. One never stands in for the other.
type appTable struct {
	// The profiles that the app may use. The first is the one it starts with.
	Profiles []string `toml:"profiles" default:"none; required"`
	// How the kernel recognises the app's programs; see below. A program that more
	// than one app matches is refused.
	Match matchTable `toml:"match" default:"none"`
	// `both`: a program needs a token, and has to match as well. It asks at
	// `/v1/credentials`.
	Require string `toml:"require" default:"none"`
	// For apps of tokens: the networks of callers whose user this machine's kernel does
	// not know, such as programs in containers with a network of their own, who may
	// present a token that was issued for no user: `["172.18.0.0/16"]`.
	From []string `toml:"from" default:"none"`
	// For apps of tokens: whether such callers may be anywhere.
	Unidentified bool `toml:"unidentified" default:"false"`
	// Whether a program may choose any of `profiles` by its name in the path,
	// `/v1/credentials/NAME` or `/v1/process/credentials/NAME`. Without it that name
	// has to be the current one's.
	Select bool `toml:"select" default:"false"`
	// For apps with `match` alone: whether its programs may ask the metadata service
	// without a session token, as old ones do (IMDSv1). Whoever can talk one of them into
	// asking an address, and sees the answer, has its credentials then.
	MetadataV1 bool `toml:"imdsv1" default:"false"`
	given
}

// matchTable is what has to hold for a program to be recognised by the kernel: all
// keys that are given. `exe` and `user_unit` tell the programs of one user apart, who
// can get round them: they are conveniences, not boundaries.
type matchTable struct {
	// The user whom the program's connection belongs to: a name, or `#1234`. It is
	// looked up when the configuration is loaded; nobody matches a name that is not
	// known then. It cannot be `nobody`.
	User string `toml:"user" default:"in user mode whoever runs vendord; else any"`
	// A group that this user is a member of: a name, or `#1234` for one without.
	Group string `toml:"group" default:"any"`
	// The unit of the system's service manager that the program runs in:
	// `worker.service`, or `worker@*.service` for all instances of a template. Where it
	// has `DynamicUser=`, there is a user only while it runs: leave `user` out.
	Unit string `toml:"unit" default:"any"`
	// The unit of the user's own service manager that the program runs in. The system
	// service needs `user` with it.
	UserUnit string `toml:"user_unit" default:"any"`
	// The path of the control group that the program's socket was made in, or of one
	// above it: `/system.slice/worker.service`.
	Cgroup string `toml:"cgroup" default:"any"`
	// The id of the container that the program runs in, 64 hexadecimal digits. Where it
	// is below a unit, that `unit` has to be given too, or the `user` whose own engine
	// runs it: whoever has the unit could use any container's name.
	Container string `toml:"container" default:"any"`
	// The program's executable: an absolute path. All processes that hold the
	// connection must run it.
	Exe string `toml:"exe" default:"any"`
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
