package apps_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/session"
)

const stopThat = "stop that one, or give this one another with --state-dir"

func TestOpenTwice(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	b := open(t, dir, "uploader=one")
	config := apps.Config{Profiles: b.Config(), StateDir: dir}
	_, err := apps.Open(config)
	inUse := fmt.Sprintf("state directory %s: in use by another vendord (pid %d)", dir, os.Getpid())
	refusal(t, "Open in the same process", err, session.Configuration, inUse, stopThat)

	if _, said := another(t, b.Config().Path, dir); said != "open: "+inUse {
		t.Errorf("Open in another process: got %q, want %q", said, inUse)
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	a, err := apps.Open(config)
	if err != nil {
		t.Fatalf("Open after Close: %v", err)
	}
	a.Close()
}

// The lock goes with its holder, even with one that had no time to give it up.
func TestOpenAfterKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	config := apps.Config{Profiles: load(t, file("uploader=one")), StateDir: dir}
	holder, said := another(t, config.Profiles.Path, dir)
	if said != "open: <nil>" {
		t.Fatalf("another vendord: got %q, want it to open", said)
	}
	_, err := apps.Open(config)
	refusal(t, "Open while it runs", err, session.Configuration,
		fmt.Sprintf("state directory %s: in use by another vendord (pid %d)", dir, holder.Process.Pid), stopThat)
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // it was killed
	a, err := apps.Open(config)
	if err != nil {
		t.Fatalf("Open after it was killed: %v", err)
	}
	a.Close()
}
