package profiles_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/profiles"
)

// The first thread is kept from tests: what they change of theirs, its user or its
// network, ends with the thread, and the first does not end. /proc shows it as the
// whole process's. Only an init runs on it for certain; main may not any more.
func init() { runtime.LockOSThread() }

// Who may not enter the stores is told so, and not that nothing is there.
func TestCredentialThatOnlyRootCanSee(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("it takes root to look as another user")
		}
		t.Skip("it takes root to look as another user")
	}
	two := stores(t, "aws", "")
	dir := filepath.Dir(two[0].Path)
	for _, open := range []string{dir, filepath.Dir(dir)} { // t.TempDir makes two
		if err := os.Chmod(open, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	type answer struct {
		config *profiles.Config
		err    error
	}
	got := make(chan answer)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread dies with the goroutine
		if err := unix.Setfsuid(54321); err != nil {
			got <- answer{nil, err}
			return
		}
		config, err := profiles.LoadText(ofCredential, profiles.Options{Path: "/nowhere/vendord.toml", Stores: two})
		got <- answer{config, err}
	}()
	a := <-got
	if a.err != nil {
		t.Fatalf("LoadText: %v", a.err)
	}
	if c := a.config.Credentials; len(c) != 1 || !c[0].Hidden || c[0].Path != "" {
		t.Errorf("Credentials: got %+v, want one that is hidden", c)
	}
	w := a.config.Warnings
	if len(w) != 1 || w[0].Problem != "credential:aws: only root can see whether it is there" || !strings.Contains(w[0].Hint, "sudo vendord check") {
		t.Errorf("Warnings: got %+v, want that only root can see it", w)
	}
}
