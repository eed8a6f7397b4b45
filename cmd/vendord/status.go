package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// status is what the control socket shows a caller: everything to who may
// steer, and to others their own apps, profiles and sessions.
func (d *daemon) status(caller control.Caller) control.Status {
	config, now := d.book.Config(), d.condition(caller, d.checkup.known())
	s := control.Status{Version: versionText(), Summary: now.line(), Mode: "user", PID: os.Getpid(), Started: d.started,
		URL: d.url}
	if d.options.config.System {
		s.Mode = "system"
	}
	ownApps, ownProfiles := slices.Collect(maps.Keys(config.Apps)), slices.Collect(maps.Keys(config.Profiles))
	if caller.Steers() {
		s.Config, s.Changed = config.Path, now.changed
		for _, w := range config.Warnings {
			s.Warnings = append(s.Warnings, w.Error())
		}
		s.Warnings = append(s.Warnings, switchedOff(d.kernel.Off, config, d.options.config.UID)...)
		for _, e := range d.endpoints {
			if e.doubt != nil {
				s.Warnings = append(s.Warnings, e.doubt.Error())
			}
		}
		for _, l := range d.left {
			s.Warnings = append(s.Warnings, l.Addr().String()+": "+d.turnedAway()+", until: "+d.install())
		}
		if w := d.confined.warning(); w != "" {
			s.Warnings = append(s.Warnings, w)
		}
	} else {
		ownApps, ownProfiles = d.allowed(caller.Peer.User, caller.Peer.Groups)
	}
	s.Endpoints = d.endpointRows(ownApps)
	tokens := map[string]int{}
	for _, t := range d.book.Tokens("") {
		if caller.Steers() || t.User == caller.Peer.User {
			tokens[t.App]++
		}
	}
	for _, name := range slices.Sorted(slices.Values(ownApps)) {
		row := d.appRow(config, name, tokens[name])
		row.Unlike = d.unlike(config.Apps[name].Match, caller.Peer)
		s.Apps = append(s.Apps, row)
	}
	for _, name := range slices.Sorted(slices.Values(ownProfiles)) {
		s.Profiles = append(s.Profiles, profileRow(config.Profiles[name]))
	}
	s.Sessions, s.Locked = now.sessions, now.locked
	if caller.Steers() {
		s.Refusals = refusalRows(d.audit.Refusals(""))
		s.Logins = d.loginRows()
		s.Record = d.recordState()
		s.Warnings = append(s.Warnings, recordWarnings(s.Record)...)
	}
	return s
}

// refusalRows returns the latest refusals of events, which are newest first:
// those of one caller for one reason together, since a loop would hide all others.
func refusalRows(events []audit.Event) (rows []control.RefusalRow) {
	known := make(map[control.RefusalRow]int) // to its index in rows
	for _, e := range events {
		// Of a stranger, or a thief, the number is all that is known.
		row := control.RefusalRow{App: e.App, User: userOf(askerOf(e)), Message: e.Message, Hint: e.Hint}
		i, seen := known[row]
		if !seen && len(rows) == maxRefusals {
			continue
		}
		if !seen {
			i = len(rows)
			known[row] = i
			row.Time = e.Time
			rows = append(rows, row)
		}
		rows[i].Times += 1 + int(e.Unrecorded)
	}
	return rows
}

const maxRefusals = 8

func profileRow(p profiles.Profile) control.ProfileRow {
	row := control.ProfileRow{Name: p.Name, Source: p.Source, Operation: p.Operation, RoleARN: p.RoleARN, Region: p.Region,
		Policy: policyInWords(p), Duration: life(p), Extends: p.Extends}
	if p.RoleARN == "" {
		row.Who = identityInWords(p)
	}
	return row
}

// sessions joins the cache's rows with who they are for. What signs for others,
// and is given to nobody, is for who steers.
func (d *daemon) sessions(caller control.Caller) []control.SessionRow {
	grants, children := map[session.Key][]apps.Grant{}, map[session.Key][]apps.Grant{}
	parents := elders{}
	for _, g := range d.reachable() {
		grants[g.Session] = append(grants[g.Session], g)
		if !caller.Steers() {
			continue
		}
		for _, key := range parents.of(g.Session.Value()) {
			children[key] = append(children[key], g)
		}
	}
	asks := d.asking()
	var rows []control.SessionRow
	for _, st := range d.cache.Status() {
		row := control.SessionRow{State: st.State, RoleARN: st.Request.RoleARN, SessionName: st.Request.SessionName,
			Principal: st.Principal, KeyID: st.KeyID, Minted: st.Minted, Expires: st.Expires, Used: st.Used, Next: st.Next,
			TokenUse: st.TokenUse, Mints: st.Mints, Failures: st.Failures, Last: st.Last, Narrowed: true}
		whose := grants[st.Request.Key()]
		if len(whose) == 0 {
			whose = children[st.Request.Key()]
			row.Parent, row.Narrowed = parentInWords(st.Request), false
		}
		for _, g := range whose {
			if !caller.Steers() && g.User != caller.Peer.User {
				continue // a shared session: who else has it is not theirs to know
			}
			row.Profiles = addNew(row.Profiles, g.Profile)
			row.Narrowed = row.Narrowed && g.Narrowed
			who := g.App
			if g.User != caller.Peer.User {
				who += " (" + cmp.Or(g.User, "no user") + ")"
			}
			row.Apps = addNew(row.Apps, who)
		}
		slices.Sort(row.Profiles)
		slices.Sort(row.Apps)
		if len(row.Profiles) == 0 {
			continue // nobody can ask for it any more
		}
		if st.Last != nil && st.Last.Class == session.Person {
			row.Login = asks(st.Request, row.Profiles[0])
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(a, b control.SessionRow) int {
		return cmp.Or(cmp.Compare(strings.Join(a.Profiles, ","), strings.Join(b.Profiles, ",")), cmp.Compare(a.Parent, b.Parent))
	})
	return rows
}

// parentInWords says what a session is that signs for others.
func parentInWords(r session.Request) string {
	switch {
	case r.Operation == session.GetSessionToken && r.MFASerial != "":
		return "MFA session of source " + r.Source.Name
	case r.Operation == session.GetSessionToken:
		return "session of source " + r.Source.Name
	case r.RoleARN != "":
		return "role " + r.RoleARN
	}
	return "identity of source " + r.Source.Name
}

func addNew(list []string, item string) []string {
	if slices.Contains(list, item) {
		return list
	}
	return append(list, item)
}

func (p *program) statusCommand() *cobra.Command {
	check := false
	cmd := &cobra.Command{
		Use: "status", GroupID: "look", Args: exactly(0, ""),
		Short: "Show the daemon and each session: profile, apps, state, expiry, last error",
		Long: `Show the daemon and each session: profile, apps, state, expiry, last error.

With --check, one line says how it is, for programs that watch it. The exit status
is 0 if it is ready (it has begun, is not locked, and every part of it answers) and
every session that you may see is well, and 1 if not, or if no daemon answers.
Watchers that are no vendord get the same of the control socket, as status 200 or 503:

  curl --unix-socket SOCKET http://vendord/ready     whether programs get credentials
  curl --unix-socket SOCKET http://vendord/health    whether the daemon has to be restarted`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if check {
				return p.checkReady(cmd.Context())
			}
			s, err := p.askStatus(cmd.Context())
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(s)
			}
			return p.printStatus(s, time.Now())
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "say in one line, and by the exit status, whether all is well")
	return cmd
}

// checkReady prints one line on stdout whatever comes of it: that is the answer.
func (p *program) checkReady(ctx context.Context) error {
	r, err := p.askReady(ctx)
	if err != nil {
		r.Reason, r.Summary = err.Error(), err.Error()
	}
	line := r.Summary
	if !r.Well {
		line = r.Reason
	}
	if err = nil; p.json {
		err = p.printJSON(r)
	} else {
		say(p.stdout, "%s", strings.ReplaceAll(line, "\n", "; "))
	}
	if err == nil && !r.Well {
		return exitError{code: 1}
	}
	return err
}

// askStatus gets the daemon's status.
func (p *program) askStatus(ctx context.Context) (control.Status, error) {
	c, err := p.connect(ctx)
	if err != nil {
		return control.Status{}, err
	}
	defer c.Close()
	return c.Status(ctx)
}

// whom says who was refused.
func whom(r control.RefusalRow) string {
	switch {
	case r.App == "":
		return "user " + dash(r.User)
	case strings.HasPrefix(r.User, "#"):
		return r.App + " (user " + r.User + ")"
	}
	return r.App
}

// times says how often something happened, if more than once.
func times(n int) string {
	if n < 2 {
		return ""
	}
	return fmt.Sprintf(" (%d times)", n)
}
