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
// recognise callers: a line for each ability that the system does not have and an
// app needs, and one where users are not known, which all tokens lack then. own is
// the daemon's user, whose processes it may look into.
func switchedOff(off func(peer.Ability) error, c *profiles.Config, own int) (lines []string) {
	if err := off(peer.Users); err != nil {
		line := fmt.Sprintf("recognition: %s: a token is good for whoever has it", reason(err))
		if apps := needing(c, profiles.Match.Any); apps != "" {
			line += ", and nobody gets " + apps
		}
		return append(lines, line) // and without users the rest does not matter
	}
	exe := func(m profiles.Match) bool { return m.Exe != "" }
	others := func(m profiles.Match) bool { return exe(m) && !(m.Known && int(m.UID) == own) }
	for _, part := range []struct {
		ability peer.Ability
		needs   func(profiles.Match) bool
	}{
		{peer.Cgroup, func(m profiles.Match) bool { return m.Unit+m.UserUnit+m.Cgroup+m.Container != "" }},
		{peer.Processes, exe},
		{peer.Others, others},
	} {
		err, apps := off(part.ability), needing(c, part.needs)
		if err == nil || apps == "" || part.ability == peer.Others && off(peer.Processes) != nil {
			continue // of processes it is said already
		}
		lines = append(lines, fmt.Sprintf("recognition: %s: nobody gets %s", reason(err), apps))
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
