package peer

import (
	"errors"
	"fmt"
)

// untold returns why macOS does not tell something, or nil: it tells users, and
// which process used a socket last. Others may hold it too, and the first may
// have passed it on: nothing can be decided by that one.
func untold(a Ability) error {
	switch a {
	case Users:
		return nil
	case Cgroup:
		return fmt.Errorf("macOS has none: %w", errors.ErrUnsupported)
	}
	return fmt.Errorf("macOS tells who used a socket last, and not who holds it: %w", errors.ErrUnsupported)
}
