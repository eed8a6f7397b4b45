package profiles

import (
	"cmp"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vendord/vendord/session"
)

// sourceTypes are the types of source.
var sourceTypes = []string{session.SharedConfig, session.Environment, session.Process, session.WebIdentity,
	session.SAML, session.IMDS, session.Container, session.Keyring, session.ParentProfile}

// keyTypes are the sources that can have long-term keys of an IAM user: only
// these can be asked for a code, and only their keys can sign GetFederationToken
// and GetSessionToken (STS API reference; as of 2026-11).
var keyTypes = []string{session.SharedConfig, session.Environment, session.Process, session.Keyring}

// sourceKeys are the keys that not every type of source has.
var sourceKeys = []struct {
	key   string
	types []string
}{
	{"profile", []string{session.SharedConfig, session.ParentProfile}},
	{"config_file", []string{session.SharedConfig}},
	{"credentials_file", []string{session.SharedConfig}},
	{"share_with_aws_cli", []string{session.SharedConfig}},
	{"command", []string{session.Process}},
	{"token_file", []string{session.WebIdentity}},
	{"token_command", []string{session.WebIdentity}},
	{"assertion_file", []string{session.SAML}},
	{"assertion_command", []string{session.SAML}},
	{"provider_arn", []string{session.SAML}},
	{"mfa_serial", keyTypes},
	{"mfa_command", keyTypes},
	{"mfa_duration", keyTypes},
	{"account_id", keyTypes},
}

// noMFA says why a type of source has no MFA device.
var noMFA = map[string]string{
	session.WebIdentity:   "remove it: the identity provider asks for a second factor, not AWS",
	session.SAML:          "remove it: the identity provider asks for a second factor, not AWS",
	session.IMDS:          "remove it: the role of a machine has no MFA device, only an IAM user has",
	session.Container:     "remove it: the role of a container has no MFA device, only an IAM user has",
	session.ParentProfile: "set it in the source at the beginning of the chain: only an IAM user has an MFA device",
}

// source checks [sources.NAME].
func (l *loader) source(name string, t *sourceTable) {
	at := path{"sources", name}
	s := session.Source{Name: name, Type: t.kind(), Region: t.Region}
	if !slices.Contains(sourceTypes, s.Type) {
		l.wrongType(at.to("type"), t)
		l.config.Sources[name] = s // it exists: profiles that name it are not wrong as well
		return
	}
	if t.has("region") {
		l.regionShape(at.to("region"), t.Region)
	}
	l.foreign(at, t, s.Type)
	switch s.Type {
	case session.SharedConfig:
		l.sharedConfig(at, t, &s)
	case session.Process:
		if t.has("command") || !t.named("command") {
			s.Command = l.command(at.to("command"), t.Command, "a source of type process needs a command")
		}
	case session.WebIdentity:
		l.proof(at, t, &s, "token_file", "token_command", t.TokenFile, t.TokenCommand)
	case session.SAML:
		l.proof(at, t, &s, "assertion_file", "assertion_command", t.AssertionFile, t.AssertionCommand)
		l.provider(at.to("provider_arn"), t, &s)
	case session.ParentProfile:
		l.chained(at.to("profile"), t, &s)
	}
	if slices.Contains(keyTypes, s.Type) {
		l.user(at, t, name)
	}
	l.config.Sources[name] = s
}

// kind is the type of a source, which may be one that nobody has.
func (t *sourceTable) kind() string {
	if t.named("type") {
		return t.Type
	}
	return session.SharedConfig
}

// foreign reports keys that belong to sources of another type.
func (l *loader) foreign(at path, t *sourceTable, kind string) {
	for _, k := range sourceKeys {
		if !t.named(k.key) || slices.Contains(k.types, kind) {
			continue
		}
		hint := "remove it, or the type"
		if why := noMFA[kind]; strings.HasPrefix(k.key, "mfa_") && why != "" {
			hint = why
		}
		l.wrong(at.to(k.key), hint, "belongs to sources of type %s, not %s", strings.Join(k.types, ", "), kind)
	}
}

// wrongType reports a type that nobody has.
func (l *loader) wrongType(at path, t *sourceTable) {
	switch {
	case !t.has("type"): // of the wrong TOML type, and reported
	case t.Type == "sso":
		l.wrong(at, `write type = "shared-config", and the profile of ~/.aws/config that signs in`, "no type %q", t.Type)
	default:
		l.wrong(at, suggest(t.Type, sourceTypes, "types"), "no type %q", t.Type)
	}
}

// sharedConfig checks the keys of a shared-config source.
func (l *loader) sharedConfig(at path, t *sourceTable, s *session.Source) {
	s.Profile = "default"
	if t.has("profile") {
		s.Profile = t.Profile
		if t.Profile == "" || strings.ContainsAny(t.Profile, "[]\n\r") {
			l.wrong(at.to("profile"), "", "%q cannot be a profile of the SDKs' files", t.Profile)
		}
	}
	if t.has("config_file") {
		s.ConfigFile = l.external(at.to("config_file"), t.ConfigFile)
	}
	if t.has("credentials_file") {
		s.CredentialsFile = l.external(at.to("credentials_file"), t.CredentialsFile)
	}
	s.ShareSignIn = t.ShareWithAWSCLI
	s.Endpoint = l.config.Daemon.SSOEndpoint
}

// command checks a program and its arguments, and returns them as session.List
// makes them. A program that is written as a path must be as safe from others
// as the file that names it. missing is said where there is none.
func (l *loader) command(at path, words []string, missing string) string {
	if len(words) == 0 || words[0] == "" {
		l.wrong(at, at[len(at)-1]+` = ["program", "argument"]`, "%s", missing)
		return ""
	}
	words = slices.Clone(words)
	program := words[0]
	if strings.ContainsAny(program, `/\`) || strings.HasPrefix(program, "~") { // not one to be looked up in PATH
		words[0] = cmp.Or(l.external(at.item(0), program), program)
	} else if strings.ContainsAny(program, " \t") {
		l.wrong(at, `write each argument as an item of its own: ["program", "argument"]`,
			"%q is no program, and no shell takes it apart", program)
	}
	return session.List(words)
}

// external resolves the path of a file that others read, and checks whose it
// is. It may be missing: a login can create it later.
func (l *loader) external(at path, text string) string {
	file, ok := l.resolve(at, text)
	if !ok {
		return ""
	}
	if strings.HasPrefix(text, "credential:") && l.options.Credentials == "" {
		return file // root's, and said already; trust says nothing of what others cannot see
	}
	if !strings.HasPrefix(text, "credential:") {
		l.config.named = append(l.config.named, file)
	}
	if exists, ok := l.trusted(file, at); ok && !exists {
		l.doubt(at, "put it there or correct the path; it is looked for again when a session is made", "%s: no such file", filepath.ToSlash(file))
	}
	return file
}
