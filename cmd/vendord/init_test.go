package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/sdkenv"
)

// firstOptions are those of a daemon that would run with a first configuration.
func firstOptions(t *testing.T, system bool) profiles.Options {
	t.Helper()
	dir := t.TempDir()
	return profiles.Options{Path: filepath.Join(dir, "vendord.toml"), System: system, UID: os.Getuid(), Home: dir, Credentials: dir}
}

func TestFirstSystemConfigurationVendsNothingYet(t *testing.T) {
	text, err := (&program{}).firstConfiguration(true, sdkenv.Files{})
	if err != nil {
		t.Fatalf("firstConfiguration(true): %v", err)
	}
	config, err := profiles.LoadText(text, firstOptions(t, true))
	if err != nil {
		t.Fatalf("LoadText of the first configuration: %v", err)
	}
	if n := len(config.Sources) + len(config.Profiles) + len(config.Apps); n != 0 {
		t.Errorf("first configuration: got %d tables, want none", n)
	}
	if want := "127.0.0.1:9797"; config.Daemon.Listen != want || config.Audit.File != "/var/log/vendord/audit.jsonl" {
		t.Errorf("first configuration: got listen %q and a record in %q", config.Daemon.Listen, config.Audit.File)
	}
	if len(config.Warnings) != 1 || !strings.Contains(config.Warnings[0].Error(), "nothing is vended") {
		t.Errorf("first configuration: got warnings %v, want that nothing is vended yet", config.Warnings)
	}
}

// Who takes the "# " away from the examples must get what they say.
func TestFirstSystemConfigurationHasExamplesThatLoad(t *testing.T) {
	text, err := (&program{}).firstConfiguration(true, sdkenv.Files{})
	if err != nil {
		t.Fatal(err)
	}
	config, err := profiles.LoadText(uncommented(text), firstOptions(t, true))
	if err != nil {
		t.Fatalf("LoadText of the examples: %v", err)
	}
	if got := len(config.Sources); got != 3 || len(config.Profiles) != 2 || len(config.Apps) != 2 {
		t.Errorf("examples: got %d sources, %d profiles, %d apps, want 3, 2 and 2", got, len(config.Profiles), len(config.Apps))
	}
	if config.Profiles["reports-readonly"].Policy == "" || config.Daemon.Region == "" || !slices.Equal(config.Daemon.Operators, []string{"wheel"}) {
		t.Errorf("examples: got %+v, %+v: some are still comments", config.Daemon, config.Profiles)
	}
	for _, w := range config.Warnings {
		if !strings.Contains(w.Problem, "no such file") && !strings.Contains(w.Problem, "nightly") && !strings.Contains(w.Problem, "wheel") {
			t.Errorf("examples: warning %v", w) // but for what another machine has
		}
	}
}

// example is a line of TOML behind "# ", other than of prose.
var example = regexp.MustCompile(`(?m)^# (\[[a-z].*\]$|[a-z_]+ *= .*| +["{\]].*|\}'.*)$`)

func uncommented(text string) string { return example.ReplaceAllString(text, "$1") }
