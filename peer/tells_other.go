//go:build !linux && !darwin && !windows

package peer

import (
	"errors"
	"fmt"
	"runtime"
)

// untold refuses: nobody has looked yet at what this system tells.
func untold(Ability) error {
	return fmt.Errorf("%s is not asked by this version: %w", runtime.GOOS, errors.ErrUnsupported)
}
