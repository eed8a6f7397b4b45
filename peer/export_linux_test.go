package peer

import "time"

// HoldersOf is what Client.Processes does, with something of a test's in the place
// where the kernel is asked again.
func HoldersOf(s Socket, still func() error) (found []Process, hidden int, err error) {
	return newFinder(time.Now).all(s, still)
}

// CostlyHolders is a finder with a clock of a test's, of which each look at all
// processes takes so long, and each at those found, and tells how many there were.
func CostlyHolders(now func() time.Time, each time.Duration) (of func(Socket, func() error) error, charged func() int) {
	f, n := newFinder(now), 0
	f.cost = func(look func()) time.Duration { look(); n++; return each }
	return func(s Socket, still func() error) error {
		_, _, err := f.all(s, still)
		return err
	}, func() int { return n }
}

// ForRecord finds all that hold a socket, and then one of them for the record, and tells
// how many processes were listed for that one.
func ForRecord(s Socket, still func() error) (p Process, listed int, err error) {
	f := newFinder(time.Now)
	if _, _, err = f.all(s, still); err != nil {
		return Process{}, 0, err
	}
	p, _ = f.one(s)
	return p, len(f.own.pids), nil
}

// Cgroups finds the paths of control groups by their ids.
type Cgroups = tree

// OpenCgroups finds where they are mounted.
func OpenCgroups() (*Cgroups, error) { return openTree() }

// Root returns where they are mounted.
func (c *Cgroups) Root() string { return c.root }

// MostBelow is how many control groups of one user's part are looked at.
const MostBelow = mostBelow
