//go:build !linux

package peer

import "fmt"

// openCgroups refuses: control groups are Linux's.
func openCgroups() (cgroups, error) { return nil, fmt.Errorf("control groups: %w", untold(Cgroup)) }

func ownCgroup() (string, error) { return "", untold(Cgroup) }

// openHolders refuses.
func openHolders() (holders, error) { return nil, fmt.Errorf("processes: %w", untold(Processes)) }
