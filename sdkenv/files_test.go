package sdkenv_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/sdkenv"
)

const poisoned = `# mine
; aws_secret_access_key = commented out
[default]
region = eu-west-1   # at home
aws_access_key_id = AKIAPOISON
AWS_SECRET_ACCESS_KEY=poison
aws_session_token: poison
#aws_access_key_id = AKIAOLD
s3 =
  max_concurrent_requests = 20
  # aws_secret_access_key = commented out
  aws_access_key_id = AKIANESTED
credential_process =
  /bin/evil --key
Output: json
api_versions =
  ec2 = 2015-03-01
  aws_access_key_id = 2015-03-01
  s3 = secret
cli_pager =
aws_key_of_tomorrow = secret

[profile ops]
  role_arn = arn:aws:iam::111122223333:role/Ops
source_profile = default
region = us-east-1
  aws_access_key_id = AKIACONTINUED
services = local
[ services   local ] ; mine
dynamodb =
  endpoint_url = http://localhost:8000
  token = secret
aws_access_key_id =
  endpoint_url = http://localhost:8000
[sso-session corp]
sso_start_url = https://corp.example
sso_region = us-east-1
[profile ops]
output = text
region = us-west-2
[default] aws_secret_access_key = poison
region = mars-1
[profile a#b]
region = mars-1
`

const cleaned = `[default]
region = eu-west-1
s3 =
  max_concurrent_requests = 20
output = json
api_versions =
  ec2 = 2015-03-01
cli_pager =
[profile ops]
region = us-west-2
services = local
output = text
[services local]
dynamodb =
  endpoint_url = http://localhost:8000
[sso-session corp]
`

func TestWithoutCredentials(t *testing.T) {
	if got := string(sdkenv.WithoutCredentials([]byte(poisoned))); got != cleaned {
		t.Errorf("WithoutCredentials: got\n%s\nwant\n%s", got, cleaned)
	}
	for name, test := range map[string]struct{ text, want string }{
		"a colon":                    {"[default]\naws_access_key_id: x\nregion: y\n", "[default]\nregion = y\n"},
		"Windows' line ends":         {"[default]\r\naws_access_key_id = x\r\nregion = y\r\n", "[default]\nregion = y\n"},
		"carriage returns alone":     {"[default]\rregion = y\raws_access_key_id = x\r", "[default]\nregion = y\n"},
		"a byte order mark":          {"\ufeff[default]\nregion = y\n", "[default]\nregion = y\n"},
		"a whole section indented":   {"[default]\n  region = y\n  role_arn = x\n  output = json\n", "[default]\nregion = y\noutput = json\n"},
		"settings above all headers": {"region = y\n[default]\n", "[default]\n"},
		"a value with a vertical tab": {"[default]\nregion = y\vaws_access_key_id = x\noutput = json\n",
			"[default]\noutput = json\n"},
		"a value with U+2028":     {"[default]\nregion = y\u2028aws_access_key_id = x\n", "[default]\n"},
		"a value in broken UTF-8": {"[default]\nca_bundle = /\xff\n", "[default]\n"},
		"a name of two settings":  {"[default]\nregion: role_arn = x\n", "[default]\nregion = role_arn = x\n"},
		"a header in a value":     {"[default]\nregion = y\n  [profile x]\nrole_arn = x\n", "[default]\nregion = y\n[profile x]\n"},
		"a lone quotation mark":   {"[default]\nregion = '\noutput = \"\ns3 =\n  addressing_style = '\n", "[default]\n"},
		"quotation marks":         {"[default]\nregion = 'x'\nca_bundle = /o'brien\n", "[default]\nregion = 'x'\nca_bundle = /o'brien\n"},
		"UTF-16":                  {"\xff\xfe[\x00d\x00]\x00\n\x00r\x00=\x00x\x00", ""},
		"a path with letters":     {"[default]\nca_bundle = /home/jürgen/my ca.pem\n", "[default]\nca_bundle = /home/jürgen/my ca.pem\n"},
		"nothing":                 {"", ""},
	} {
		if got := string(sdkenv.WithoutCredentials([]byte(test.text))); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

// The readers in the tests must find credentials where there are some, or that
// they find none shows nothing.
func TestReadersFindCredentials(t *testing.T) {
	text := "[default]\naws_access_key_id: AKIAPOISON\naws_secret_access_key: poison\n[profile x]\nregion = y\n  role_arn = z\n"
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	found, _, err := goSDK(t.Context(), path, "default")
	if err != nil || !slices.Equal(found, []string{"access key", "secret"}) {
		t.Errorf("Go's SDK: got %q, %v", found, err)
	}
	python, err := rawConfigParser(text)
	if err != nil || python["default"]["aws_access_key_id"] != "AKIAPOISON" || python["profile x"]["region"] != "y\nrole_arn = z" {
		t.Errorf("RawConfigParser: got %q, %v", python, err)
	}
	if names := linewise(text); !slices.Contains(names, "role_arn") {
		t.Errorf("linewise: got %q", names)
	}
}

// The copies must be harmless to a real SDK, not to our own reading, and useful.
func TestCopy(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	files := sdkenv.Files{Config: filepath.Join(home, "config"), Credentials: filepath.Join(home, "missing")}
	if err := os.WriteFile(files.Config, []byte(poisoned), 0o600); err != nil {
		t.Fatal(err)
	}
	vars, err := files.Copy(dir)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "BOTO_CONFIG"}
	leading := []sdkenv.Variable{{Name: "AWS_SDK_LOAD_CONFIG", Value: "1"}, {Name: "AWS_CREDENTIAL_PROFILES_FILE", Value: filepath.Join(dir, "credentials")}}
	if len(vars) != 5 || !slices.Equal(vars[3:], leading) {
		t.Fatalf("Copy: got %v, want three files, and JavaScript v2 and Java 1 led to them", vars)
	}
	for i, v := range vars[:3] {
		info, err := os.Stat(v.Value)
		if err != nil || info.Mode().Perm() != 0o600 || v.Name != names[i] || (info.Size() == 0) != (i > 0) {
			t.Errorf("Copy: got %s, mode %v, %d bytes, %v; want %s, mode 0600", v.Name, info.Mode(), info.Size(), err, names[i])
		}
	}
	for profile, region := range map[string]string{"default": "eu-west-1", "ops": "us-west-2"} {
		found, c, err := goSDK(t.Context(), vars[0].Value, profile)
		if err != nil || found != nil || c.Region != region {
			t.Errorf("Go's SDK: profile %s: got %q, region %q, %v; want region %q alone", profile, found, c.Region, err, region)
		}
	}
	text, err := os.ReadFile(vars[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	mustBeClean(t, string(text), filepath.Join(dir, "again"))
	for _, secret := range []string{"AKIA", "poison", "commented", "secret", "arn:", "corp.example"} {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("Copy: the copy has %q", secret)
		}
	}
}

func TestCopyFails(t *testing.T) {
	home, dir := t.TempDir(), t.TempDir()
	nowhere := sdkenv.Files{Config: filepath.Join(home, "config"), Credentials: filepath.Join(home, "credentials")}
	if err := os.Mkdir(nowhere.Credentials, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := nowhere.Copy(dir); err == nil || !strings.HasPrefix(err.Error(), "reading what to copy: read "+nowhere.Credentials+": ") {
		t.Errorf("Copy of a directory: got %v", err)
	}
	missing := filepath.Join(dir, "missing")
	if _, err := (sdkenv.Files{}).Copy(missing); err == nil || !strings.HasPrefix(err.Error(), "writing a copy: open "+missing) {
		t.Errorf("Copy into a directory that is not there: got %v", err)
	}
}

func TestFindFiles(t *testing.T) {
	set := map[string]string{"AWS_SHARED_CREDENTIALS_FILE": "/elsewhere"}
	got := sdkenv.FindFiles(func(name string) string { return set[name] }, "/home/x")
	want := sdkenv.Files{Config: filepath.Join("/home/x", ".aws", "config"), Credentials: "/elsewhere"}
	if got != want {
		t.Errorf("FindFiles: got %v, want %v", got, want)
	}
	if got := sdkenv.FindFiles(func(string) string { return "" }, ""); got != (sdkenv.Files{}) {
		t.Errorf("FindFiles without a home: got %v, want none", got)
	}
}

func TestShadowing(t *testing.T) {
	for text, want := range map[string]bool{
		"[default]\naws_access_key_id = x\n":                        true,
		"[default]\naws_access_key_id: x\n":                         true,
		"[default] # mine\n  Aws_Access_Key_Id=x\n":                 true,
		"[ profile  default ]\nrole_arn=x\n":                        true,
		"[default]\ncredential_process = /bin/x\n":                  true,
		"[default]\nsso_session = corp\n":                           true,
		"[default]\nsso_start_url: https://corp.example\n":          true,
		"[default]\nlogin_session = x\n":                            true,
		"[default]\nweb_identity_token_file = /x\n":                 true,
		"[default]\nregion = x\n  role_arn = x\n":                   true, // the profile's, in Go
		"[DEFAULT]\naws_access_key_id = x\n":                        true, // every profile's, in Python
		"[default]\nregion = x\n[other]\n[default]\nrole_arn = x\n": true,
		"[other]\naws_access_key_id = x\n":                          false,
		"[default]\nregion = x\n[profile a]\nrole_arn = y\n":        false,
		"[default]\n# aws_access_key_id = x\n":                      false,
		"[default]\nmfa_serial = x\n":                               false, // aws-vault's users have it there
		"":                                                          false,
	} {
		files := sdkenv.Files{Config: filepath.Join(t.TempDir(), "config"), Credentials: "/no/such/file"}
		if err := os.WriteFile(files.Config, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := slices.Contains(files.Shadowing(), files.Config); got != want {
			t.Errorf("Shadowing(%q): got %t, want %t", text, got, want)
		}
	}
}
