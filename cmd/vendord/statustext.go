package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/server"
)

func (p *program) printStatus(s control.Status, now time.Time) error {
	if s.Summary != "" {
		say(p.stdout, "%s", s.Summary)
	}
	p.printDaemon(s, now)
	if len(s.Sessions) == 0 && !s.Locked {
		fmt.Fprintln(p.stdout, "A session is made when a program asks.")
	}
	if err := p.printSessions(s.Sessions, now); err != nil {
		return err
	}
	p.printSwitched(s.Apps, now)
	p.printLogins(s.Logins, now)
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

// printSwitched prints the apps that somebody gave another profile than the first of
// their list.
func (p *program) printSwitched(apps []control.AppRow, now time.Time) {
	heading := "\napps that use another profile than their first (vendord use --app APP --back):"
	for _, a := range apps {
		if len(a.Profiles) == 0 || a.Current == a.Profiles[0] && a.Until.IsZero() {
			continue
		}
		if heading != "" {
			fmt.Fprintln(p.stdout, heading)
			heading = ""
		}
		say(p.stdout, "  %s: %s", a.Name, currentInWords(a, now))
	}
}

func (p *program) printLogins(logins []control.LoginRow, now time.Time) {
	if len(logins) > 0 {
		fmt.Fprintln(p.stdout, "\nlogins:")
	}
	for _, l := range logins {
		state := "signed in, renewed by itself"
		switch {
		case l.Pending:
			state = "somebody is signing in"
		case l.Renews:
		case !l.Until.After(now) && l.Name == control.NoSource:
			state = "signed out"
		case !l.Until.After(now):
			state = "needs login: vendord login " + l.Name
		default:
			state = "signed in, ends " + until(l.Until, now)
		}
		if l.Kept != "" {
			state += "; kept in " + l.Kept
		}
		say(p.stdout, "  %s, %s: %s", l.Name, l.Subject, state)
		if l.Problem != "" {
			say(p.stdout, "    %s", l.Problem)
		}
	}
}

func (p *program) printDaemon(s control.Status, now time.Time) {
	say(p.stdout, "vendord %s, %s mode, pid %d, up %s", s.Version, s.Mode, s.PID, inWords(now.Sub(s.Started)))
	p.printURL(s.URL, slices.ContainsFunc(s.Apps, func(a control.AppRow) bool { return a.Kernel }))
	p.printEndpoints(s.Endpoints)
	changed := ""
	if s.Changed {
		changed = "  (changed on disk, not loaded: vendord reload)"
	}
	if s.Config != "" {
		say(p.stdout, "  config    %s%s", s.Config, changed)
	}
	if s.Record != nil {
		say(p.stdout, "  record    %s", recordInWords(s.Record))
	}
	if s.Locked {
		say(p.stdout, "  locked    nothing is vended until: vendord unlock")
	}
	for _, w := range s.Warnings {
		say(p.stdout, "  warning   %s", w)
	}
	fmt.Fprintln(p.stdout)
}

// printURL says where programs ask, and where those do whom the kernel alone tells.
func (p *program) printURL(url string, kernel bool) {
	say(p.stdout, "  asked at  %s", url)
	if kernel {
		say(p.stdout, "            %s, without a token", strings.Replace(url, server.Path, server.ProcessPath, 1))
	}
}

// printSessions prints the sessions, those that only sign for others in
// brackets, and then what is wrong with any.
func (p *program) printSessions(sessions []control.SessionRow, now time.Time) error {
	if len(sessions) == 0 {
		return nil // as the first line says
	}
	rows := [][]string{{"PROFILE", "APPS", "STATE", "EXPIRES", "RENEWS", "KEY"}}
	var troubles []string
	for _, r := range sessions {
		name, apps, state := strings.Join(r.Profiles, ","), dash(strings.Join(r.Apps, ",")), r.State
		switch {
		case r.Parent != "":
			name, apps = "("+r.Parent+")", "-"
		case r.Narrowed:
			name += " (narrowed)"
		}
		switch {
		case r.Login != "" && r.Expires.After(now): // what there is can be used up
			state = "live, needs login"
		case r.Login != "":
			state = "needs login"
		}
		rows = append(rows, []string{name, apps, state, until(r.Expires, now), until(r.Next, now), dash(r.KeyID)})
		switch {
		case r.Login != "":
			line := "! needs login: " + r.Login
			if !slices.Contains(troubles, line) { // a child has the trouble of its parent
				troubles = append(troubles, line, "  "+r.Last.Public)
			}
		case r.Last != nil:
			troubles = append(troubles, "! "+name+": "+r.Last.Public)
			if r.Last.Hint != "" {
				troubles = append(troubles, "  hint: "+r.Last.Hint)
			}
		}
	}
	if err := table(p.stdout, rows); err != nil {
		return err
	}
	for _, line := range troubles {
		say(p.stdout, "%s", line)
	}
	return nil
}
