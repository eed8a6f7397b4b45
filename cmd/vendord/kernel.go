package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
)

// openKernel finds out what this system tells of callers. What it does not tell is
// off, and the rest goes on. That it fails for another reason ends the start:
// whoever can bring that about, by using up all ports, could otherwise switch it
// off for good.
func (d *daemon) openKernel() (err error) {
	if d.kernel, err = peer.OpenKernel(); err != nil {
		return fail("start it again; if that does not help, see who uses up ports or open files", "%w", err)
	}
	return nil
}

// switchedOff says what does not work here of what a configuration needs to
// recognise callers: a line for each ability that the system does not have.
func (d *daemon) switchedOff(c *profiles.Config) (lines []string) {
	if err := d.kernel.Off(peer.Users); err != nil {
		line := fmt.Sprintf("recognition: users are not known here: %v: a token is good for whoever has it", reason(err))
		if apps := needing(c, profiles.Match.Any); apps != "" {
			line += ", and nobody gets " + apps
		}
		return append(lines, line) // and without users the rest does not matter
	}
	for _, part := range []struct {
		ability peer.Ability
		needs   func(profiles.Match) bool
	}{
		{peer.Cgroup, func(m profiles.Match) bool { return m.Unit+m.UserUnit+m.Cgroup+m.Container != "" }},
		{peer.Processes, func(m profiles.Match) bool { return m.Exe != "" }},
	} {
		if err := d.kernel.Off(part.ability); err != nil {
			line := fmt.Sprintf("recognition: %s are not known here: %v", part.ability, reason(err))
			if apps := needing(c, part.needs); apps != "" {
				line += ": nobody gets " + apps
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// needing names the apps with a match that needs something.
func needing(c *profiles.Config, needs func(profiles.Match) bool) string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(c.Apps)) {
		if needs(c.Apps[name].Match) {
			names = append(names, fmt.Sprintf("%q", name))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "app " + strings.Join(names, ", ")
}

// reason is an error without the words that every one of its kind ends with.
func reason(err error) string {
	return strings.TrimSuffix(err.Error(), ": "+errors.ErrUnsupported.Error())
}
