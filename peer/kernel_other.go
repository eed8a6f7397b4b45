//go:build !linux

package peer

import (
	"errors"
	"fmt"
)

// openCgroups refuses: control groups are Linux's.
func openCgroups() (cgroups, error) {
	return nil, fmt.Errorf("control groups: %w", errors.ErrUnsupported)
}

func ownCgroup() (string, error) { return "", errors.ErrUnsupported }

// openHolders refuses.
func openHolders() (holders, error) {
	return nil, fmt.Errorf("processes: %w", errors.ErrUnsupported)
}
