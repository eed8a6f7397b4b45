package main

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/vendord/vendord/profiles"
)

func TestMetadataKey(t *testing.T) {
	imds := []profiles.Endpoint{{Kind: profiles.ECS}, {Kind: profiles.IMDS}}
	good := strings.Repeat("0123456789abcdef", 4)
	const anew = "metadata: the key of the session tokens is made anew: programs ask for new tokens, and see another instance"
	for _, row := range []struct {
		name, kept string // "-": no file
		same       bool
		logs       string
	}{
		{"the first start", "-", false, ""},
		{"kept", good + "\n", true, ""},
		{"kept without a line break", good, true, ""},
		{"empty, as after a crash", "", false, anew + "\" file=metadata.key err=damaged"},
		{"too short", good[2:] + "\n", false, anew},
		{"too long", good + "00\n", false, anew},
		{"a megabyte", strings.Repeat("0", 1<<20), false, anew},
		{"no hexadecimal", "secretXX" + good[8:] + "\n", false, anew},
	} {
		t.Run(row.name, func(t *testing.T) {
			state, log := t.TempDir(), new(bytes.Buffer)
			path := filepath.Join(state, "metadata.key")
			if row.kept != "-" {
				if err := os.WriteFile(path, []byte(row.kept), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			key := metadataKey(state, imds, slog.New(slog.NewTextHandler(log, nil)))
			if len(key) != 32 || (string(key[:2]) == "\x01\x23") != row.same {
				t.Errorf("metadataKey: got %x, want the one that was kept: %v", key, row.same)
			}
			if got := log.String(); !strings.Contains(got, row.logs) || (got == "") != (row.logs == "") || strings.Contains(got, "secret") {
				t.Errorf("log: got %q, want %q", got, row.logs)
			}
			info, err := os.Stat(path)
			if err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
				t.Fatalf("%s: got %v, %v, want 0600", path, info, err)
			}
			if again := metadataKey(state, imds, slog.New(slog.DiscardHandler)); !bytes.Equal(again, key) {
				t.Errorf("metadataKey: got %x after a restart, want %x", again, key)
			}
		})
	}
}

func TestMetadataKeyThatCannotBeKept(t *testing.T) {
	state := t.TempDir()
	if err := os.Mkdir(filepath.Join(state, "metadata.key"), 0o700); err != nil {
		t.Fatal(err)
	}
	const lost = "metadata: session tokens will not outlive a restart: "
	for dir, want := range map[string]string{
		filepath.Join(state, "none"): lost + "the state directory cannot be read",
		state:                        lost + "their key cannot be kept",
	} {
		log := new(bytes.Buffer)
		if key := metadataKey(dir, []profiles.Endpoint{{Kind: profiles.IMDS}}, slog.New(slog.NewTextHandler(log, nil))); len(key) != 32 {
			t.Errorf("metadataKey: got %x, want one for now", key)
		}
		if !strings.Contains(log.String(), want) {
			t.Errorf("log: got %q, want %q", log, want)
		}
	}
}

// What a link leads to is neither taken for a key nor written to.
func TestMetadataKeyThatIsALink(t *testing.T) {
	state := t.TempDir()
	other := filepath.Join(state, "other") // os.Root follows no link to elsewhere
	text := strings.Repeat("0123456789abcdef", 4) + "\n"
	if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("other", filepath.Join(state, "metadata.key")); err != nil {
		t.Skip(err) // Windows, without the right to
	}
	key := metadataKey(state, []profiles.Endpoint{{Kind: profiles.IMDS}}, slog.New(slog.DiscardHandler))
	if len(key) != 32 || string(key[:2]) == "\x01\x23" {
		t.Errorf("metadataKey: got %x, want another than what the link leads to", key)
	}
	if now, err := os.ReadFile(other); err != nil || string(now) != text {
		t.Errorf("what it leads to: got %q, %v, want it left alone", now, err)
	}
	if info, err := os.Lstat(filepath.Join(state, "metadata.key")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("metadata.key: got %v, %v, want a file in the link's place", info, err)
	}
}

func TestMetadataKeyOfNobody(t *testing.T) {
	state := t.TempDir()
	if key := metadataKey(state, []profiles.Endpoint{{Kind: profiles.ECS}}, slog.New(slog.DiscardHandler)); key != nil {
		t.Errorf("metadataKey without the endpoint: got %x, want none", key)
	}
	if key := metadataKey("", []profiles.Endpoint{{Kind: profiles.IMDS}}, slog.New(slog.DiscardHandler)); len(key) != 32 {
		t.Errorf("metadataKey in memory: got %x, want one", key)
	}
	if left, err := os.ReadDir(state); err != nil || len(left) > 0 {
		t.Errorf("state directory: got %v, %v, want nothing", left, err)
	}
}

// A key that others may know or have made is made anew, as are tokens that they could
// have written.
func TestMetadataKeyOfOthers(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // its files have no modes
	}
	made := strings.Repeat("0123456789abcdef", 4) + "\n"
	for name, row := range map[string]struct {
		mode os.FileMode
		uid  int
		want string
	}{
		"others may write it": {0o622, os.Getuid(), "err=\"others may write it (owner "},
		"others may read it":  {0o644, os.Getuid(), "err=\"open to others (owner "},
		"its group may read":  {0o640, os.Getuid(), "err=\"open to others (owner "},
		"another user's":      {0o600, 54321, "err=\"belongs to "},
	} {
		state, log := t.TempDir(), new(bytes.Buffer)
		path := filepath.Join(state, "metadata.key")
		if err := os.WriteFile(path, []byte(made), 0o600); err != nil {
			t.Fatal(err)
		}
		if os.Chown(path, row.uid, -1) != nil {
			continue // but by root
		}
		if err := os.Chmod(path, row.mode); err != nil {
			t.Fatal(err)
		}
		key := metadataKey(state, []profiles.Endpoint{{Kind: profiles.IMDS}}, slog.New(slog.NewTextHandler(log, nil)))
		if len(key) != 32 || string(key[:2]) == "\x01\x23" || !strings.Contains(log.String(), row.want) {
			t.Errorf("%s: got %x, %s, want another key, and %s", name, key, log, row.want)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: got %v, %v, want a file of 0600 in its place", name, info, err)
		}
	}
}
