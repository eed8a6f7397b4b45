package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"
)

const poisoned = `# mine
[default]
region = eu-west-1
aws_access_key_id = AKIAPOISON
AWS_SECRET_ACCESS_KEY=poison
s3 =
  max_concurrent_requests = 20
credential_process =
  /bin/evil --key
output = json

[profile ops]
  role_arn = arn:aws:iam::111122223333:role/Ops
source_profile = default
region = us-east-1
[sso-session corp]
sso_start_url = https://corp.example
sso_region = us-east-1
`

const cleaned = `# mine
[default]
region = eu-west-1
s3 =
  max_concurrent_requests = 20
output = json

[profile ops]
region = us-east-1
[sso-session corp]
sso_region = us-east-1
`

func TestWithoutCredentials(t *testing.T) {
	if got := string(withoutCredentials([]byte(poisoned))); got != cleaned {
		t.Errorf("withoutCredentials: got\n%s\nwant\n%s", got, cleaned)
	}
	windows := "[default]\r\naws_access_key_id = x\r\nregion = y\r\n"
	if got := string(withoutCredentials([]byte(windows))); got != "[default]\r\nregion = y\r\n" {
		t.Errorf("withoutCredentials: CRLF: got %q", got)
	}
}

// The copies must be harmless to a real SDK as well, not to our own reading.
func TestCopiesGiveTheSDKNoCredentials(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	files := awsFiles{filepath.Join(home, "config"), filepath.Join(home, "missing")}
	if err := os.WriteFile(files.config, []byte(poisoned), 0o600); err != nil {
		t.Fatal(err)
	}
	vars, err := files.copyWithoutCredentials(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range vars {
		info, err := os.Stat(v.Value)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, mode %v, want a file of mode 0600", v.Name, err, info.Mode())
		}
	}
	for _, profile := range []string{"default", "ops"} {
		c, err := config.LoadSharedConfigProfile(t.Context(), profile, func(o *config.LoadSharedConfigOptions) {
			o.ConfigFiles, o.CredentialsFiles = []string{vars[0].Value}, []string{vars[1].Value}
		})
		if err != nil {
			t.Fatal(err)
		}
		if c.Credentials.HasKeys() || c.CredentialProcess != "" || c.RoleARN != "" || c.Region == "" {
			t.Errorf("profile %s: got keys %t, process %q, role %q, region %q; want a region alone",
				profile, c.Credentials.HasKeys(), c.CredentialProcess, c.RoleARN, c.Region)
		}
	}
}

func TestHasCredentials(t *testing.T) {
	for text, want := range map[string]bool{
		"[default]\naws_access_key_id = x\n":                 true,
		"[ profile  default ]\nrole_arn=x\n":                 true,
		"[other]\naws_access_key_id = x\n":                   false,
		"[default]\nregion = x\n[profile a]\nrole_arn = y\n": false,
		"[default]\n# aws_access_key_id = x\n":               false,
		"":                                                   false,
	} {
		path := filepath.Join(t.TempDir(), "credentials")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := hasCredentials(path); got != want {
			t.Errorf("hasCredentials(%q): got %t, want %t", text, got, want)
		}
	}
}
