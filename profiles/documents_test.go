package profiles_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/vendord/vendord/profiles"
)

// Texts of managed policies are kept as their files have them, for all profiles
// that inherit them.
func TestPolicyDocuments(t *testing.T) {
	const text = "{ \"Version\": \"2012-10-17\",\n  \"Statement\": { \"Effect\": \"Allow\", \"Action\": \"ec2:*\", \"Resource\": \"*\" } }\n"
	dir := write(t, map[string]string{"policies/DevCalifornia.json": text, "vendord.toml": one(`policy_arns = ["arn:aws:iam::123456789012:policy/DevCalifornia"]
[profiles.x.policy_documents]
"arn:aws:iam::123456789012:policy/DevCalifornia" = "policies/DevCalifornia.json"
[profiles.y]
extends = "x"
`)})
	c, err := profiles.Load(options(dir))
	if err != nil || len(c.Warnings) > 0 {
		t.Fatalf("Load: got %v, %+v, want no word", err, c)
	}
	for _, name := range []string{"x", "y"} {
		if got := c.Profiles[name].PolicyDocuments["arn:aws:iam::123456789012:policy/DevCalifornia"]; got != text {
			t.Errorf("PolicyDocuments of %s: got %q, want %q", name, got, text)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "policies/DevCalifornia.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !c.Changed() {
		t.Error("Changed: got false after a managed policy's text changed")
	}
}

// credential:NAME is a file of the directory that systemd made.
func TestCredentials(t *testing.T) {
	const text = "[daemon]\nregion = \"eu-west-1\"\n[sources.a]\ncredentials_file = \"credential:aws-keys\"\n[profiles.x]\nsource = \"a\"\nrole_arn = \"arn:aws:iam::123456789012:role/App\"\n"
	dir := write(t, map[string]string{"run/aws-keys": "", "vendord.toml": text})
	o := options(dir)
	o.Credentials = filepath.Join(dir, "run")
	c, err := profiles.Load(o)
	if want := filepath.Join(dir, "run", "aws-keys"); err != nil || c.Sources["a"].CredentialsFile != want {
		t.Errorf("Load: got %v, %+v, want the file %s", err, c, want)
	}
	o.Credentials = "run"
	_, err = profiles.Load(o)
	if want := "vendord.toml:4: sources.a.credentials_file: credential:aws-keys: $CREDENTIALS_DIRECTORY is not an absolute path"; err == nil || err.Error() != want {
		t.Errorf("Load: got %v, want %s", err, want)
	}
}
