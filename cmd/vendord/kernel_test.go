package main

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
)

// What the system does not tell is named with the apps that nobody gets then.
func TestWhatIsSwitchedOff(t *testing.T) {
	config := &profiles.Config{Apps: map[string]profiles.App{
		"tokens": {},
		"user":   {Match: profiles.Match{User: "john", UID: 501, Known: true}},
		"unit":   {Match: profiles.Match{User: "john", UID: 501, Known: true, Unit: "a.service"}},
		"ours":   {Match: profiles.Match{User: "me", UID: 7, Known: true, Exe: "/usr/bin/aws"}},
		"theirs": {Match: profiles.Match{User: "john", UID: 501, Known: true, Exe: "/usr/bin/aws"}},
	}}
	none := &profiles.Config{Apps: map[string]profiles.App{"tokens": {}}}
	for _, test := range []struct {
		name string
		off  []peer.Ability
		of   *profiles.Config
		want []string
	}{
		{"nothing", nil, config, nil},
		{"users", []peer.Ability{peer.Users, peer.Cgroup, peer.Processes, peer.Others}, config,
			[]string{`recognition: no users: a token is good for whoever has it, and nobody gets app "ours", "theirs", "unit", "user"`}},
		{"users, which no app needs", []peer.Ability{peer.Users}, none, []string{"recognition: no users: a token is good for whoever has it"}},
		{"control groups", []peer.Ability{peer.Cgroup}, config, []string{`recognition: no control groups: nobody gets app "unit"`}},
		{"processes", []peer.Ability{peer.Processes, peer.Others}, config, []string{`recognition: no processes: nobody gets app "ours", "theirs"`}},
		{"processes of others", []peer.Ability{peer.Others}, config, []string{`recognition: no processes of other users: nobody gets app "theirs"`}},
		{"control groups and processes", []peer.Ability{peer.Cgroup, peer.Processes}, config,
			[]string{`recognition: no control groups: nobody gets app "unit"`, `recognition: no processes: nobody gets app "ours", "theirs"`}},
		{"what no app needs", []peer.Ability{peer.Cgroup, peer.Processes, peer.Others}, none, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			off := func(a peer.Ability) error {
				if slices.Contains(test.off, a) {
					return fmt.Errorf("no %s: %w", a, errors.ErrUnsupported)
				}
				return nil
			}
			if got := switchedOff(off, test.of, 7); !slices.Equal(got, test.want) {
				t.Errorf("switchedOff: got %q, want %q", got, test.want)
			}
		})
	}
}
