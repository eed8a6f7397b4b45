//go:build unix

package profiles_test

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/vendord/vendord/profiles"
)

// must makes a test's preparations readable.
func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTrust has files that everybody may write, and asks whether a
// configuration of them is taken. Every path is below $DIR; vendord.toml is
// $DIR/conf/vendord.toml.
func TestTrust(t *testing.T) {
	me := strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil {
		me = u.Username
	}
	const minimal = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}`
	tests := []struct {
		name, more string
		open       string // below $DIR; it is made if need be
		mode       os.FileMode
		want       string // what Load says, or "" if it takes the file
	}{
		{"vendord.toml of ours", "", "/conf/vendord.toml", 0o644, ""},
		{"vendord.toml", "", "/conf/vendord.toml", 0o646,
			"error: $DIR/conf/vendord.toml: everybody may write it (owner ME, mode 0646)\nhint: chmod go-w $DIR/conf/vendord.toml\n"},
		{"a directory above it", "", "", 0o777,
			"error: $DIR: everybody may write it (owner ME, mode 0777)\nhint: chmod go-w $DIR\n"},
		{"policy file", `policy_file = "p.json"`, "/conf/p.json", 0o602,
			"error: vendord.toml:8: profiles.x.policy_file: $DIR/conf/p.json: everybody may write it (owner ME, mode 0602)\n" +
				"hint: chmod go-w $DIR/conf/p.json\n"},
		{"config file of a source", "[sources.s]\nconfig_file = \"config\"", "/conf/config", 0o602,
			"error: vendord.toml:9: sources.s.config_file: $DIR/conf/config: everybody may write it (owner ME, mode 0602)\n" +
				"hint: chmod go-w $DIR/conf/config\n"},
		{"program of a source", "[sources.s]\ntype = \"process\"\ncommand = [\"./run\"]", "/conf/run", 0o707,
			"error: vendord.toml:10: sources.s.command[0]: $DIR/conf/run: everybody may write it (owner ME, mode 0707)\n" +
				"hint: chmod go-w $DIR/conf/run\n"},
		{"token of a source", "[sources.s]\ntype = \"web-identity\"\ntoken_file = \"token\"", "/conf/token", 0o602,
			"error: vendord.toml:10: sources.s.token_file: $DIR/conf/token: everybody may write it (owner ME, mode 0602)\n" +
				"hint: chmod go-w $DIR/conf/token\n"},
		{"program that prints an MFA code", "mfa_serial = \"GAHT12345678\"\nmfa_command = [\"./code\"]", "/conf/code", 0o707,
			"error: vendord.toml:9: profiles.x.mfa_command[0]: $DIR/conf/code: everybody may write it (owner ME, mode 0707)\n" +
				"hint: chmod go-w $DIR/conf/code\n"},
		{"text of a managed policy", "policy_documents = { \"arn:aws:iam::aws:policy/P\" = \"p.json\" }", "/conf/p.json", 0o602,
			"error: vendord.toml:8: profiles.x.policy_documents.\"arn:aws:iam::aws:policy/P\": $DIR/conf/p.json: everybody may write it (owner ME, mode 0602)\n" +
				"hint: chmod go-w $DIR/conf/p.json\n"},
		{"credential of systemd", "[sources.s]\ncredentials_file = \"credential:keys\"", "/run/keys", 0o602,
			"error: vendord.toml:9: sources.s.credentials_file: $DIR/run/keys: everybody may write it (owner ME, mode 0602)\n" +
				"hint: chmod go-w $DIR/run/keys\n"},
		{"missing where others could create it", "[sources.s]\nconfig_file = \"config\"", "/conf", 0o777 | os.ModeSticky,
			"error: vendord.toml:9: sources.s.config_file: $DIR/conf/config: no such file, and others could create it there\n" +
				"hint: keep it in a directory of your own\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := write(t, map[string]string{"conf/vendord.toml": one(test.more)})
			if _, err := os.Stat(dir + test.open); err != nil {
				must(t, os.MkdirAll(filepath.Dir(dir+test.open), 0o755), os.WriteFile(dir+test.open, []byte(minimal), 0o600))
			}
			must(t, os.Chmod(dir, 0o755), os.Chmod(dir+"/conf", 0o755), os.Chmod(dir+test.open, test.mode))
			o := options(dir + "/conf")
			o.Credentials = dir + "/run"
			_, err := profiles.Load(o)
			if got, want := told("error", dir, profiles.Problems(err)), strings.ReplaceAll(test.want, "ME", me); got != want {
				t.Errorf("Load: got\n%swant\n%s", got, want)
			}
		})
	}
}

// TestTrustOfAnotherDaemon loads a file for a daemon that runs as somebody
// else: what belongs to us is a stranger's to it.
func TestTrustOfAnotherDaemon(t *testing.T) {
	o := options(write(t, map[string]string{"vendord.toml": one("")}))
	o.UID = 54321
	if os.Getuid() == 0 { // root's files are trusted by everybody; give this one away
		must(t, os.Chown(o.Path, 54322, -1))
	}
	_, err := profiles.Load(o)
	if all := profiles.Problems(err); len(all) != 1 || !strings.HasSuffix(all[0].Problem, ", not to root or 54321") {
		t.Errorf("Load: got %+v, want a file that belongs neither to root nor to 54321", all)
	}
}
