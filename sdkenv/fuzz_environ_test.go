package sdkenv_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/vendord/vendord/sdkenv"
)

// FuzzShadowing: where the Go SDK finds credentials in a [default] profile, or a
// way to some, so does Shadowing.
func FuzzShadowing(f *testing.F) {
	for _, seed := range []string{poisoned, cleaned, "[default]\naws_access_key_id=x\naws_secret_access_key=y\n",
		"[profile default]\ncredential_process = x\n", "[default]\nsso_session = x\n[sso-session x]\nsso_region = y\nsso_start_url = z\n",
		"[default]\nlogin_session = x\n", "[default]\nrole_arn = x\nweb_identity_token_file = y\n", "[ default ]\nAWS_ACCESS_KEY_ID: x\nAws_Secret_Access_Key: y\n",
		"[default]\n s3 =\n aws_access_key_id = x\n aws_secret_access_key = y\n", "[default]\rcredential_process = x\n", "\ufeff[default]\ncredential_process=x\n"} {
		f.Add(seed, true)
		f.Add(seed, false)
	}
	path := filepath.Join(f.TempDir(), "file")
	f.Fuzz(func(t *testing.T, text string, credentials bool) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files := sdkenv.Files{Config: path}
		if credentials {
			files = sdkenv.Files{Credentials: path}
		}
		if sdkFinds(path, credentials) && !slices.Equal(files.Shadowing(), []string{path}) {
			t.Errorf("Shadowing: got %q for a file in which the SDK finds credentials: %q", files.Shadowing(), text)
		}
	})
}

// sdkFinds asks the Go SDK, which panics at some files.
func sdkFinds(path string, credentials bool) (found bool) {
	defer func() { _ = recover() }()
	c, err := config.LoadSharedConfigProfile(context.Background(), "default", func(o *config.LoadSharedConfigOptions) {
		o.ConfigFiles, o.CredentialsFiles = []string{path}, []string{}
		if credentials {
			o.ConfigFiles, o.CredentialsFiles = o.CredentialsFiles, o.ConfigFiles
		}
	})
	return err == nil && (c.Credentials.HasKeys() || c.CredentialProcess != "" || c.LoginSession != "" || c.WebIdentityTokenFile != "" ||
		c.SSOSession != nil || c.SSOStartURL != "" || c.SSOAccountID != "" || c.RoleARN != "")
}

// FuzzEnviron gives a program any environment. It finds vendord there, once, and
// nothing that comes before it; what has nothing to do with that stays.
func FuzzEnviron(f *testing.F) {
	f.Add("PATH=/bin\x00AWS_ACCESS_KEY_ID=x\x00NO_PROXY=a,b", "http://127.0.0.1:1/v1/credentials", "eu-west-1", "vnd_x")
	f.Add("no_proxy= , ,*\x00No_Proxy=b\x00AWS_PROFILE=\x00AWS_CONTAINER_AUTHORIZATION_TOKEN", "u", "", "t")
	f.Add("=\x00==\x00AWS_CONTAINER_CREDENTIALS_FULL_URI=http://evil\x00AWS_CONTAINER_CREDENTIALS_FULL_URI=http://evil2", "u", "r", "t")
	f.Fuzz(func(t *testing.T, joined, url, region, token string) {
		environ := strings.Split(joined, "\x00")
		vars := sdkenv.Vending(environ, url, region, sdkenv.Variable{Name: sdkenv.ContainerToken, Value: token})
		got := sdkenv.Environ(environ, vars)
		count := map[string]int{}
		for _, pair := range got {
			name, value, _ := strings.Cut(pair, "=")
			count[name]++
			if i := slices.IndexFunc(vars, func(v sdkenv.Variable) bool { return v.Name == name }); i >= 0 && vars[i].Value != value {
				t.Errorf("Environ(%q): got %s=%q, want %q", joined, name, value, vars[i].Value)
			}
		}
		for _, v := range vars {
			if count[v.Name] != 1 {
				t.Errorf("Environ(%q): got %s %d times", joined, v.Name, count[v.Name])
			}
		}
		for _, name := range sdkenv.Shadows(vars) {
			if count[name] != 0 {
				t.Errorf("Environ(%q): got %s, which comes before vendord", joined, name)
			}
		}
		ours := func(pair string) bool {
			name, _, _ := strings.Cut(pair, "=")
			return slices.ContainsFunc(vars, func(v sdkenv.Variable) bool { return v.Name == name }) || slices.Contains(sdkenv.Shadows(vars), name)
		}
		if kept := slices.DeleteFunc(slices.Clone(environ), ours); !slices.Equal(slices.DeleteFunc(got, ours), kept) {
			t.Errorf("Environ(%q): got %q, want all of %q kept", joined, got, kept)
		}
	})
}
