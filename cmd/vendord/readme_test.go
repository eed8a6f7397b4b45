package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vendord/vendord/profiles"
)

// The configurations in the documents are the first that people copy: they
// must load, as they stand.
func TestDocumentedConfigurations(t *testing.T) {
	for _, name := range []string{"README.md", "docs/design.md"} {
		text, err := os.ReadFile(filepath.Join("../..", name))
		if err != nil {
			t.Fatal(err)
		}
		blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllSubmatch(text, -1)
		if len(blocks) != 1 {
			t.Fatalf("%s: got %d configurations, want one", name, len(blocks))
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "vendord.toml")
		if err := os.WriteFile(path, blocks[0][1], 0o600); err != nil {
			t.Fatal(err)
		}
		config, err := profiles.Load(profiles.Options{Path: path, UID: os.Getuid(), Home: dir})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if len(config.Warnings) > 0 {
			t.Errorf("%s: its configuration gives warnings: %v", name, config.Warnings)
		}
	}
}

func TestReadmeIsShort(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(readme), "\n"); n > 200 {
		t.Errorf("README.md: %d lines; 200 is the most that a newcomer reads", n)
	}
}

// Every command that the README names exists.
func TestReadmeCommands(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	root := newProgram(nil).root()
	for _, found := range regexp.MustCompile("(?m)(?:^|`|\\(|cmd/)vendord ([a-z]+)").FindAllStringSubmatch(string(readme), -1) {
		if cmd, _, err := root.Find([]string{found[1]}); err != nil || cmd == root {
			t.Errorf("README.md: names the command %q, which does not exist", found[1])
		}
	}
}
