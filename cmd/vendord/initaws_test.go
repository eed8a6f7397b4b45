package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/sdkenv"
)

// firstOf makes a first configuration of two files in a home directory.
func firstOf(t testing.TB, config, credentials string) (text string, loaded *profiles.Config) {
	t.Helper()
	home := t.TempDir()
	dir := filepath.Join(home, ".aws")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	files := sdkenv.Files{Config: filepath.Join(dir, "config"), Credentials: filepath.Join(dir, "credentials")}
	for path, content := range map[string]string{files.Config: config, files.Credentials: credentials} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := &program{home: home, uid: os.Getuid()}
	text, err := p.firstConfiguration(false, files)
	if err != nil {
		t.Fatalf("firstConfiguration of %q, %q: %v", config, credentials, err)
	}
	path := filepath.Join(home, "vendord.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	loaded, err = profiles.Load(profiles.Options{Path: path, UID: p.uid, Home: home})
	if err != nil {
		t.Fatalf("check of the first configuration of %q, %q: %v\n%s", config, credentials, err, text)
	}
	return strings.ReplaceAll(text, home, "~"), loaded
}

const (
	firstKeys = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI\n"
	firstMFA  = "arn:aws:iam::111122223333:mfa/me"
	firstRole = "role_arn = arn:aws:iam::111122223333:role/"
)

// firstShapes are the ways in which people write ~/.aws/config, and what has to be in
// the first configuration.
var firstShapes = []struct {
	name, config, credentials string
	want                      []string
	sources, profiles         int
}{
	{"nothing", "", "", []string{`region = "us-east-1"   # a guess: nothing names one`, "# [sources.work]", "# [profiles.reports]"}, 0, 0},
	{"keys", "[profile me]\nregion = eu-west-1\n", "[me]\n" + firstKeys,
		[]string{"# Keys.\n[sources.me]\nprofile = \"me\"\n", `region = "eu-west-1"` + "\n", "# [profiles.reports]\n# source   = \"me\""}, 1, 0},
	{"keys of [default]", "", "[default]\n" + firstKeys, []string{"# \"~/.aws/credentials\"\n# has credentials in [default], and every SDK takes those before", "[sources.default]"}, 1, 0},
	{"keys of [default] in the config file", "[default]\n" + firstKeys, "", []string{"# \"~/.aws/config\"\n# has credentials in [default]"}, 1, 0},
	{"a role", "[profile r]\n" + firstRole + "R\nsource_profile = me\nexternal_id = x/1\nduration_seconds = 7200\nrole_session_name = build\nregion = us-west-2\n[default]\nregion = eu-west-1\n",
		"[me]\n" + firstKeys,
		[]string{"[profiles.r]\nsource = \"me\"\nrole_arn = \"arn:aws:iam::111122223333:role/R\"\nexternal_id = \"x/1\"\nduration = \"2h\"\nsession_name = \"build\"\nregion = \"us-west-2\"\n",
			"# [profiles.r-readonly]\n# extends     = \"r\"\n", "# [apps.agent]\n# profiles = [\"r\"]"}, 1, 1},
	{"roles with one MFA device", "[profile a]\n" + firstRole + "A\nsource_profile = me\nmfa_serial = " + firstMFA + "\n[profile b]\n" + firstRole + "B\nsource_profile = me\nmfa_serial = " + firstMFA + "\n",
		"[me]\n" + firstKeys, []string{"# Keys. One code of the MFA device is good for all roles, for twelve hours: vendord login me\n[sources.me]\nprofile = \"me\"\nmfa_serial = \"" + firstMFA + "\"\n"}, 1, 2},
	{"one role of two with MFA", "[profile a]\n" + firstRole + "A\nsource_profile = me\nmfa_serial = " + firstMFA + "\n[profile b]\n" + firstRole + "B\nsource_profile = me\n",
		"[me]\n" + firstKeys, []string{"# Wants a code for each of its sessions. With mfa_serial in the source instead, one is good for all.\n[profiles.a]", "mfa_serial = \"" + firstMFA + "\"\n"}, 1, 2},
	{"a chain", "[profile a]\n" + firstRole + "A\nsource_profile = me\n[profile b]\n" + firstRole + "B\nsource_profile = a\nduration_seconds = 7200\n", "[me]\n" + firstKeys,
		[]string{"# A role chain: the session of profile a.\n[sources.a]\ntype = \"profile\"\nprofile = \"a\"\n", "[profiles.b]\nsource = \"a\"\n", "# duration = \"2h\"   # a role that is assumed with temporary credentials lasts an hour at most\n"}, 2, 2},
	{"a circle", "[profile a]\n" + firstRole + "A\nsource_profile = b\n[profile b]\n" + firstRole + "B\nsource_profile = a\n", "", []string{"# * \"b\": its source_profile \"a\" was not taken over\n", `# * "a": its source_profile "b" was not taken over`}, 0, 0},
	{"its own source_profile", "[profile a]\n" + firstRole + "A\nsource_profile = a\n" + firstKeys, "", []string{"# The session of this source as it is. No session policy can narrow it.\n[profiles.a]\nsource = \"a\"\noperation = \"source\"\n"}, 1, 1},
	{"a source_profile that is not there", "[profile a]\n" + firstRole + "A\nsource_profile = gone\n", "", []string{`# * "a": its source_profile "gone" is not there`}, 0, 0},
	{"a source_profile without keys", "[profile a]\n" + firstRole + "A\nsource_profile = b\n[profile b]\nregion = eu-west-1\n", "", []string{`# * "a": its source_profile "b": it has no credentials, and no way to any`}, 0, 0},
	{"an sso-session", "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n[profile dev]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Dev\n[profile r]\n" + firstRole + "R\nsource_profile = dev\n", "",
		[]string{"# IAM Identity Center: vendord login dev\n[sources.dev]\nprofile = \"dev\"\n", "[profiles.dev]\nsource = \"dev\"\noperation = \"source\"\n", "[profiles.r]\nsource = \"dev\"\n"}, 1, 2},
	{"an sso-session that is not there", "[profile dev]\nsso_session = corp\nsso_account_id = 111122223333\nsso_role_name = Dev\n", "", []string{`# * "dev": its profile "dev"`}, 0, 0},
	{"SSO of old", "[profile dev]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\nsso_account_id = 111122223333\nsso_role_name = Dev\n", "", []string{"[sources.dev]", "[profiles.dev]"}, 1, 1},
	{"aws login", "[profile dev]\nlogin_session = arn:aws:iam::111122223333:user/me\nregion = eu-west-1\n", "", []string{"# Signed in to by: aws login\n[sources.dev]", "[profiles.dev]"}, 1, 1},
	{"a credential_process", "[profile dev]\ncredential_process = /bin/echo --password hunter2\n", "", []string{"# Its credential_process.\n[sources.dev]\nprofile = \"dev\"\n"}, 1, 0},
	{"vendord as credential_process", "[profile dev]\ncredential_process = vendord credentials x\n", "", []string{`# * "dev": its profile "dev" has vendord itself as its credential_process`}, 0, 0},
	{"a token in a file", "[profile ci]\n" + firstRole + "CI\nweb_identity_token_file = /run/token\n", "", []string{"[sources.ci]\ntype = \"web-identity\"\ntoken_file = \"/run/token\"\n", "[profiles.ci]\nsource = \"ci\"\n"}, 1, 1},
	{"a token somewhere", "[profile ci]\n" + firstRole + "CI\nweb_identity_token_file = token\n", "", []string{`# * "ci": its web_identity_token_file "token" is not a whole path`}, 0, 0},
	{"roles of the machine", "[profile a]\n" + firstRole + "A\ncredential_source = Ec2InstanceMetadata\n[profile b]\n" + firstRole + "B\ncredential_source = Ec2InstanceMetadata\n[profile c]\n" + firstRole + "C\ncredential_source = EcsContainer\n[profile d]\n" + firstRole + "D\ncredential_source = Environment\n", "",
		[]string{"# The role of this EC2 instance.\n[sources.machine]\ntype = \"imds\"\n", "[sources.container]\ntype = \"container\"\n", "[sources.environment]\ntype = \"environment\"\n"}, 3, 4},
	{"another credential_source", "[profile a]\n" + firstRole + "A\ncredential_source = Moon\n", "", []string{`# * "a": its credential_source "Moon" is none that is known`}, 0, 0},
	{"names that cannot be", "[profile my prof]\nregion = eu-west-1\n[profile my/prof]\nregion = eu-west-1\n[profile cli]\n" + firstRole + "A\nsource_profile = my prof\n[profile *]\nregion = eu-west-1\n[profile a.b]\nregion = eu-west-1\n", "[my prof]\n" + firstKeys + "[my/prof]\n" + firstKeys + "[*]\n" + firstKeys + "[a.b]\n" + firstKeys,
		[]string{"# Profile \"my prof\" of the SDKs' files.\n", "[sources.my-prof]\nprofile = \"my prof\"\n", "[sources.my-prof-2]\nprofile = \"my/prof\"\n", "[profiles.aws-cli]\nsource = \"my-prof\"\n", "[sources.profile]\nprofile = \"*\"\n", "[sources.\"a.b\"]\nprofile = \"a.b\"\n"}, 4, 1},
	{"what AWS would refuse", "[profile a]\nrole_arn = role/A\nsource_profile = me\n[profile b]\n" + firstRole + "B\nsource_profile = me\nduration_seconds = 60\nrole_session_name = {{user}}\n", "[me]\n" + firstKeys,
		[]string{`# * "a": role_arn: "role/A" is not the ARN of a role`, `# duration = "1m"   # 1m0s is not between 15 minutes and 12 hours`, `# session_name = "{{user}}"   # no session of AWS can be called so`}, 1, 1},
	{"what the SDKs read differently", "[profile a\nb]\n[profile c]\n" + firstRole + "\x85C\nsource_profile = me\n", "[me]\n" + firstKeys,
		[]string{`# * "c": the SDKs do not agree on its role_arn`, "# * sections whose headers the SDKs do not read alike"}, 1, 0},
	{"China", "[profile a]\nrole_arn = arn:aws-cn:iam::111122223333:role/A\nsource_profile = me\nregion = cn-north-1\n", "[me]\n" + firstKeys, []string{`# policy_arns = ["arn:aws-cn:iam::aws:policy/ReadOnlyAccess"]`}, 1, 1},
}

func TestFirstConfigurationOfEachShape(t *testing.T) {
	for _, shape := range firstShapes {
		t.Run(shape.name, func(t *testing.T) {
			text, config := firstOf(t, shape.config, shape.credentials)
			for _, want := range shape.want {
				if !strings.Contains(text, want) {
					t.Errorf("first configuration: without %q:\n%s", want, text)
				}
			}
			if len(config.Sources) != shape.sources || len(config.Profiles) != shape.profiles {
				t.Errorf("first configuration: got %d sources and %d profiles, want %d and %d:\n%s",
					len(config.Sources), len(config.Profiles), shape.sources, shape.profiles, text)
			}
			for _, secret := range []string{"wJalr", "AKIA", "hunter2"} {
				if strings.Contains(text, secret) {
					t.Errorf("first configuration: has the secret %q", secret)
				}
			}
			examples := uncommented(text)
			if strings.Contains(text, "# duration") || strings.Contains(text, "# session_name") {
				return // comments of what cannot be
			}
			if _, err := profiles.LoadText(examples, firstOptions(t, false)); err != nil {
				t.Errorf("its examples, without the #: %v\n%s", err, examples)
			}
		})
	}
}

func TestFirstConfigurationOfThousandsOfProfiles(t *testing.T) {
	var config strings.Builder
	for i := range 1500 {
		fmt.Fprintf(&config, "[profile p%d]\n%sR\nsource_profile = p%d\n", i, firstRole, i+1) // the longest chain
		fmt.Fprintf(&config, "[profile q %d]\n%sR\nsource_profile = me\n", i%7, firstRole)
		fmt.Fprintf(&config, "[profile r%d]\n%sR\nsource_profile = me\n", i, firstRole)
	}
	_, loaded := firstOf(t, config.String(), "[me]\n"+firstKeys)
	if got := len(loaded.Profiles); got != 1507 {
		t.Errorf("first configuration of 3007 profiles: got %d, want the 1507 whose source is there", got)
	}
}

// Whatever is in the files, what comes out loads, and has each text as it was.
func FuzzFirstConfiguration(f *testing.F) {
	for _, shape := range firstShapes {
		f.Add(shape.config, shape.credentials)
	}
	f.Add("[profile \"]\nrole_arn = \"\"\"\n[sources.x]\n", "['''x]\naws_access_key_id = \"\n")
	f.Add("[profile \u2028\u202e]\nregion=\x00\n[profile "+strings.Repeat("x", 300)+"]\nsso_session=\\\n", "\ufeff[ü]\naws_access_key_id: 1")
	f.Fuzz(func(t *testing.T, config, credentials string) {
		_, loaded := firstOf(t, config, credentials)
		known := map[string]bool{}
		for _, name := range append(strings.FieldsFunc(config, ends), strings.FieldsFunc(credentials, ends)...) {
			known[strings.Join(strings.Fields(name), " ")] = true
		}
		for name, source := range loaded.Sources {
			if source.Type == "shared-config" && !known[source.Profile] && !known["profile "+source.Profile] {
				t.Errorf("source %s: profile %q is not in the files", name, source.Profile)
			}
		}
		for name, profile := range loaded.Profiles {
			if profile.RoleARN != "" && !strings.Contains(config+credentials, profile.RoleARN) {
				t.Errorf("profile %s: role %q is not in the files", name, profile.RoleARN)
			}
		}
	})
}

func ends(r rune) bool { return strings.ContainsRune("[]\r\n", r) }
