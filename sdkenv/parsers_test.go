package sdkenv_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/config"
)

// Two readers that are not ours, and one that is as simple as can be. What any
// of them takes for a setting of a profile may be no credential.

// profiles maps a section to its settings, by names in lower case.
type profiles map[string]map[string]string

var (
	pythonHeader = regexp.MustCompile(`^\[(.+)\]`)
	pythonOption = regexp.MustCompile(`^(.*?)\s*[=:]\s*(.*)$`)
)

// rawConfigParser reads as Python's RawConfigParser does, as botocore calls it:
// "=" and ":", lines that go on by indentation, and blank ones among them,
// comments on lines of their own only, [DEFAULT] in every section; a section or
// option that comes twice is an error.
func rawConfigParser(text string) (profiles, error) {
	var (
		all                    = profiles{}
		defaults               = map[string]string{}
		section, option        string
		current                map[string]string
		indentation            int
		seenSection, seenBoth  = map[string]bool{}, map[[2]string]bool{}
		newlines, spaceAtStart = strings.NewReplacer("\r\n", "\n", "\r", "\n"), unicode.IsSpace
	)
	for line := range strings.SplitSeq(newlines.Replace(text), "\n") {
		value := strings.TrimSpace(line)
		if strings.HasPrefix(value, "#") || strings.HasPrefix(value, ";") {
			continue
		}
		if value == "" {
			if current != nil && option != "" {
				current[option] += "\n"
			}
			continue
		}
		indent := len([]rune(line)) - len([]rune(strings.TrimLeftFunc(line, spaceAtStart)))
		if current != nil && option != "" && indent > indentation {
			current[option] += "\n" + value
			continue
		}
		indentation = indent
		if m := pythonHeader.FindStringSubmatch(value); m != nil {
			section, option = m[1], ""
			switch {
			case seenSection[section]:
				return nil, fmt.Errorf("section %q: twice", section)
			case section == "DEFAULT":
				current = defaults
			default:
				seenSection[section] = true
				current = map[string]string{}
				all[section] = current
			}
			continue
		}
		if current == nil {
			return nil, errors.New("no section header")
		}
		m := pythonOption.FindStringSubmatch(value)
		if m == nil || m[1] == "" {
			return nil, fmt.Errorf("line %q: no option", line)
		}
		option = strings.ToLower(strings.TrimSpace(m[1]))
		if seenBoth[[2]string{section, option}] {
			return nil, fmt.Errorf("option %q in %q: twice", option, section)
		}
		seenBoth[[2]string{section, option}] = true
		current[option] = strings.TrimSpace(m[2])
	}
	all["DEFAULT"] = defaults
	for _, settings := range all {
		for name, value := range defaults {
			if _, set := settings[name]; !set {
				settings[name] = value
			}
		}
		for name, value := range settings {
			settings[name] = strings.TrimRightFunc(value, unicode.IsSpace)
		}
	}
	return all, nil
}

// linewise reads as PHP's parse_ini_file and many a shell script do: every line
// is a setting, indented or not.
func linewise(text string) (names []string) {
	for line := range strings.FieldsFuncSeq(text, func(r rune) bool { return strings.ContainsRune("\n\r\v\f\x1c\x1d\x1e\u0085\u2028\u2029", r) }) {
		if i := strings.IndexAny(line, "=:"); i >= 0 && !strings.HasPrefix(line, "[") {
			names = append(names, strings.ToLower(strings.TrimSpace(line[:i])))
		}
	}
	return names
}

// goSDK has the SDK for Go read one file as both, and returns what it found of
// credentials in a profile.
func goSDK(ctx context.Context, path, profile string) (found []string, c config.SharedConfig, err error) {
	c, err = config.LoadSharedConfigProfile(ctx, profile, func(o *config.LoadSharedConfigOptions) {
		o.ConfigFiles, o.CredentialsFiles = []string{path}, []string{path}
	})
	for name, value := range map[string]string{
		"access key": c.Credentials.AccessKeyID, "secret": c.Credentials.SecretAccessKey, "token": c.Credentials.SessionToken,
		"process": c.CredentialProcess, "role": c.RoleARN, "source profile": c.SourceProfileName, "source": c.CredentialSource,
		"web identity": c.WebIdentityTokenFile, "session name": c.RoleSessionName, "external id": c.ExternalID, "mfa": c.MFASerial,
		"sso session": c.SSOSessionName, "sso start": c.SSOStartURL, "sso account": c.SSOAccountID, "sso role": c.SSORoleName,
		"login": c.LoginSession, "metadata endpoint": c.EC2IMDSEndpoint,
	} {
		if value != "" {
			found = append(found, name)
		}
	}
	if c.SSOSession != nil && c.SSOSession.SSOStartURL != "" {
		found = append(found, "sso session's start")
	}
	if err != nil && strings.Contains(err.Error(), "credential") {
		found = append(found, err.Error()) // a part of some
	}
	slices.Sort(found)
	return found, c, err
}

// forbidden are the names that no reader may find.
var forbidden = []string{
	"aws_access_key_id", "aws_secret_access_key", "aws_session_token", "aws_security_token", "aws_credential_expiration",
	"aws_account_id", "credential_process", "credential_source", "role_arn", "source_profile", "role_session_name",
	"external_id", "mfa_serial", "duration_seconds", "web_identity_token_file", "login_session",
	"sso_session", "sso_start_url", "sso_account_id", "sso_role_name", "sso_region", "sso_registration_scopes",
	"ec2_metadata_service_endpoint", "ec2_instance_profile_name", "",
}

// unknown are names that no reader may find in a profile, since nobody knows
// what they might be one day.
var unknown = []string{"aws_key_of_tomorrow", "token", "password"}

// mustBeClean fails the test if any reader finds a credential in text.
func mustBeClean(t *testing.T, text, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range linewise(text) {
		if slices.Contains(forbidden, name) {
			t.Errorf("a line of the copy is setting %q:\n%s", name, text)
		}
	}
	python, err := rawConfigParser(text)
	if err != nil {
		t.Errorf("RawConfigParser cannot read the copy: %v\n%s", err, text)
	}
	names := append(slices.Collect(maps.Keys(python)), "default")
	for _, section := range names {
		isProfile := !strings.HasPrefix(section, "services ")
		for name := range python[section] {
			if slices.Contains(forbidden, name) || isProfile && slices.Contains(unknown, name) {
				t.Errorf("RawConfigParser: [%s] of the copy has %q:\n%s", section, name, text)
			}
		}
		for _, profile := range []string{section, strings.TrimPrefix(section, "profile ")} {
			if found, _, _ := goSDK(t.Context(), path, profile); found != nil {
				t.Errorf("Go's SDK: profile %q of the copy has %q:\n%s", profile, found, text)
			}
		}
	}
}
