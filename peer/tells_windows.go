package peer

import (
	"errors"
	"fmt"
)

// untold returns why Windows does not tell something. It knows users by security
// identifiers, and rules and tokens hold numbers: one that was made up for them
// would be nobody's, or the wrong one's. Of a socket it tells the process that
// made it, who may have passed it on.
func untold(a Ability) error {
	switch a {
	case Users:
		return fmt.Errorf("windows has no numbers for them: %w", errors.ErrUnsupported)
	case Cgroup:
		return fmt.Errorf("windows has none: %w", errors.ErrUnsupported)
	}
	return fmt.Errorf("windows tells who made a socket, and not who holds it: %w", errors.ErrUnsupported)
}
