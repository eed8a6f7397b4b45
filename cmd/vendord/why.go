package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/control"
)

// why returns the latest refusals of an app, or with "" of all and of strangers,
// newest first: those of one caller for one reason together, since a loop would
// hide all others.
func (d *daemon) why(app string) []control.Refusal {
	rows := []control.Refusal{}
	known := map[control.Refusal]int{} // to its index in rows
	r := remedies{config: d.book.Config(), system: d.options.config.System, own: d.options.config.UID, login: d.loginFor}
	for _, e := range d.audit.Refusals(app) {
		e.User = d.nameOf(e)
		row := control.Refusal{App: e.App, Asker: askerOf(e), TokenID: e.TokenID, Path: e.Path, At: atOf(e), Profile: e.Profile,
			Code: e.Code, Message: e.Message, Hint: e.Hint, Near: e.Near}
		same := row
		same.PID = 0
		i, seen := known[same]
		if !seen {
			i = len(rows)
			known[same] = i
			row.Time, row.Fix = e.Time, r.of(e)
			rows = append(rows, row)
		}
		rows[i].Times += 1 + int(e.Unrecorded)
	}
	return rows
}

// nameOf is the name of who asked, by the kernel's word.
func (d *daemon) nameOf(e audit.Event) string {
	if e.User != "" || e.UID == "" {
		return e.User
	}
	uid, err := e.UID.Int64()
	if err != nil {
		return ""
	}
	name, _, err := d.users.Of(uint32(uid))
	if err != nil {
		return "#" + e.UID.String()
	}
	return name
}

// loginFor returns the command that signs in for what an app's program was
// refused, or "".
func (d *daemon) loginFor(e audit.Event) string {
	key, err := d.book.Render(e.App, e.User, e.Profile)
	if err != nil {
		return ""
	}
	return d.asking()(key.Value(), e.Profile)
}

func (p *program) whyCommand() *cobra.Command {
	var app string
	n := 5
	cmd := &cobra.Command{
		Use: "why", GroupID: "look", Args: exactly(0, ""),
		Short: "Show the last refusals: who, which rule, and what would let them through",
		Long: `Show the last requests for credentials that were refused: who asked, what and at which
endpoint, which rule refused, what nearly matched, and where it can be told the one
change that would let the program through, as a line to paste. Most SDKs hide what
vendord tells them.
Who may not steer vendord sees what their own programs were refused.`,
		Example: `  vendord why
  vendord why --app claude -n 20`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.printWhy(cmd.Context(), app, n)
		},
	}
	cmd.Flags().StringVar(&app, "app", "", "only this `app`'s")
	cmd.Flags().IntVarP(&n, "number", "n", n, "how many at most")
	p.completingFlag(cmd, "app", appNames)
	return cmd
}

func (p *program) printWhy(ctx context.Context, app string, n int) error {
	c, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	refusals, err := c.Why(ctx, app, n)
	switch {
	case err != nil:
		return err
	case p.json:
		return p.printJSON(refusals)
	case len(refusals) == 0:
		fmt.Fprintln(p.stderr, "nothing was refused since vendord started, as far as it remembers and you may know")
		return nil
	}
	for i, r := range refusals {
		if i > 0 {
			fmt.Fprintln(p.stdout)
		}
		p.printRefusal(r, time.Now())
	}
	return nil
}

// printRefusal prints a refusal, and last what to paste, with nothing before or
// behind it in its line.
func (p *program) printRefusal(r control.Refusal, now time.Time) {
	line := func(what, text string) {
		if text != "" {
			say(p.stdout, "  %-8s %s", what, text)
		}
	}
	whose := ""
	if r.App != "" {
		whose = "app " + r.App + ", "
	}
	say(p.stdout, "%s%s: %s%s", ago(r.Time, now), times(r.Times), whose, askerInWords(r.Asker))
	line("asked", strings.TrimSpace(r.Path+" "+atInWords(r.At)))
	line("refused", r.Message)
	if !strings.Contains(r.Hint, "vendord why") { // which is this
		line("hint", r.Hint)
	}
	line("nearly", r.Near)
	if r.Fix == nil {
		return
	}
	line("to do", r.Fix.Does)
	for text := range strings.Lines(r.Fix.TOML + r.Fix.Command) {
		say(p.stdout, "    %s", strings.TrimSuffix(text, "\n"))
	}
}
