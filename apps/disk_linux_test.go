package apps_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/session"
)

// smallDisk mounts a disk, which only root can, and not every root of a
// container.
func smallDisk(t *testing.T) string {
	t.Helper()
	needsRoot(t)
	disk := t.TempDir()
	if err := syscall.Mount("vendord", disk, "tmpfs", 0, "size=64k,mode=0700"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("CI must run this where a disk can be mounted: %v", err)
		}
		t.Skipf("mounting a small disk: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	return disk
}

// A daemon starts on a disk that is read-only, and vends, as long as nothing
// has to be written.
func TestReadOnlyDisk(t *testing.T) {
	disk := smallDisk(t)
	dir := filepath.Join(disk, "state")
	b := open(t, dir, "uploader=one,two")
	secret := b.issue("uploader", "john", nil)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("", disk, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	b = open(t, dir, "uploader=two,one")
	b.granted("read-only", secret, "one")
	_, err := apps.Open(apps.Config{Profiles: b.Config(), StateDir: dir})
	refusal(t, "a second one", err, session.Configuration,
		fmt.Sprintf("state directory %s: in use by another vendord (pid %d)", dir, os.Getpid()), stopThat)
	_, token := b.token("uploader", "john")
	refusal(t, "Issue", b.Issue(token), session.Retry,
		`token for app "uploader": not issued: writing `+filepath.Join(dir, "tokens.json")+": read-only file system", "mend that and issue it again")
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	empty := filepath.Join(disk, "empty")
	_, err = apps.Open(apps.Config{Profiles: b.Config(), StateDir: empty})
	refusal(t, "a new directory", err, session.Configuration, "state directory "+empty+": cannot be made: read-only file system",
		"name another state directory with --state-dir")
}

// A disk that is really full. TestLostWrite covers the same for everybody.
func TestFullDisk(t *testing.T) {
	dir := filepath.Join(smallDisk(t), "state")
	b := open(t, dir, "uploader=one")
	secret := b.issue("uploader", "john", nil)
	ballast := filepath.Join(dir, "ballast")
	_ = os.WriteFile(ballast, []byte(strings.Repeat("x", 64<<10)), 0o600) // as much as there is room for

	_, token := b.token("uploader", "john")
	writing := "writing " + filepath.Join(dir, "tokens.json") + ": "
	refusal(t, "Issue", b.Issue(token), session.Retry,
		`token for app "uploader": not issued: `+writing+"no space left on device", "mend that and issue it again")
	if _, err := os.Stat(filepath.Join(dir, "tokens.json.new")); err == nil {
		t.Errorf("state directory: half a file was left behind")
	}
	_, err := b.Revoke("uploader", "")
	refusal(t, "Revoke", err, session.Retry, "revoked tokens (1): not recorded: "+writing+"no space left on device", notRecorded)
	_, err = b.decide(secret)
	refusal(t, "Decide", err, session.Unrecognised, notRecognised, newToken)

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	if err := b.Issue(token); err != nil {
		t.Errorf("Issue with room again: %v", err)
	}
	b = reopen(t, b, dir, 0, "uploader=one")
	if left := b.Tokens(""); len(left) != 1 || left[0].Hash != token.Hash {
		t.Errorf("Tokens after a restart: got %v, want the last one alone", left)
	}
}
