package peer_test

import (
	"runtime"
	"testing"

	"github.com/vendord/vendord/peer"
)

// TestCanTell: what a rule can be made of is known before anything runs.
func TestCanTell(t *testing.T) {
	told := map[string][]peer.Ability{
		"linux":  {peer.Users, peer.Cgroup, peer.Processes},
		"darwin": {peer.Users},
	}[runtime.GOOS]
	want := map[peer.Ability]bool{}
	for _, a := range told {
		want[a] = true
	}
	for _, a := range []peer.Ability{peer.Users, peer.Cgroup, peer.Processes} {
		if got := peer.CanTell(a); got != want[a] {
			t.Errorf("CanTell(%s): got %v, want %v", a, got, want[a])
		}
	}
}
