package peer

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// ofSocket asks for LOCAL_PEERCRED and LOCAL_PEERPID (macOS, unix(4)). macOS
// tells 16 groups at most, the effective one first; one that is cut off takes
// rights away and gives none.
func ofSocket(fd uintptr) (ids, error) {
	cred, err := unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED)
	if err != nil {
		return ids{}, fmt.Errorf("asking for LOCAL_PEERCRED: %w", err)
	}
	if cred.Version != 0 { // XUCRED_VERSION of <sys/ucred.h>
		return ids{}, fmt.Errorf("asking for LOCAL_PEERCRED: version %d is not known", cred.Version)
	}
	pid, err := unix.GetsockoptInt(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERPID)
	if err != nil {
		pid = 0 // the peer has gone already
	}
	count := min(max(int(cred.Ngroups), 0), len(cred.Groups))
	return ids{uid: cred.Uid, gids: cred.Groups[:count], pid: pid}, nil
}
