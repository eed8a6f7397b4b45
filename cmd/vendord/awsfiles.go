package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// awsFiles are the AWS SDKs' shared files, as a program would find them.
type awsFiles struct{ config, credentials string }

func (p *program) awsFiles() awsFiles {
	or := func(name, file string) string {
		if path := p.getenv(name); path != "" {
			return path
		}
		return filepath.Join(p.home, ".aws", file)
	}
	return awsFiles{or("AWS_CONFIG_FILE", "config"), or("AWS_SHARED_CREDENTIALS_FILE", "credentials")}
}

// credentialKeys are the settings that give an SDK credentials, or a way to
// get some. A [default] profile that has any comes before the container
// endpoint in every SDK's chain.
var credentialKeys = map[string]bool{
	"aws_access_key_id": true, "aws_secret_access_key": true, "aws_session_token": true, "aws_security_token": true,
	"aws_credential_expiration": true, "credential_process": true, "credential_source": true,
	"role_arn": true, "source_profile": true, "role_session_name": true, "external_id": true, "mfa_serial": true,
	"duration_seconds": true, "web_identity_token_file": true, "login_session": true,
	"sso_session": true, "sso_start_url": true, "sso_account_id": true, "sso_role_name": true,
}

// withoutCredentials returns an AWS shared file without its credential keys:
// regions, output formats and service settings stay.
func withoutCredentials(text []byte) []byte {
	var out bytes.Buffer
	dropping := false // in the indented lines below a dropped key
	for line := range bytes.Lines(text) {
		indented := len(line) > 0 && (line[0] == ' ' || line[0] == '\t')
		if indented && dropping {
			continue
		}
		name, _, assigns := strings.Cut(string(line), "=")
		// A first key may be indented as well: the SDKs differ, we drop it.
		dropping = assigns && credentialKeys[strings.ToLower(strings.TrimSpace(name))]
		if !dropping {
			out.Write(line)
		}
	}
	return out.Bytes()
}

// hasCredentials tells whether the file gives an SDK's [default] profile
// credentials, which then shadow vendord.
func hasCredentials(path string) bool {
	text, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	inDefault := false
	for line := range bytes.Lines(text) {
		s := strings.TrimSpace(string(line))
		if strings.HasPrefix(s, "[") {
			section := strings.Join(strings.Fields(strings.Trim(s, "[] \t")), " ")
			inDefault = section == "default" || section == "profile default"
			continue
		}
		name, _, assigns := strings.Cut(s, "=")
		if inDefault && assigns && credentialKeys[strings.ToLower(strings.TrimSpace(name))] {
			return true
		}
	}
	return false
}

// copyWithoutCredentials puts copies of the AWS files without credentials into
// dir and returns the variables that lead SDKs to them. A file that does not
// exist gets an empty copy, since some SDKs fail on a path that leads nowhere.
// BOTO_CONFIG leads botocore away from the keys in ~/.boto and /etc/boto.cfg.
func (f awsFiles) copyWithoutCredentials(dir string) ([]variable, error) {
	vars := []variable{{"AWS_CONFIG_FILE", f.config}, {"AWS_SHARED_CREDENTIALS_FILE", f.credentials}, {"BOTO_CONFIG", os.DevNull}}
	for i, name := range []string{"config", "credentials", "boto"} {
		text, err := os.ReadFile(vars[i].Value)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, fail("mend its permissions, or use --keep-aws-files", "%s: cannot read it to leave its credentials out: %w", vars[i].Value, err)
		}
		vars[i].Value = filepath.Join(dir, name)
		if err := os.WriteFile(vars[i].Value, withoutCredentials(text), 0o600); err != nil {
			return nil, fmt.Errorf("copying AWS's files: %w", err)
		}
	}
	return vars, nil
}
