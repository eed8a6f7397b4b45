package peer_test

import (
	"runtime"
	"testing"

	"github.com/vendord/vendord/peer"
)

// TestCanTell: what a rule can be made of is known before anything runs, and
// where it cannot, the reason is said.
func TestCanTell(t *testing.T) {
	const (
		users   = "users of loopback connections: windows has no numbers for them: unsupported operation"
		groups  = "control groups: macOS has none: unsupported operation"
		holders = "processes: macOS tells who used a socket last, and not who holds it: unsupported operation"
	)
	untold := map[string]map[peer.Ability]string{
		"darwin":  {peer.Cgroup: groups, peer.Processes: holders, peer.Others: holders},
		"windows": {peer.Users: users, peer.Cgroup: users, peer.Processes: users, peer.Others: users},
	}[runtime.GOOS]
	k, err := peer.OpenKernel()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = k.Close() }()
	for _, a := range []peer.Ability{peer.Users, peer.Cgroup, peer.Processes, peer.Others} {
		want := untold[a]
		if got := peer.CanTell(a); got != (want == "") {
			t.Errorf("CanTell(%s): got %v, want %v", a, got, want == "")
		}
		if off := k.Off(a); want != "" && (off == nil || off.Error() != want) {
			t.Errorf("Off(%s): got %v, want %q", a, off, want)
		}
	}
}
