//go:build unix

package peer_test

import (
	"errors"
	"os/user"
	"testing"

	"github.com/vendord/vendord/peer"
)

func TestGroupID(t *testing.T) {
	name := peer.GroupName(0)
	if id, err := peer.GroupID(name); err != nil || id != 0 {
		t.Errorf("GroupID(%s): got %d, %v, want 0", name, id, err)
	}
	if id, err := peer.GroupID("#4294967294"); err != nil || id != 4294967294 {
		t.Errorf("GroupID(#4294967294): got %d, %v", id, err)
	}
	if got := peer.GroupName(4294967294); got != "#4294967294" {
		t.Errorf("GroupName(4294967294): got %s, want the number", got)
	}
	for name, want := range map[string]string{
		"#":                  `number of group "#": "" is none`,
		"#-1":                `number of group "#-1": "-1" is none`,
		"#4294967295":        `number of group "#4294967295": "4294967295" is none`,
		"#65534":             `number of group "#65534": users of other namespaces look the same`,
		"there-is-no-such-1": `number of group "there-is-no-such-1": group: unknown group there-is-no-such-1`,
	} {
		_, err := peer.GroupID(name)
		if err == nil || err.Error() != want {
			t.Errorf("GroupID(%s): got %v, want %s", name, err, want)
		}
		_, unknown := errors.AsType[user.UnknownGroupError](err)
		if unknown != (name[0] != '#') || errors.Is(err, peer.ErrNobody) != (name == "#65534") {
			t.Errorf("GroupID(%s): got %#v, want what tells who is not there from who cannot be", name, err)
		}
	}
}
