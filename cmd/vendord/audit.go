package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
)

// auditFlags is what of a record is wanted, and how.
type auditFlags struct {
	query  audit.Query
	since  string
	follow bool
	file   string
}

func (p *program) auditCommand() *cobra.Command {
	var f auditFlags
	cmd := &cobra.Command{
		Use: "audit", GroupID: "look", Args: exactly(0, ""),
		Short: "Show the record: who got what, and who was refused why",
		Long: `Show the record of who got what, and who was refused why: one line for each
decision, those of the older files first. With --key it answers which programs
had a key that was found in CloudTrail.

With --json each line is a JSON object of its own, as in the file; with --key
there is one for the answer.`,
		Example: `  vendord audit --since 2h --app claude
  vendord audit --key ASIAEXAMPLE
  vendord audit --follow`,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if f.query.Since, err = sinceWhen(f.since, time.Now()); err != nil {
				return err
			}
			if f.follow && f.query.Key != "" {
				return usageError{"audit: --key and --follow do not go together", "leave one out"}
			}
			return p.audit(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.query.App, "app", "", "only what this `app` got, or was refused")
	flags.StringVar(&f.query.User, "user", "", "only this `user`'s, by name or as #1234")
	flags.StringVar(&f.query.Key, "key", "", "which programs had this access key `id`: ASIA…")
	flags.StringVar(&f.since, "since", "", "only from this `time` on: 2h or 7d ago, 2026-11-22, 2026-11-22T14:05")
	flags.BoolVarP(&f.follow, "follow", "f", false, "the last ten, or those of --since, and then whatever comes")
	flags.StringVar(&f.file, "file", "", "read this `file`, and what it was renamed to, instead of the daemon's")
	return cmd
}

// sinceWhen reads --since. A time without a zone is local: so are those that are
// shown.
func sinceWhen(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n > 0 && n < 100_000 {
			return now.AddDate(0, 0, -n), nil
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	for _, form := range []string{time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04:05", time.DateTime} {
		if t, err := time.ParseInLocation(form, s, time.Local); err == nil {
			return t, nil
		}
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	return time.Time{}, usageError{fmt.Sprintf("audit: --since %q: neither a duration nor a time", s), "write it like 2h, 7d, 2026-11-22 or 2026-11-22T14:05"}
}

func (p *program) audit(ctx context.Context, f auditFlags) (err error) {
	ctx, release := interruptible(ctx)
	defer release()
	path := f.file
	if path == "" {
		if path, err = p.recordFile(ctx); err != nil {
			return err
		}
	}
	r := &audit.Reader{Query: f.query, Follow: f.follow}
	found := 0
	lines := &recordTable{p: p, last: f.follow && f.since == ""}
	show, end := lines.add, lines.flush
	r.Idle = lines.flush
	if f.query.Key != "" {
		use := &audit.KeyUse{}
		show = func(l *audit.Line) error { use.Add(l); return nil }
		end = func() error { return p.printKeyUse(use, time.Now()) }
	}
	err = r.Run(ctx, path, func(l *audit.Line) error { found++; return show(l) })
	if err == nil && f.follow {
		return end() // Ctrl-C is how it ends
	}
	if err = orSignal(ctx, err); err != nil {
		return err
	}
	if r.Broken > 0 {
		p.warn(fail("a vendord that was killed leaves one; more are somebody else's", "record: %d of %d lines are broken, and were skipped", r.Broken, r.Read))
	}
	if found == 0 {
		return nothingFound(path, r, f)
	}
	return end()
}

// nothingFound says what was looked through: an empty answer must not look like
// "nobody had it".
func nothingFound(path string, r *audit.Reader, f auditFlags) error {
	what := "lines like that"
	if f.query.Key != "" {
		what = "key " + strconv.Quote(f.query.Key)
	}
	switch {
	case r.Oldest.IsZero() && !f.query.Since.IsZero(): // older files were not even read
		return fail("an earlier --since shows what was before", "record: %s: no lines since %s", path, f.query.Since.Local().Format(time.DateTime))
	case r.Oldest.IsZero():
		return fail("has anything been vended since the record was switched on?", "record: %s: no lines", path)
	}
	return fail("older lines may have been rotated away ([audit] keep), or it was another machine, or a time without a record",
		"record: %s: no %s among %d lines since %s", path, what, r.Read, r.Oldest.Local().Format(time.DateTime))
}

// recordFile finds the file: the daemon says, or without one the configuration.
func (p *program) recordFile(ctx context.Context) (string, error) {
	s, err := p.askStatus(ctx)
	if errors.Is(err, control.ErrNoDaemon) {
		return p.configuredRecord()
	}
	if err != nil {
		return "", err
	}
	if !s.Steer {
		return "", fail("ask one of them, or name a file that you may read: --file", "record: only the owner (or root and operators) may see it")
	}
	if s.Record == nil {
		return "", noRecord()
	}
	return readable(s.Record.File)
}

func (p *program) configuredRecord() (string, error) {
	if p.auditLog != "" {
		return readable(p.auditLog)
	}
	if _, err := os.Stat(p.configPath()); errors.Is(err, fs.ErrNotExist) {
		if !p.system && unitInstalled() { // the service is down, and its record is there
			service := *p
			service.system = true
			return service.configuredRecord()
		}
		return "", fail("start it: vendord serve; or name the record: --file", "record: no daemon answers, and there is no %s that says where it is", p.configPath())
	}
	config, err := profiles.Load(p.checkOptions(p.configPath()))
	if err != nil {
		return "", err
	}
	if config.Audit.File == "" && !config.Audit.Journal {
		return "", noRecord()
	}
	return readable(config.Audit.File)
}

// readable refuses a record that is in no file.
func readable(file string) (string, error) {
	switch file {
	case "":
		return "", fail("journalctl -t vendord shows it, and journalctl VENDORD_KEY=ASIA… who had a key", "record: it goes to the journal alone")
	case "-":
		return "", fail("name the file that it ends in: --file", "record: it goes to the daemon's standard output")
	}
	return filepath.Abs(file)
}

func noRecord() error {
	return fail(`set file = "…" in [audit] of vendord.toml and restart the daemon, or start it with --audit-log FILE`, "record: none is kept")
}
