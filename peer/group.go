package peer

import (
	"fmt"
	"os/user"
	"strconv"
	"strings"
)

// GroupID returns the number of a group: of "#1234", 1234, else that of the name.
// It may take long.
func GroupID(name string) (uint32, error) {
	number, ok := strings.CutPrefix(name, "#")
	if !ok {
		found, err := user.LookupGroup(name)
		if err != nil {
			return 0, fmt.Errorf("number of group %q: %w", name, err)
		}
		number = found.Gid // not one on Windows
	}
	id, err := strconv.ParseUint(number, 10, 32)
	if err == nil && id == overflowID {
		return 0, fmt.Errorf("number of group %q: %w", name, ErrNobody)
	}
	if err != nil || id == noID {
		return 0, fmt.Errorf("number of group %q: %q is none", name, number)
	}
	return uint32(id), nil
}

// GroupName returns the name of a group, or "#" and the number of one that has none:
// what Peer.Groups has for it. It may take long.
func GroupName(gid uint32) string { return name(gid, groupName) }
