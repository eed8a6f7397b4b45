package profiles_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/profiles"
)

// stores makes two directories of credentials.
func stores(t *testing.T, clear, encrypted string) []profiles.Store {
	t.Helper()
	dir := t.TempDir()
	two := []profiles.Store{{Path: filepath.Join(dir, "credstore.encrypted"), Encrypted: true}, {Path: filepath.Join(dir, "credstore")}}
	for i, name := range []string{encrypted, clear} {
		if err := os.Mkdir(two[i].Path, 0o700); err != nil {
			t.Fatal(err)
		}
		if name != "" {
			if err := os.WriteFile(filepath.Join(two[i].Path, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return two
}

const ofCredential = "[daemon]\nregion = \"eu-west-1\"\n[sources.keys]\ncredentials_file = \"credential:aws\"\n" +
	"[profiles.p]\nsource = \"keys\"\nrole_arn = \"arn:aws:iam::111122223333:role/P\"\n"

func TestCredentialsSeenFromOutsideOfTheService(t *testing.T) {
	for _, row := range []struct {
		name, clear, encrypted string
		want                   profiles.Credential // its Path: the store
		warning                string
	}{
		{"in clear", "aws", "", profiles.Credential{Name: "aws", Path: "credstore"}, ""},
		{"encrypted", "", "aws", profiles.Credential{Name: "aws", Path: "credstore.encrypted", Encrypted: true}, ""},
		{"both: the encrypted one", "aws", "aws", profiles.Credential{Name: "aws", Path: "credstore.encrypted", Encrypted: true}, ""},
		{"another name", "other", "other", profiles.Credential{Name: "aws"}, "credential:aws: not in "},
	} {
		t.Run(row.name, func(t *testing.T) {
			two := stores(t, row.clear, row.encrypted)
			config, err := profiles.LoadText(ofCredential, profiles.Options{Path: filepath.Join(t.TempDir(), "vendord.toml"), System: true, UID: os.Getuid(), Stores: two})
			if err != nil {
				t.Fatalf("LoadText: %v", err)
			}
			if row.want.Path != "" {
				row.want.Path = filepath.Join(filepath.Dir(two[0].Path), row.want.Path, "aws")
			}
			if !slices.Equal(config.Credentials, []profiles.Credential{row.want}) {
				t.Errorf("Credentials: got %+v, want %+v", config.Credentials, row.want)
			}
			var said []string
			for _, w := range config.Warnings {
				said = append(said, w.Error()+"; "+w.Hint)
			}
			if all := strings.Join(said, "\n"); (all == "") != (row.warning == "") || !strings.Contains(all, row.warning) {
				t.Errorf("Warnings: got %q, want %q", all, row.warning)
			}
		})
	}
}

func TestCredentialThatIsMissingSaysWhereItBelongs(t *testing.T) {
	config, err := profiles.LoadText(ofCredential, profiles.Options{Path: "/nowhere/vendord.toml", Stores: []profiles.Store{{"/nowhere/a", true}, {"/nowhere/b", false}}})
	if err != nil || len(config.Warnings) != 1 {
		t.Fatalf("LoadText: got %+v, %v, want one warning", config, err)
	}
	w := config.Warnings[0]
	if want := "credential:aws: not in /nowhere/a nor in /nowhere/b: the service cannot start without it"; w.Problem != want {
		t.Errorf("Problem: got %q, want %q", w.Problem, want)
	}
	if want := "install -D -m 600 FILE /nowhere/b/aws, then: vendord service install"; w.Hint != want {
		t.Errorf("Hint: got %q, want %q", w.Hint, want)
	}
}

// Inside of the service, and where nobody says that it is looked at from outside, what
// was not handed over is an error.
func TestCredentialThatWasNotHandedOver(t *testing.T) {
	_, err := profiles.LoadText(ofCredential, profiles.Options{Path: "/nowhere/vendord.toml"})
	if err == nil || !strings.Contains(err.Error(), "$CREDENTIALS_DIRECTORY is not set") {
		t.Errorf("LoadText: got %v, want that nothing was handed over", err)
	}
}

func TestFilesThatTheDaemonReads(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "vendord.toml")
	text := "[daemon]\nregion = \"eu-west-1\"\n[sources.a]\nconfig_file = \"config\"\ncredentials_file = \"credential:aws\"\n[sources.b]\ntype = \"process\"\ncommand = [\"/bin/true\"]\n" +
		"[profiles.p]\nsource = \"a\"\nrole_arn = \"arn:aws:iam::111122223333:role/P\"\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	config, err := profiles.Load(profiles.Options{Path: path, UID: os.Getuid(), Credentials: dir})
	if err != nil {
		t.Fatal(err)
	}
	read, later := config.Files()
	if want := []string{"/bin/true", filepath.Join(dir, "config")}; !slices.Equal(read, []string{path}) || !slices.Equal(later, want) {
		t.Errorf("Files: got %q, %q, want %q, %q", read, later, path, want)
	}
	if want := []profiles.Credential{{Name: "aws"}}; !slices.Equal(config.Credentials, want) {
		t.Errorf("Credentials: got %+v, want %+v", config.Credentials, want)
	}
}
