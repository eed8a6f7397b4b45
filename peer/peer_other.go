//go:build !linux && !darwin

package peer

import (
	"fmt"
	"runtime"
)

// ofSocket refuses: Windows has Unix sockets and no call that tells whose they
// are (as of 2026-11), and a caller who is not known must not be taken for the
// owner.
func ofSocket(uintptr) (ids, error) {
	return ids{}, fmt.Errorf("%s does not tell who connected", runtime.GOOS)
}
