package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/session"
)

// condition is how a daemon is, as far as somebody may know of it.
type condition struct {
	starting   bool
	locked     bool
	changed    bool     // the configuration on disk
	unrecorded bool     // nothing is vended, since it could not be recorded
	failing    []string // parts that hang
	missing    []string // endpoints at which nobody gets anything
	sessions   []control.SessionRow
}

// condition looks at what there is, and asks no part whether it works: that was
// done when health was found out.
func (d *daemon) condition(caller control.Caller, health control.Health) condition {
	c := d.standstill(health)
	c.sessions = d.sessions(caller)
	if caller.Steers() {
		c.changed = d.book.Config().Changed()
	}
	return c
}

// standstill is what of it keeps everybody from getting anything.
func (d *daemon) standstill(health control.Health) condition {
	c := condition{starting: !d.begun.Load(), locked: d.gate.locked(), failing: health.Failing, missing: d.trouble()}
	record := d.recordState()
	c.unrecorded = record != nil && record.Required && record.Failing != ""
	return c
}

// whoSteers is who may know all.
var whoSteers = control.Caller{Rights: control.Vend | control.See | control.Steer}

// standing is the line that the service manager shows: the one of vendord status,
// for who steers.
func (d *daemon) standing() string { return d.condition(whoSteers, d.checkup.known()).line() }

// readiness is what a caller is told who asks whether all is well.
func (d *daemon) readiness(ctx context.Context, caller control.Caller) control.Ready {
	return d.condition(caller, d.health(ctx)).ready()
}

// unready is why programs do not get what they ask for, or empty.
func (c condition) unready() string {
	switch {
	case len(c.failing) > 0:
		return c.failing[0]
	case c.starting:
		return "starting"
	case c.locked:
		return "locked, until vendord unlock"
	case c.unrecorded:
		return "nothing is vended: the record cannot be written"
	}
	return ""
}

// ready says it all.
func (c condition) ready() control.Ready {
	why, unwell := c.unready(), unwellOf(c.sessions)
	r := control.Ready{Ready: why == "", Well: why == "" && len(unwell) == 0 && len(c.missing) == 0, Reason: why, Summary: c.line(), Unwell: unwell}
	switch {
	case !r.Ready:
	case len(c.missing) > 0:
		r.Reason = c.missing[0]
	case !r.Well:
		r.Reason = inTroubleWords(unwell, maxSummary)
	}
	return r
}

// maxSummary bounds the line, in bytes: systemctl status has one for it.
const maxSummary = 200

// line is the condition in one line without secrets, for everybody's terminal.
func (c condition) line() string {
	parts := []string{c.unready(), "", "", ""}
	if c.changed {
		parts[2] = "changed on disk, not loaded"
	}
	if len(c.missing) > 0 {
		parts[3] = c.missing[0]
	}
	living, sick := 0, 0
	for _, row := range c.sessions {
		if row.Parent == "" && !row.Expires.IsZero() {
			living++
		}
		if row.Parent == "" && reasonOf(row) != "" {
			sick++
		}
	}
	parts[1] = count(living, "session")
	if living == 0 {
		parts[1] = "no sessions"
	}
	if unwell := unwellOf(c.sessions); len(unwell) > 0 {
		parts[1] += fmt.Sprintf(", %d unwell: ", max(sick, 1))
		parts[1] += inTroubleWords(unwell, maxSummary-len(strings.Join(parts, "; ")))
	}
	return clip(session.Visible(strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; ")), maxSummary)
}

// unwellOf returns the sessions that fail, each reason of a profile once. One that
// only signs for others is left out where they say the same.
func unwellOf(rows []control.SessionRow) (unwell []control.Unwell) {
	named := map[string]bool{}
	for _, signs := range []bool{false, true} {
		for _, row := range rows {
			why := reasonOf(row)
			if why == "" || signs != (row.Parent != "") || len(row.Profiles) == 0 {
				continue
			}
			key := strings.Join(row.Profiles, ",") + ": " + why
			if named[key] || signs && slices.ContainsFunc(row.Profiles, func(name string) bool { return named[name] }) {
				continue
			}
			named[key] = true
			for _, name := range row.Profiles {
				named[name] = true
			}
			unwell = append(unwell, control.Unwell{Profiles: row.Profiles, Reason: why})
		}
	}
	return unwell
}

// reasonOf is the shortest reason why a session fails, in words of our own: what AWS
// or a command said may be long, and is in vendord status.
func reasonOf(row control.SessionRow) string {
	switch {
	case row.Login != "":
		return "needs login"
	case row.Last == nil:
		return ""
	}
	switch row.Last.Class {
	case session.Person:
		return "needs a person"
	case session.Administrator:
		return "denied by AWS"
	case session.Configuration:
		return "configuration error"
	}
	return "fails, tried again"
}

// inTroubleWords names what fails, as many as fit.
func inTroubleWords(unwell []control.Unwell, room int) string {
	const more = "; …"
	text := ""
	for i, u := range unwell {
		next := u.Profiles[0]
		if n := len(u.Profiles) - 1; n > 0 {
			next += " and " + count(n, "other")
		}
		next += ": " + u.Reason
		if i > 0 {
			next = "; " + next
		}
		if i > 0 && len(text)+len(next)+len(more) > room {
			return text + more
		}
		text += next
	}
	return text
}

// clip cuts a text to n bytes, between runes.
func clip(text string, n int) string {
	const dots = "…"
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n-len(dots)], "") + dots
}

// askReady asks the daemon whether all is well, as far as this user may know.
func (p *program) askReady(ctx context.Context) (control.Ready, error) {
	c, err := p.connect(ctx)
	if err != nil {
		return control.Ready{}, err
	}
	defer c.Close()
	return c.Ready(ctx)
}
