package apps_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vendord/vendord/session"
)

// A disk that is really full. Only root can make one small enough;
// TestLostWrite covers the same for everybody.
func TestFullDisk(t *testing.T) {
	disk := t.TempDir()
	if err := syscall.Mount("vendord", disk, "tmpfs", 0, "size=64k,mode=0700"); err != nil {
		t.Logf("mounting a small disk: %v", err) // not root, or root of a container
		return
	}
	t.Cleanup(func() { _ = syscall.Unmount(disk, syscall.MNT_DETACH) })
	dir := filepath.Join(disk, "state")
	b := open(t, dir, "uploader=one")
	secret := b.issue("uploader", "john", nil)
	ballast := filepath.Join(disk, "ballast")
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
