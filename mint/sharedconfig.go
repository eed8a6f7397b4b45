package mint

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/vendord/vendord/session"
)

// link is one profile of the SDKs' files, on the way from the one that a
// source names to the one that has the first credentials.
type link = config.SharedConfig

// chain reads the SDK profile of a source with all that it leads to, and
// refuses what must not or cannot be followed. It asks nobody but the disk.
//
// The SDK's default way of using a profile is not taken: where a profile has
// no credentials, it goes on to AWS_* variables, to a container endpoint and to
// instance metadata. On a machine that runs vendord, those are vendord.
func chain(s session.Source, home string) (*link, error) {
	paths, err := sdkFiles(s, home)
	if err != nil {
		return nil, err
	}
	top, err := load(s, paths)
	if err != nil {
		return nil, err
	}
	for at := top; at != nil; at = at.Source {
		if err := checkLink(s, at); err != nil {
			return nil, err
		}
	}
	return top, nil
}

// sdkPaths are the two files, each "" if there is none.
type sdkPaths struct{ config, credentials string }

func (p sdkPaths) String() string {
	return strings.TrimPrefix(strings.TrimSuffix(p.config+" and "+p.credentials, " and "), " and ")
}

// sdkFiles finds the files of a source. A file that the source names must be
// readable; of the two in the home directory one may be missing. The SDK itself
// takes a file that it cannot read for an empty one.
func sdkFiles(s session.Source, home string) (sdkPaths, error) {
	find := func(named, usual string) (string, error) {
		path := named
		if path == "" && home != "" {
			path = filepath.Join(home, ".aws", usual)
		}
		if path == "" {
			return "", nil
		}
		err := readable(path)
		if err == nil {
			return path, nil
		}
		if named == "" && errors.Is(err, fs.ErrNotExist) {
			return "", nil
		}
		return "", misconfigured(s, "the file must be there and readable for vendord's user; "+reload, "reading %s: %s", path, why(err))
	}
	var p sdkPaths
	var err error
	if p.config, err = find(s.ConfigFile, "config"); err != nil {
		return p, err
	}
	if p.credentials, err = find(s.CredentialsFile, "credentials"); err != nil {
		return p, err
	}
	if p == (sdkPaths{}) {
		return p, misconfigured(s, "name the files: config_file and credentials_file of the source",
			"there is neither %s nor credentials beside it", filepath.Join(home, ".aws", "config"))
	}
	return p, nil
}

// readable tells whether a file can be read, and read to its end: opening a
// pipe would wait for somebody to write to it.
func readable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() && path != os.DevNull {
		return errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

// why is the last part of a file error, which names the path again.
func why(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		err = e.Err
	}
	return err.Error()
}

// load reads the profile with the SDK's own parser, which follows
// source_profile.
func load(s session.Source, p sdkPaths) (top *link, err error) {
	// The parser of config v1.33.15 panics on a value that is one quote.
	// A typo in a file must not end the daemon.
	defer func() {
		if recover() != nil {
			top, err = nil, misconfigured(s, "look for a value that is a lone quote", "the SDK cannot read %s", p)
		}
	}()
	read, err := config.LoadSharedConfigProfile(context.Background(), s.Profile, func(o *config.LoadSharedConfigOptions) {
		o.ConfigFiles, o.CredentialsFiles = list(p.config), list(p.credentials)
	})
	if err != nil {
		return nil, notLoaded(s, p, err)
	}
	return &read, nil
}

// list is never nil: the SDK would take that for its own files.
func list(path string) []string {
	if path == "" {
		return []string{}
	}
	return []string{path}
}

// notLoaded puts the SDK's failures into our words.
func notLoaded(s session.Source, p sdkPaths, err error) error {
	names := sectionsOf(p)
	if e, ok := errors.AsType[config.SharedConfigAssumeRoleError](err); ok {
		if e.Err != nil { // the SDK's way to say that source_profile names nothing
			return misconfigured(s, meant(e.Profile, names), "its profiles name the source_profile %.100q, which is not in %s", e.Profile, p)
		}
		if circle := names.circle(s.Profile); circle != "" {
			return misconfigured(s, "one of them needs credentials of its own", "its profiles go round in a circle (%s)", quote(circle))
		}
		return misconfigured(s, needs, "its profile %.100q has no credentials", e.Profile)
	}
	if e, ok := errors.AsType[config.SharedConfigProfileNotExistError](err); ok {
		return misconfigured(s, meant(e.Profile, names), "there is no profile %.100q in %s", e.Profile, p)
	}
	if e, ok := errors.AsType[config.CredentialRequiresARNError](err); ok {
		return misconfigured(s, reload, "its profile %.100q has %s but no role_arn", e.Profile, e.Type)
	}
	if strings.Contains(err.Error(), "partial credentials found") {
		return misconfigured(s, "each profile needs aws_access_key_id and aws_secret_access_key in the same file", "one of its profiles has half of its keys")
	}
	return misconfigured(s, "mend the profile, "+reload, "its profile %.100q cannot be used: %s", s.Profile, quote(err.Error()))
}

// needs is the hint for a profile that leads nowhere.
const needs = "it needs aws_access_key_id, source_profile, credential_process, sso_session, login_session or web_identity_token_file"

// checkLink refuses a profile whose credentials vendord must not use, or
// could only get from a person who waits.
func checkLink(s session.Source, at *link) error {
	refuse := func(hint, problem string, args ...any) error {
		return misconfigured(s, hint, "its profile %.100q %s", at.Profile, fmt.Sprintf(problem, args...))
	}
	if at.RoleARN != "" && at.MFASerial != "" { // without a role, it is for other tools
		return refuse("name the profile that has the keys, and write its mfa_serial into the source in vendord.toml", "wants an MFA code (mfa_serial)")
	}
	switch kindOf(at) {
	case fromNowhere:
		return refuse(needs, "has no credentials")
	case fromEndpoint:
		return refuse("such an endpoint may be vendord itself: use a source of type imds, container or environment",
			"has credential_source = %s", quote(at.CredentialSource))
	case fromProcess:
		if words := strings.Fields(at.CredentialProcess); len(words) > 0 && isVendord(strings.Trim(words[0], `"'`)) {
			return refuse("a source is where vendord gets its own credentials from", "has vendord itself as its credential_process")
		}
	case fromSSO:
		if missing := ssoMissing(at); missing != "" {
			return refuse("complete it, or run: aws configure sso", "uses SSO but has no %s", missing)
		}
	}
	return nil
}

// kind is where the credentials of a profile come from.
type kind int

const (
	fromNowhere kind = iota
	fromProfile
	fromKeys
	fromEndpoint
	fromWebIdentity
	fromSSO
	fromLogin
	fromProcess
)

// kindOf chooses as the Go SDK does (config v1.33.15), in its order, up to the
// point where the SDK would turn to the network.
func kindOf(at *link) kind {
	switch {
	case at.Source != nil:
		return fromProfile
	case at.Credentials.HasKeys():
		return fromKeys
	case at.CredentialSource != "":
		return fromEndpoint
	case at.WebIdentityTokenFile != "":
		return fromWebIdentity
	case at.SSOSession != nil || at.SSORegion+at.SSOAccountID+at.SSOStartURL+at.SSORoleName != "":
		return fromSSO
	case at.LoginSession != "":
		return fromLogin
	case at.CredentialProcess != "":
		return fromProcess
	}
	return fromNowhere
}

// ssoMissing names what an SSO profile lacks.
func ssoMissing(at *link) string {
	region, start := ssoPortal(at)
	for _, need := range []struct{ key, value string }{{"sso_account_id", at.SSOAccountID}, {"sso_role_name", at.SSORoleName},
		{"sso_region", region}, {"sso_start_url", start}} {
		if need.value == "" {
			return need.key
		}
	}
	return ""
}

// ssoPortal is where the people of an SSO profile log in.
func ssoPortal(at *link) (region, startURL string) {
	if at.SSOSession != nil {
		return at.SSOSession.SSORegion, at.SSOSession.SSOStartURL
	}
	return at.SSORegion, at.SSOStartURL
}

// RunsCommand tells whether getting a source's credentials runs a program: its own
// command, or the credential_process of an SDK profile that it leads to. A source
// that cannot be used runs none. home is where .aws is.
func RunsCommand(s session.Source, home string) bool {
	if s.Type != session.SharedConfig {
		return s.Command != ""
	}
	at, err := firstLink(s, home)
	return err == nil && kindOf(at) == fromProcess
}

// Files are those that a source's credentials are read from, as far as they are
// known: its own, and those that its SDK profiles name. home is where .aws is.
func Files(s session.Source, home string) (all []string) {
	all = append(all, s.File)
	if s.Type == session.SharedConfig {
		paths, _ := sdkFiles(s, home) // what cannot be read now may be there later
		all = append(all, s.ConfigFile, s.CredentialsFile, paths.config, paths.credentials)
		at, _ := chain(s, home)
		for ; at != nil; at = at.Source {
			all = append(all, at.WebIdentityTokenFile)
		}
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(file string) bool { return file == "" })
}
