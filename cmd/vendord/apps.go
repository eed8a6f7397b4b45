package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/profiles"
)

// appRow is an app for people to look at; tokens are the live ones that the reader
// may know of.
func (d *daemon) appRow(config *profiles.Config, name string, tokens int) control.AppRow {
	app, state := config.Apps[name], d.book.State(name)
	own := !d.options.config.System && app.Match.Known && int(app.Match.UID) == d.options.config.UID
	how := recognised(app, own)
	return control.AppRow{Name: name, Profiles: app.Profiles, Current: state.Profile, Until: state.Until, Back: state.Back,
		Select: app.Select, Kernel: app.Match.Any() && !app.Both, Tokens: tokens,
		Recognised: how.by, Strength: how.strength, Meaning: how.meaning}
}

// unlike says why a user's programs do not match, whatever they are; nothing where that
// depends on more than the user, or is not known.
func (d *daemon) unlike(m profiles.Match, user peer.Peer) string {
	if m.User != "" && !(m.Known && m.UID == user.UID) {
		return fmt.Sprintf("its programs are user %s's, and you are %s", m.User, user.User)
	}
	if m.Group == "" {
		return ""
	}
	if _, groups, err := d.users.Of(user.UID); err == nil && !slices.Contains(groups, m.Group) {
		return fmt.Sprintf("its programs are those of group %s, and you, %s, are not in it", m.Group, user.User)
	}
	return ""
}

// appInfos returns the apps that a caller may have, with what each did last.
func (d *daemon) appInfos(caller control.Caller) []control.AppInfo {
	infos := []control.AppInfo{}
	for _, row := range d.status(caller).Apps {
		info := control.AppInfo{AppRow: row, Refusals: d.why(row.Name)}
		if e, ok := d.audit.Last(row.Name); ok {
			e.User = d.nameOf(e)
			info.Last = lastRequest(e)
		}
		infos = append(infos, info)
	}
	return infos
}

func lastRequest(e audit.Event) *control.LastRequest {
	last := &control.LastRequest{Time: e.Time, Asker: askerOf(e), At: atOf(e), Profile: e.Profile, KeyID: e.KeyID, Expires: e.Expires}
	if e.Status != 200 {
		last.Message = e.Message
	}
	return last
}

// askerOf is who asked. A stranger's name is the user database's, or a number.
func askerOf(e audit.Event) control.Asker {
	return control.Asker{User: e.User, UID: e.UID, From: e.From, PID: e.PID, Exe: e.Exe, Unit: e.Unit, Container: e.Container}
}

// atOf is where somebody asked.
func atOf(e audit.Event) control.At { return control.At{Endpoint: e.Endpoint, Listen: e.Listen} }

func (p *program) appsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "apps [APP]", GroupID: "look", Args: between(0, 1, "an APP at most"),
		Short: "Show each app: how it is recognised, what it gets, its last request",
		Long: `Show each app: how its programs are recognised and how good that is, the profile
that they get and those that they may be given (vendord use), and the last request.

  a boundary     takes another user, or root, to pass for such a program
  a convenience  keeps order among the programs of one user, and nothing else
  a token        is as good as where it is kept`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.apps(cmd.Context(), strings.Join(args, ""))
		},
	}
}

func (p *program) apps(ctx context.Context, name string) error {
	c, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	infos, err := c.Apps(ctx)
	if err != nil {
		return err
	}
	if name != "" {
		known := map[string]bool{}
		for _, info := range infos {
			known[info.Name] = true
		}
		if infos = slices.DeleteFunc(infos, func(a control.AppInfo) bool { return a.Name != name }); len(infos) == 0 {
			s, err := c.Status(ctx)
			if err != nil {
				return err
			}
			return notLoaded(s, unknownName("app", name, known))
		}
	}
	var tokens []control.TokenSpec
	if name != "" && !infos[0].Kernel {
		if tokens, err = c.Tokens(ctx, name); err != nil {
			return err
		}
	}
	switch {
	case p.json && name != "":
		return p.printJSON(map[string]any{"app": infos[0], "tokens": tokens})
	case p.json:
		return p.printJSON(infos)
	case len(infos) == 0:
		fmt.Fprintln(p.stderr, "no apps that you may use")
		return nil
	}
	for i, info := range infos {
		if i > 0 {
			fmt.Fprintln(p.stdout)
		}
		p.printApp(info, time.Now())
	}
	if name != "" {
		p.printAppDetails(infos[0], tokens, time.Now())
	}
	return nil
}

// printApp prints an app in lines that fit a terminal of 80 columns, if names do.
func (p *program) printApp(a control.AppInfo, now time.Time) {
	line := func(what, format string, args ...any) {
		say(p.stdout, "  %-14s %s", what, fmt.Sprintf(format, args...))
	}
	say(p.stdout, "%s", a.Name)
	line("recognised by", "%s", a.Recognised)
	line("which is", "%s", strengthInWords(a.Strength))
	line("gets", "%s", currentInWords(a.AppRow, now))
	if others := slices.DeleteFunc(slices.Clone(a.Profiles), func(s string) bool { return s == a.Current }); len(others) > 0 {
		what := "may be given"
		if a.Select {
			what = "may ask for"
		}
		line(what, "%s", strings.Join(others, ", "))
	}
	if !a.Kernel {
		line("live tokens", "%d", a.Tokens)
	}
	switch l := a.Last; {
	case l == nil:
		line("last request", "none since vendord started")
	case l.Message != "":
		line("last request", "%s, refused: %s", ago(l.Time, now), l.Message)
		line("", "by %s", lastAskerInWords(l))
	default:
		line("last request", "%s, got %s", ago(l.Time, now), l.KeyID)
		line("", "by %s", lastAskerInWords(l))
	}
}

// lastAskerInWords says who made an app's last request, and where.
func lastAskerInWords(l *control.LastRequest) string {
	return strings.TrimSuffix(askerInWords(l.Asker)+", "+atInWords(l.At), ", ")
}

// currentInWords says what an app's programs get, and until when.
func currentInWords(a control.AppRow, now time.Time) string {
	if a.Until.IsZero() {
		return dash(a.Current)
	}
	return fmt.Sprintf("%s until %s, then %s", a.Current, clock(a.Until, now), a.Back)
}

// printAppDetails prints what only somebody who names an app wants to know.
func (p *program) printAppDetails(a control.AppInfo, tokens []control.TokenSpec, now time.Time) {
	say(p.stdout, "\nwho could pass for it: %s", a.Meaning)
	for i, t := range tokens {
		if i == 0 {
			fmt.Fprintln(p.stdout, "\ntokens:")
		}
		say(p.stdout, "  %s  %s, ends %s%s", t.ID, tokenUser(t), until(t.Expires, now), tokenMark(t))
	}
	for i, r := range a.Refusals[:min(len(a.Refusals), maxRefusals)] {
		if i == 0 {
			fmt.Fprintf(p.stdout, "\nrefused lately (vendord why --app %s):\n", a.Name)
		}
		say(p.stdout, "  %s  %s%s", ago(r.Time, now), r.Message, times(r.Times))
	}
}

// tokenUser says whose a token is.
func tokenUser(t control.TokenSpec) string {
	if t.User == "" {
		return "no user's"
	}
	return t.User
}

// tokenMark says what is special about a token, after its end.
func tokenMark(t control.TokenSpec) string {
	mark := ""
	if t.Path {
		mark = ", in a path"
	}
	switch {
	case t.Rotated:
		mark += ", rotated"
	case t.Adopted:
		mark += ", adopted"
	}
	return mark
}

// userOf is the name of the user who asked, or the number where that is all that
// is known.
func userOf(a control.Asker) string {
	if a.User == "" && a.UID != "" {
		return "#" + a.UID.String()
	}
	return a.User
}

// atInWords says where somebody asked, as vendord.toml names it: "at imds 127.0.0.1:9254".
// A daemon of an older version did not say.
func atInWords(at control.At) string {
	if at.Endpoint == "" {
		return ""
	}
	return strings.TrimSpace("at " + at.Endpoint + " " + at.Listen)
}

// askerInWords says who asked: "/usr/bin/aws (pid 712), user agent, unit x.service".
func askerInWords(a control.Asker) string {
	var parts []string
	if a.Exe != "" {
		parts = append(parts, fmt.Sprintf("%s (pid %d)", a.Exe, a.PID))
	} else if a.PID != 0 {
		parts = append(parts, fmt.Sprintf("pid %d", a.PID))
	}
	if user := userOf(a); user != "" {
		parts = append(parts, "user "+user)
	} else if a.From != "" {
		parts = append(parts, a.From+", no user of this machine")
	}
	for _, in := range []struct{ what, name string }{{"unit ", a.Unit}, {"container ", shortID(a.Container)}} {
		if in.name != "" {
			parts = append(parts, in.what+in.name)
		}
	}
	return cmp.Or(strings.Join(parts, ", "), "somebody who is not known")
}
