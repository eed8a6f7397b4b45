package profiles_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/vendord/vendord/profiles"
)

var update = flag.Bool("update", false, "write what the tests find into testdata and docs/configuration.md")

// write puts files into a new directory and returns it.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir()) // messages have the real path
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// options are those of a daemon of the user who runs the test.
func options(dir string) profiles.Options {
	return profiles.Options{Path: filepath.Join(dir, "vendord.toml"), UID: daemonUID,
		Home: filepath.Join(dir, "home"), Host: "laptop", Machine: machine()}
}

// load loads a configuration that must be right.
func load(t testing.TB, text string) *profiles.Config {
	t.Helper()
	c, err := profiles.Load(options(write(t, map[string]string{"vendord.toml": text})))
	if err != nil {
		t.Fatalf("Load: %v", err)
	}
	return c
}

// told returns problems as a person is told them.
func told(level, dir string, problems []profiles.Problem) string {
	var b strings.Builder
	for _, p := range problems {
		fmt.Fprintf(&b, "%s: %s\n", level, p.Error())
		if p.Hint != "" {
			fmt.Fprintf(&b, "hint: %s\n", p.Hint)
		}
	}
	return strings.ReplaceAll(b.String(), dir, "$DIR")
}

// TestMessages loads every archive of testdata. The comment that it begins with
// is all that may be said about it, errors and warnings.
func TestMessages(t *testing.T) {
	for _, kind := range []string{"bad", "good"} {
		archives, err := filepath.Glob(filepath.Join("testdata", kind, "*.txtar"))
		if err != nil || len(archives) == 0 {
			t.Fatalf("Glob(%s): got %d archives, %v", kind, len(archives), err)
		}
		for _, file := range archives {
			t.Run(kind+"/"+strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) { testArchive(t, file, kind) })
		}
	}
}

func testArchive(t *testing.T, file, kind string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, f := range archive.Files {
		files[f.Name] = string(f.Data)
	}
	dir := write(t, files)
	o := options(dir)
	want, system := strings.CutPrefix(string(archive.Comment), "system service\n")
	o.System = system
	c, err := profiles.Load(o)
	if (err != nil) != (kind == "bad") {
		t.Errorf("Load: got error %v in testdata/%s", err, kind)
	}
	got := told("error", dir, profiles.Problems(err))
	if c != nil {
		got += told("warning", dir, c.Warnings)
	}
	if got == want {
		return
	}
	if !*update {
		t.Errorf("Load: got\n%swant\n%s", got, want)
		return
	}
	if system {
		got = "system service\n" + got
	}
	archive.Comment = []byte(got)
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLoadText(t *testing.T) {
	o := profiles.Options{Path: "/nowhere/vendord.toml"}
	config, err := profiles.LoadText("[daemon]\nregion = \"eu-west-1\"\n", o)
	if err != nil || config.Daemon.Region != "eu-west-1" || len(config.Warnings) != 1 {
		t.Errorf("LoadText: got %+v, %v, want a region and a warning", config, err)
	}
	if _, err := profiles.LoadText("[daemon]\nregoin = 1\n", o); err == nil || !strings.Contains(err.Error(), "vendord.toml:2: daemon.regoin") {
		t.Errorf("LoadText of a slip: got %v, want its line", err)
	}
	if _, err := profiles.LoadText(strings.Repeat("#\n", 5<<20), o); err == nil || !strings.Contains(err.Error(), "larger than 8388608 bytes") {
		t.Errorf("LoadText of 10 MB: got %v, want a refusal", err)
	}
}
