//go:build unix

package sdkenv_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vendord/vendord/sdkenv"
)

// profilesOf reads two files of these texts.
func profilesOf(t *testing.T, config, credentials string) ([]sdkenv.Profile, bool) {
	t.Helper()
	dir := t.TempDir()
	files := sdkenv.Files{Config: filepath.Join(dir, "config"), Credentials: filepath.Join(dir, "credentials")}
	for path, text := range map[string]string{files.Config: config, files.Credentials: credentials} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	profiles, unclear, err := files.Profiles()
	if err != nil {
		t.Fatalf("Profiles: %v", err)
	}
	return profiles, unclear
}

func TestProfilesHaveNoSecret(t *testing.T) {
	profiles, unclear := profilesOf(t, "[profile a]\ncredential_process = tool --password hunter2\nREGION = eu-west-1 # home\n[services x]\n[b]\n[default]\noutput = json\n",
		"[a]\naws_access_key_id = AKIA1\naws_secret_access_key = hunter2\naws_session_token = hunter2\nregion = eu-west-2\n[c]\n")
	if unclear || len(profiles) != 3 || profiles[0].Name != "a" || profiles[1].Name != "default" || profiles[2].Name != "c" {
		t.Fatalf("Profiles: got %+v, %v, want a, default and c", profiles, unclear)
	}
	a := profiles[0]
	if !a.Has["aws_access_key_id"] || !a.Has["credential_process"] || a.Settings["region"] != "eu-west-2" {
		t.Errorf("profile a: got %+v, want its keys, its command and the credentials file's region", a)
	}
	if all := fmt.Sprintf("%+v", profiles); strings.Contains(all, "hunter2") || strings.Contains(all, "AKIA") {
		t.Errorf("Profiles: got %s, with secrets", all)
	}
}

func TestProfilesThatAreNotClear(t *testing.T) {
	profiles, unclear := profilesOf(t, "[profile a]\nrole_arn = \"\nexternal_id = x\u2028y\n[profile b\n", "")
	if !unclear || len(profiles) != 1 || len(profiles[0].Unclear) != 2 {
		t.Errorf("Profiles: got %+v, %v, want two settings and a section that are not clear", profiles, unclear)
	}
}

func TestProfilesOfNoFile(t *testing.T) {
	dir := t.TempDir()
	large, pipe := filepath.Join(dir, "large"), filepath.Join(dir, "pipe")
	if err := os.WriteFile(large, []byte(strings.Repeat("#\n", 3<<20)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{large: "larger than", pipe: "not a regular file", dir: "not a regular file"} {
		if _, _, err := (sdkenv.Files{Config: path}).Profiles(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Profiles of %s: got %v, want %q", filepath.Base(path), err, want)
		}
	}
	if profiles, _, err := (sdkenv.Files{Config: filepath.Join(dir, "none")}).Profiles(); err != nil || len(profiles) != 0 {
		t.Errorf("Profiles of a file that is not there: got %v, %v, want none", profiles, err)
	}
}
