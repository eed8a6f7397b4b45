package main

// The rules of what people read:
//
//   - Data goes to stdout, everything else to stderr. With --json data is one
//     JSON value.
//   - An error is "vendord: subject: problem", in lower case, without a full
//     stop; what to do about it follows on a line that begins with "hint: ".
//     The same words stand in the log and inside other programs' SDK
//     exceptions.
//   - A warning is the same with "warning: " before it, and never changes the
//     exit status.
//   - Many errors at once are printed one after the other; nobody should have
//     to run a command twice to see the second.
//   - No secret is printed but by the commands made for it: credentials, env
//     and token issue, on stdout.

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// printError prints err, or every error that it joins, each with its hint.
func (p *program) printError(err error) {
	for _, e := range flatten(err) {
		printProblem(p.stderr, "vendord: ", e)
	}
}

// warn prints a warning with its hint.
func (p *program) warn(err error) { printProblem(p.stderr, "warning: ", err) }

func printProblem(w io.Writer, prefix string, err error) {
	fmt.Fprintf(w, "%s%s\n", prefix, visible(err.Error()))
	if hint := hintOf(err); hint != "" {
		fmt.Fprintf(w, "hint: %s\n", visible(hint))
	}
}

// say prints a line, or several, of what the program was told by others.
func say(w io.Writer, format string, args ...any) {
	fmt.Fprintln(w, visible(fmt.Sprintf(format, args...)))
}

// visible is session.Visible for text that may have several lines.
func visible(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = session.Visible(line)
	}
	return strings.Join(lines, "\n")
}

// flatten returns the errors that errors.Join put together, and a
// configuration's problems one by one.
func flatten(err error) []error {
	if err == nil {
		return nil
	}
	var all []error
	if joined, ok := err.(interface{ Unwrap() []error }); ok { // first: of a join, problems are a part
		for _, e := range joined.Unwrap() {
			all = append(all, flatten(e)...)
		}
		return all
	}
	for _, p := range profiles.Problems(err) {
		all = append(all, p)
	}
	if len(all) == 0 {
		all = []error{err}
	}
	return all
}

func hintOf(err error) string {
	if e, ok := errors.AsType[*session.Error](err); ok {
		return e.Hint
	}
	if e, ok := errors.AsType[profiles.Problem](err); ok {
		return e.Hint
	}
	if e, ok := errors.AsType[usageError](err); ok {
		return e.hint
	}
	return ""
}

// fail makes an error of this program's own: a problem and what to do.
func fail(hint, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &session.Error{Class: session.Configuration, Public: err.Error(), Hint: hint, Err: err}
}

// output is stdout, which remembers that it could not be written: a full disk
// must not make a token that nobody has look like success. It is a file for the
// commands that exec runs.
type output struct {
	*os.File
	err error
}

// Write writes and remembers.
func (o *output) Write(b []byte) (int, error) {
	n, err := o.File.Write(b)
	if o.err == nil {
		o.err = err
	}
	return n, err
}

// printed returns an error if something that was printed did not arrive.
func (p *program) printed() error {
	if p.stdout.err == nil {
		return nil
	}
	return fail("", "stdout: %w", p.stdout.err)
}

// printJSON prints v as indented JSON.
func (p *program) printJSON(v any) error {
	e := json.NewEncoder(p.stdout)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// table prints rows in columns; the first row is the heading.
func table(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		for i := range row {
			row[i] = visible(row[i])
		}
		fmt.Fprintln(t, strings.TrimRight(strings.Join(row, "\t"), "\t"))
	}
	return t.Flush()
}

// dash returns s, or "-" where there is nothing to show.
func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// inWords returns a duration as a person says it: "52 min", "3 h 5 min".
func inWords(d time.Duration) string {
	switch d = d.Round(time.Second); {
	case d < 0:
		return inWords(d.Abs()) + " ago" // Abs, since -d of the least one is itself
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Round(time.Minute).Minutes()))
	case d < 48*time.Hour:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%d days", int(d.Round(24*time.Hour).Hours()/24))
	}
}

// until returns when t is, in words and as a time of day: "in 52 min (14:03:07)".
func until(t, now time.Time) string {
	if t.IsZero() {
		return "-"
	}
	words := inWords(t.Sub(now))
	if t.After(now) {
		words = "in " + words
	}
	return words + " (" + clock(t, now) + ")"
}

// ago returns when something was.
func ago(t, now time.Time) string {
	if now.Sub(t) < time.Second {
		return "just now (" + clock(t, now) + ")"
	}
	return until(t, now)
}

// clock is a time of day, with the date if it is far.
func clock(t, now time.Time) string {
	if t.Sub(now).Abs() > 20*time.Hour {
		return t.Local().Format("2006-01-02 15:04")
	}
	return t.Local().Format("15:04:05")
}
