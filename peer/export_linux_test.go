package peer

import "time"

// HoldersOf is what Client.Processes does, with something of a test's in the place
// where the kernel is asked again.
func HoldersOf(s Socket, still func() error) (found []Process, hidden int, err error) {
	return newFinder(time.Now).all(s, still)
}

// ShortTurns is a finder whose clock is a test's.
func ShortTurns(now func() time.Time) func(Socket) ([]Process, error) {
	f := newFinder(now)
	return func(s Socket) ([]Process, error) {
		found, _, err := f.all(s, func() error { return nil })
		return found, err
	}
}

// Root returns where the control groups are mounted.
func (c *Cgroups) Root() string { return c.root }

// MostBelow is how many control groups of one user's part are looked at.
const MostBelow = mostBelow
