package mint_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

// home makes a home directory with the SDKs' two files; an empty text makes no
// file.
func home(t *testing.T, config, credentials string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, ".aws", "config"), config)
	write(t, filepath.Join(dir, ".aws", "credentials"), credentials)
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if text == "" {
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func shared(profile string) session.Source {
	return session.Source{Name: "john", Type: session.SharedConfig, Profile: profile}
}

const johnsKeys = "[john]\naws_access_key_id = " + keyID + "\naws_secret_access_key = " + secretKey + "\n"

// TestSharedConfigKeys: the keys come from the two files, whatever the
// environment of the process says.
func TestSharedConfigKeys(t *testing.T) {
	hostile(t)
	tests := map[string]struct{ config, credentials, profile string }{
		"in the credentials file":   {"", johnsKeys, "john"},
		"in the config file":        {strings.Replace(johnsKeys, "[john]", "[profile john]", 1), "", "john"},
		"of the default profile":    {"", strings.Replace(johnsKeys, "[john]", "[default]", 1), "default"},
		"beside settings of others": {"[profile john]\nregion=us-gov-west-1\nendpoint_url=http://127.0.0.1:1\nuse_fips_endpoint=true\nca_bundle=/nowhere\nmfa_serial=arn:aws:iam::1:mfa/x\n", johnsKeys, "john"},
		"not of hostile":            {"", johnsKeys + "[hostile]\naws_access_key_id=AKIAHOSTILEHOSTILE00\naws_secret_access_key=x\n", "john"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sts := newSTS(t, grants)
			r := request(sts.URL)
			r.Source = shared(test.profile)
			dir := home(t, test.config, test.credentials)
			mustMint(t, mint.Config{Home: dir}, r)
			if err := mint.CheckSource(r.Source, dir); err != nil {
				t.Errorf("CheckSource: got %v", err)
			}
			got := sts.only(t)
			if auth := got.header.Get("Authorization"); !strings.Contains(auth, "Credential="+keyID+"/") || !strings.Contains(auth, "/eu-west-1/") {
				t.Errorf("Authorization: got %q, want %s in eu-west-1", auth, keyID)
			}
			if got.header.Get("X-Amz-Security-Token") != "" {
				t.Error("a session token of somebody else was sent")
			}
		})
	}
}

// TestNamedFiles: the paths come from the source, and a file edited is seen.
func TestNamedFiles(t *testing.T) {
	hostile(t)
	dir := t.TempDir()
	config, credentials := filepath.Join(dir, "c"), filepath.Join(dir, "k")
	write(t, config, "[profile john]\noutput=json\n")
	write(t, credentials, johnsKeys)
	sts := newSTS(t, grants)
	r := request(sts.URL)
	r.Source = session.Source{Name: "john", Type: session.SharedConfig, Profile: "john", ConfigFile: config, CredentialsFile: credentials}
	m, _ := newMinter(t, mint.Config{})
	for _, key := range []string{keyID, "AKIAEDITEDEDITED0000"} {
		write(t, credentials, strings.Replace(johnsKeys, keyID, key, 1))
		if _, err := m.Mint(t.Context(), r); err != nil {
			t.Fatalf("Mint: %v", err)
		}
		all := sts.requests()
		if auth := all[len(all)-1].header.Get("Authorization"); !strings.Contains(auth, "Credential="+key+"/") {
			t.Errorf("Authorization: got %q, want %s", auth, key)
		}
	}
}

// TestProfileChain: each role on the way is assumed, at the STS of the request.
func TestProfileChain(t *testing.T) {
	hostile(t)
	sts := newSTS(t, grants)
	r := request(sts.URL)
	r.Source = shared("top")
	dir := home(t, `
[profile top]
role_arn = arn:aws:iam::222222222222:role/Top
source_profile = middle
role_session_name = me
duration_seconds = 43200
region = ap-south-1
[profile middle]
role_arn = arn:aws:iam::111111111111:role/Middle
source_profile = john
external_id = x-1
`, johnsKeys)
	r.Duration = 2 * time.Hour
	mustMint(t, mint.Config{Home: dir}, r)
	got := sts.requests()
	if len(got) != 3 {
		t.Fatalf("requests: got %d, want 3", len(got))
	}
	for i, want := range []string{
		"Action=AssumeRole&DurationSeconds=900&ExternalId=x-1&RoleArn=arn%3Aaws%3Aiam%3A%3A111111111111%3Arole%2FMiddle&RoleSessionName=vendord&Version=2011-06-15",
		"Action=AssumeRole&DurationSeconds=900&RoleArn=arn%3Aaws%3Aiam%3A%3A222222222222%3Arole%2FTop&RoleSessionName=me&Version=2011-06-15",
		"Action=AssumeRole&DurationSeconds=3600&RoleArn=arn%3Aaws%3Aiam%3A%3A629470240201%3Arole%2FJohnUploadRole&RoleSessionName=john-uploader&Version=2011-06-15",
	} {
		if form := got[i].form.Encode(); form != want {
			t.Errorf("request %d:\n got %s\nwant %s", i, form, want)
		}
		key := map[bool]string{true: keyID, false: newKeyID}[i == 0]
		if auth := got[i].header.Get("Authorization"); !strings.Contains(auth, "Credential="+key+"/") || !strings.Contains(auth, "/eu-west-1/sts/") {
			t.Errorf("request %d: signed %q, want by %s", i, auth, key)
		}
	}
}

// TestChainFailureNamesTheRole on the way.
func TestChainFailureNamesTheRole(t *testing.T) {
	sts := newSTS(t, refuses(403, "AccessDenied", "User: "+john+" is not authorized to perform: sts:AssumeRole on resource: x"))
	r := request(sts.URL)
	r.Source = shared("top")
	dir := home(t, "[profile top]\nrole_arn=arn:aws:iam::222222222222:role/Top\nsource_profile=john\nexternal_id=x\n", johnsKeys)
	wantError(t, refused(t, mint.Config{Home: dir}, r), session.Administrator,
		"role arn:aws:iam::222222222222:role/Top: AWS denies sts:AssumeRole to "+john,
		strings.Replace(denied, "it wants an external_id", "external_id is not the one that it wants", 1))
}

const (
	needs = "it needs aws_access_key_id, source_profile, credential_process, sso_session, login_session or web_identity_token_file"
	loops = `such an endpoint may be vendord itself: use a source of type imds, container or environment`
)

// TestCheckSource refuses, before anybody is asked, what leads nowhere, to an
// endpoint that may be vendord, or to a person who waits.
func TestCheckSource(t *testing.T) {
	const assume = "role_arn=arn:aws:iam::111111111111:role/R\n"
	tests := map[string]struct {
		config        string
		profile       string
		problem, hint string // {dir} is the home directory
	}{
		"no credentials":                {"[profile john]\nregion=eu-west-1\n", "john", `its profile "john" has no credentials`, needs},
		"none for its role":             {"[profile john]\n" + assume, "john", `its profile "john" has no credentials`, needs},
		"half of the keys":              {"[profile john]\naws_access_key_id=A\n", "john", "one of its profiles has half of its keys", "each profile needs aws_access_key_id and aws_secret_access_key in the same file"},
		"a container":                   {"[profile john]\n" + assume + "credential_source=EcsContainer\n", "john", `its profile "john" has credential_source = EcsContainer`, loops},
		"an instance":                   {"[profile john]\n" + assume + "credential_source=Ec2InstanceMetadata\n", "john", `its profile "john" has credential_source = Ec2InstanceMetadata`, loops},
		"the environment":               {"[profile john]\n" + assume + "credential_source=Environment\n", "john", `its profile "john" has credential_source = Environment`, loops},
		"a source that nobody can read": {"[profile john]\n" + assume + "credential_source=\xb9\u202e\n", "john", `its profile "john" has credential_source = ?`, loops},
		"an endpoint, indirectly": {"[profile john]\n" + assume + "source_profile=b\n[profile b]\n" + assume + "credential_source=EcsContainer\n", "john",
			`its profile "b" has credential_source = EcsContainer`, loops},
		"two ways at once": {"[profile john]\n" + assume + "credential_source=EcsContainer\nsource_profile=b\n", "john",
			`its profile "john" cannot be used: only one credential type may be specified per profile: source profile, credential source, credential process, web identity token`,
			"mend the profile, then run: vendord reload"},
		"a source without its role": {"[profile john]\nsource_profile=b\n", "john", `its profile "john" has source_profile but no role_arn`, "then run: vendord reload"},
		"a source of nothing":       {"[profile john]\n" + assume + "source_profile=b\n[profile b]\nregion=x\n", "john", `its profile "b" has no credentials`, needs},
		"a source that is not there": {"[profile john]\n" + assume + "source_profile=bse\n[profile base]\n", "john",
			`its profiles name the source_profile "bse", which is not in {dir}/.aws/config`, `did you mean "base"?`},
		"a circle": {"[profile john]\n" + assume + "source_profile=b\n[profile b]\n" + assume + "Source_Profile = john\n", "john",
			"its profiles go round in a circle (john, b, john)", "one of them needs credentials of its own"},
		"a circle that nobody can read": {"[profile john]\n" + assume + "source_profile=b\u202e\n[profile b\u202e]\n" + assume + "source_profile = john\n", "john",
			"its profiles go round in a circle (john, b , john)", "one of them needs credentials of its own"},
		"a name without an end": {"[profile john]\n" + assume + "source_profile=" + strings.Repeat("b", 5000) + "\n", "john",
			`its profiles name the source_profile "` + strings.Repeat("b", 100) + `", which is not in {dir}/.aws/config`, "correct the name, or add the profile, then run: vendord reload"},
		"itself":               {"[profile john]\n" + assume + "source_profile=john\n", "john", "its profiles go round in a circle (john, john)", "one of them needs credentials of its own"},
		"a misspelt profile":   {"[profile johm]\n[profile jane]\n[john]\n", "john", `there is no profile "john" in {dir}/.aws/config`, `did you mean "johm"?`},
		"an unknown profile":   {"[profile production]\n[sso-session john]\n", "john", `there is no profile "john" in {dir}/.aws/config`, "correct the name, or add the profile, then run: vendord reload"},
		"MFA":                  {"[profile john]\n" + assume + "source_profile=b\nmfa_serial=arn:aws:iam::1:mfa/x\n[profile b]\naws_access_key_id=A\naws_secret_access_key=B\n", "john", `its profile "john" wants an MFA code (mfa_serial)`, "name the profile that has the keys, and write its mfa_serial into the source in vendord.toml"},
		"vendord itself":       {"[profile john]\ncredential_process=\"/usr/bin/vendord\" credentials x\n", "john", `its profile "john" has vendord itself as its credential_process`, "a source is where vendord gets its own credentials from"},
		"vendord, plainly":     {"[profile john]\ncredential_process=vendord credentials x\n", "john", `its profile "john" has vendord itself as its credential_process`, "a source is where vendord gets its own credentials from"},
		"SSO without a role":   {"[profile john]\nsso_session=s\nsso_account_id=1\n[sso-session s]\nsso_region=x\nsso_start_url=y\n", "john", `its profile "john" uses SSO but has no sso_role_name`, "complete it, or run: aws configure sso"},
		"SSO without a region": {"[profile john]\nsso_start_url=y\nsso_account_id=1\nsso_role_name=r\n", "john", `its profile "john" uses SSO but has no sso_region`, "complete it, or run: aws configure sso"},
		"SSO of nowhere":       {"[profile john]\nsso_session=s\n", "john", `its profile "john" cannot be used: failed to find SSO session section, s`, "mend the profile, then run: vendord reload"},
		"a lone quote":         {"[profile john]\nregion = \"\n", "john", "the SDK cannot read {dir}/.aws/config", "look for a value that is a lone quote"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			hostile(t)
			dir := home(t, test.config, "")
			sts := newSTS(t, grants)
			r := request(sts.URL)
			r.Source = shared(test.profile)
			want := source + strings.ReplaceAll(test.problem, "{dir}", dir)
			wantError(t, refused(t, mint.Config{Home: dir}, r), session.Configuration, want, test.hint)
			failure, ok := errors.AsType[*session.Error](mint.CheckSource(r.Source, dir))
			if !ok {
				t.Fatal("CheckSource: got no failure, and Mint has one")
			}
			wantError(t, failure, session.Configuration, want, test.hint)
			if n := len(sts.requests()); n != 0 {
				t.Errorf("requests: got %d, want none", n)
			}
		})
	}
}

func TestCheckSourceFiles(t *testing.T) {
	dir := home(t, "", johnsKeys)
	nowhere, folder := filepath.Join(dir, "nowhere"), filepath.Join(dir, ".aws")
	const readable = "the file must be there and readable for vendord's user; then run: vendord reload"
	tests := map[string]struct {
		home          string
		source        session.Source
		problem, hint string
	}{
		"no file that is named": {dir, session.Source{ConfigFile: nowhere}, "reading " + nowhere + ": no such file or directory", readable},
		"nor that one":          {dir, session.Source{CredentialsFile: nowhere}, "reading " + nowhere + ": no such file or directory", readable},
		"a folder":              {dir, session.Source{ConfigFile: folder}, "reading " + folder + ": it is not a regular file", readable},
		"no files at home":      {folder, session.Source{}, "there is neither " + folder + "/.aws/config nor credentials beside it", "name the files: config_file and credentials_file of the source"},
		"no home":               {"", session.Source{}, "there is neither .aws/config nor credentials beside it", "name the files: config_file and credentials_file of the source"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := test.source
			s.Name, s.Type, s.Profile = "john", session.SharedConfig, "john"
			wantError(t, session.AsError(mint.CheckSource(s, test.home)), session.Configuration, source+test.problem, test.hint)
		})
	}
}

// TestCheckSourceAccepts what will work as far as one can see from here.
func TestCheckSourceAccepts(t *testing.T) {
	for name, config := range map[string]string{
		"keys of its own, as its own source": "[profile john]\nrole_arn=arn:aws:iam::1:role/R\nsource_profile=john\naws_access_key_id=A\naws_secret_access_key=B\n",
		"a circle that has keys":             "[profile john]\nrole_arn=arn:aws:iam::1:role/R\nsource_profile=b\n[profile b]\nrole_arn=arn:aws:iam::1:role/R\nsource_profile=john\naws_access_key_id=A\naws_secret_access_key=B\n",
		"an SSO session":                     "[profile john]\nsso_session=s\nsso_account_id=1\nsso_role_name=r\n[sso-session s]\nsso_region=x\nsso_start_url=y\n",
		"an SSO profile of old":              "[profile john]\nsso_region=x\nsso_start_url=y\nsso_account_id=1\nsso_role_name=r\n",
		"a login":                            "[profile john]\nlogin_session=arn:aws:iam::1:user/john\n",
		"a web identity":                     "[profile john]\nrole_arn=arn:aws:iam::1:role/R\nweb_identity_token_file=/x\n",
		"a process":                          "[profile john]\ncredential_process=tool vendord\n",
	} {
		t.Run(name, func(t *testing.T) {
			if err := mint.CheckSource(shared("john"), home(t, config, "")); err != nil {
				t.Errorf("CheckSource: got %v", err)
			}
		})
	}
}
