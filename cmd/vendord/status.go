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
	config := d.book.Config()
	s := control.Status{Version: versionText(), Mode: "user", PID: os.Getpid(), Started: d.started,
		URL: d.url}
	if d.options.config.System {
		s.Mode = "system"
	}
	ownApps, ownProfiles := slices.Collect(maps.Keys(config.Apps)), slices.Collect(maps.Keys(config.Profiles))
	if caller.Steers() {
		s.Config, s.Changed = config.Path, config.Changed()
		for _, w := range config.Warnings {
			s.Warnings = append(s.Warnings, w.Error())
		}
	} else {
		ownApps, ownProfiles = d.book.Allowed(caller.Peer.User)
	}
	tokens := map[string]int{}
	for _, t := range d.book.Tokens("") {
		if caller.Steers() || t.User == caller.Peer.User {
			tokens[t.App]++
		}
	}
	for _, name := range slices.Sorted(slices.Values(ownApps)) {
		app := config.Apps[name]
		s.Apps = append(s.Apps, control.AppRow{Name: name, Profiles: app.Profiles, Current: d.book.Current(name), Tokens: tokens[name]})
	}
	for _, name := range slices.Sorted(slices.Values(ownProfiles)) {
		s.Profiles = append(s.Profiles, profileRow(config.Profiles[name]))
	}
	s.Sessions = d.sessions(caller)
	if caller.Steers() {
		s.Refusals = refusalRows(d.audit.Refusals(""))
	}
	return s
}

// refusalRows returns the latest refusals of events, which are newest first:
// those of one caller for one reason together, since a loop would hide all others.
func refusalRows(events []audit.Event) (rows []control.RefusalRow) {
	known := make(map[control.RefusalRow]int) // to its index in rows
	for _, e := range events {
		row := control.RefusalRow{App: e.App, User: e.User, Message: e.Message, Hint: e.Hint}
		if e.User == "" && e.UID != "" {
			row.User = "#" + e.UID.String() // a stranger, or a thief: all that is known
		}
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
		rows[i].Times++
	}
	return rows
}

const maxRefusals = 8

func profileRow(p profiles.Profile) control.ProfileRow {
	return control.ProfileRow{Name: p.Name, Source: p.Source, RoleARN: p.RoleARN, Region: p.Region,
		Policy: policyInWords(p), Duration: p.Duration, Extends: p.Extends}
}

// policyInWords says what narrows a profile's sessions.
func policyInWords(p profiles.Profile) string {
	var parts []string
	if p.Policy != "" {
		parts = append(parts, "inline")
	}
	if n := len(p.PolicyARNs); n > 0 {
		parts = append(parts, fmt.Sprintf("%d managed", n))
	}
	if len(parts) == 0 {
		return "none: not narrowed"
	}
	return strings.Join(parts, " + ")
}

// sessions joins the cache's rows with who they are for.
func (d *daemon) sessions(caller control.Caller) []control.SessionRow {
	grants := map[session.Key][]apps.Grant{}
	for _, g := range d.reachable() {
		grants[g.Session] = append(grants[g.Session], g)
	}
	var rows []control.SessionRow
	for _, st := range d.cache.Status() {
		row := control.SessionRow{State: st.State, RoleARN: st.Request.RoleARN, SessionName: st.Request.SessionName,
			Principal: st.Principal, KeyID: st.KeyID, Minted: st.Minted, Expires: st.Expires, Used: st.Used, Next: st.Next,
			TokenUse: st.TokenUse, Mints: st.Mints, Failures: st.Failures, Last: st.Last, Narrowed: true}
		for _, g := range grants[st.Request.Key()] {
			if !caller.Steers() && g.User != caller.Peer.User {
				continue // a shared session: who else has it is not theirs to know
			}
			row.Profiles = addNew(row.Profiles, g.Profile)
			row.Narrowed = row.Narrowed && g.Narrowed
			who := g.App
			if g.User != caller.Peer.User {
				who += " (" + g.User + ")"
			}
			row.Apps = addNew(row.Apps, who)
		}
		slices.Sort(row.Profiles)
		slices.Sort(row.Apps)
		if len(row.Profiles) > 0 { // else nobody can ask for it any more
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b control.SessionRow) int {
		return cmp.Compare(strings.Join(a.Profiles, ","), strings.Join(b.Profiles, ","))
	})
	return rows
}

func addNew(list []string, item string) []string {
	if slices.Contains(list, item) {
		return list
	}
	return append(list, item)
}

func (p *program) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", GroupID: "look", Args: exactly(0, ""),
		Short: "Show the daemon and each session: profile, apps, state, expiry, last error",
		RunE: func(cmd *cobra.Command, _ []string) error {
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

func (p *program) printStatus(s control.Status, now time.Time) error {
	say(p.stdout, "vendord %s, %s mode, pid %d, up %s", s.Version, s.Mode, s.PID, inWords(now.Sub(s.Started)))
	say(p.stdout, "  asked at  %s", s.URL)
	changed := ""
	if s.Changed {
		changed = "  (changed on disk, not loaded: vendord reload)"
	}
	if s.Config != "" {
		say(p.stdout, "  config    %s%s", s.Config, changed)
	}
	for _, w := range s.Warnings {
		say(p.stdout, "  warning   %s", w)
	}
	fmt.Fprintln(p.stdout)
	if len(s.Sessions) == 0 {
		fmt.Fprintln(p.stdout, "no sessions yet: they are made when a program asks")
	}
	rows := [][]string{{"PROFILE", "APPS", "STATE", "EXPIRES", "RENEWS", "KEY"}}
	var troubles []string
	for _, r := range s.Sessions {
		name := dash(strings.Join(r.Profiles, ","))
		if r.Narrowed {
			name += " (narrowed)"
		}
		rows = append(rows, []string{name, dash(strings.Join(r.Apps, ",")), r.State,
			until(r.Expires, now), until(r.Next, now), dash(r.KeyID)})
		if r.Last != nil {
			troubles = append(troubles, "! "+name+": "+r.Last.Public)
			if r.Last.Hint != "" {
				troubles = append(troubles, "  hint: "+r.Last.Hint)
			}
		}
	}
	if len(rows) > 1 {
		if err := table(p.stdout, rows); err != nil {
			return err
		}
	}
	for _, line := range troubles {
		say(p.stdout, "%s", line)
	}
	if len(s.Refusals) > 0 {
		fmt.Fprintln(p.stdout, "\nrefused lately:")
		for _, r := range s.Refusals {
			say(p.stdout, "  %s  %s: %s%s", r.Time.Local().Format("15:04:05"), whom(r), r.Message, times(r.Times))
			if r.Hint != "" {
				say(p.stdout, "            hint: %s", r.Hint)
			}
		}
	}
	return nil
}
