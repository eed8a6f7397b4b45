//go:build !linux && !darwin && !windows

package peer

import (
	"errors"
	"fmt"
	"runtime"
)

// untold refuses: nobody looked yet at what this system tells.
func untold(a Ability) error {
	return fmt.Errorf("%s of connections: not told on %s: %w", a, runtime.GOOS, errors.ErrUnsupported)
}
