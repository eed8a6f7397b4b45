package peer_test

import (
	"os"
	"runtime"
	"testing"

	"github.com/vendord/vendord/peer"
)

// What the system says of ourselves, and of a number that nobody has.
func TestUsersOfTheSystem(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("users have no numbers on Windows")
	}
	users := peer.NewUsers(nil)
	name, groups, err := users.Of(uint32(os.Geteuid()))
	if name != ourName() || err != nil || name[0] != '#' && len(groups) == 0 {
		t.Errorf("Of ourselves: got %q, %q, %v, want %s and groups", name, groups, err, ourName())
	}
	if name, groups, err := users.Of(3_999_999_999); name != "#3999999999" || groups != nil || err != nil {
		t.Errorf("Of a number without a name: got %q, %q, %v", name, groups, err)
	}
}
