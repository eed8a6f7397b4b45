package profiles_test

import (
	"cmp"
	"errors"
	"maps"
	"os"
	"os/user"
	"strconv"
	"strings"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
)

// daemonUID is john's, who runs the daemon of the tests. Where that is root it is
// somebody else all the same: files of root are trusted by all.
var daemonUID = cmp.Or(os.Getuid(), 4321)

// machine is one with these users, groups and units: john logs in, root as well.
func machine() *profiles.Machine {
	users := map[string]uint32{"root": 0, "john": uint32(daemonUID), "agent": 70001, "worker": 70002, "mary": 70003, "nogroup": 65534}
	groups := map[string]uint32{"wheel": 10, "admins": 10, "agents": 70100, "nogroup": 65534}
	units := map[string]bool{"worker.service": true, "agent.service": true, "build@.service": true}
	return &profiles.Machine{
		UserID:    func(name string) (uint32, error) { return number(users, name, user.UnknownUserError(name)) },
		GroupID:   func(name string) (uint32, error) { return number(groups, name, user.UnknownGroupError(name)) },
		UserName:  func(id uint32) string { return named(users, id) },
		GroupName: func(id uint32) string { return named(map[string]uint32{"wheel": 10, "agents": 70100}, id) },
		Accounts: func() []profiles.Account {
			return []profiles.Account{{Name: "root", UID: 0, Shell: "/bin/bash"}, {Name: "john", UID: uint32(daemonUID), Shell: "/bin/zsh"},
				{Name: "agent", UID: 70001, Shell: "/usr/sbin/nologin"}, {Name: "worker", UID: 70002, Shell: "/bin/false"}, {Name: "mary", UID: 70003}}
		},
		HasUnit: func(name string) bool { return units[name] },
		CanTell: func(peer.Ability) bool { return true },
	}
}

// number answers like peer.UserID.
func number(known map[string]uint32, name string, unknown error) (uint32, error) {
	text, isNumber := strings.CutPrefix(name, "#")
	id, err := strconv.ParseUint(text, 10, 32)
	if !isNumber {
		found, ok := known[name]
		if !ok {
			return 0, unknown
		}
		id = uint64(found)
	} else if err != nil {
		return 0, errors.New("none")
	}
	if id == 65534 {
		return 0, peer.ErrNobody
	}
	return uint32(id), nil
}

// named answers like peer.UserName.
func named(known map[string]uint32, id uint32) string {
	for name := range maps.Keys(known) {
		if known[name] == id {
			return name
		}
	}
	return "#" + strconv.FormatUint(uint64(id), 10)
}
