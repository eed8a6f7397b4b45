package main

import (
	"bufio"
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/session"
)

// recordTable prints lines of a record in columns, one line for each. It holds
// some back to see how wide the columns are, and the last ones alone where those
// are all that is wanted of what there is.
type recordTable struct {
	p      *program
	last   bool // only the last ten of what is there already
	rows   [][]string
	widths []int // nil until the heading was printed
}

const (
	heldBack   = 200
	lastTen    = 10
	widestCell = 44
)

var recordHeading = []string{"TIME", "APP", "USER", "PROFILE", "PROGRAM", "ENDPOINT", "RESULT"}

func (t *recordTable) add(l *audit.Line) error {
	if t.p.json {
		t.rows = append(t.rows, []string{string(l.Append(nil))})
	} else {
		t.rows = append(t.rows, recordRow(l))
	}
	if t.last {
		if len(t.rows) > 2*lastTen {
			t.rows = slices.Delete(t.rows, 0, len(t.rows)-lastTen)
		}
		return nil
	}
	if len(t.rows) >= heldBack {
		return t.flush()
	}
	return nil
}

// flush prints what is held back. Columns grow and never shrink, so that those of
// later rows are where the earlier ones' are.
func (t *recordTable) flush() error {
	if t.last && len(t.rows) > lastTen {
		t.rows = t.rows[len(t.rows)-lastTen:]
	}
	t.last = false
	if len(t.rows) == 0 {
		return nil
	}
	out := bufio.NewWriter(t.p.stdout)
	if !t.p.json {
		t.align()
	}
	for _, row := range t.rows {
		if t.p.json {
			_, _ = out.WriteString(row[0])
			continue
		}
		for i, cell := range row[:len(row)-1] {
			_, _ = out.WriteString(cell + strings.Repeat(" ", t.widths[i]-utf8.RuneCountInString(cell)+2))
		}
		_, _ = out.WriteString(row[len(row)-1] + "\n")
	}
	t.rows = t.rows[:0]
	return out.Flush()
}

func (t *recordTable) align() {
	if t.widths == nil {
		t.widths = make([]int, len(recordHeading))
		t.rows = slices.Insert(t.rows, 0, recordHeading)
	}
	for _, row := range t.rows {
		for i, cell := range row {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(cell))
		}
	}
}

// recordRow is a line as a person reads it, cleaned of whatever moves a cursor.
func recordRow(l *audit.Line) []string {
	at := l.Time.Local().Format(time.DateTime)
	if l.Lost > 0 {
		return []string{at, "-", "-", "-", "-", "-", fmt.Sprintf("%d lines lost: the record could not be written", l.Lost)}
	}
	who := askerOf(l.Event)
	row := []string{at, dash(l.App), dash(userOf(who)), dash(l.Profile), dash(programOf(who)), dash(strings.TrimSpace(l.Endpoint + " " + l.Listen))}
	for i, cell := range row {
		row[i] = shorten(cleaned(cell), widestCell)
	}
	return append(row, cleaned(resultOf(l)))
}

// cleaned is text of a record, in one line and without what moves a cursor. Nearly
// all needs nothing.
func cleaned(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }) < 0 {
		return s
	}
	return session.Visible(s)
}

// resultOf says what somebody got, or why not.
func resultOf(l *audit.Line) string {
	if l.Status == 200 {
		how := "cached"
		if l.Minted {
			how = "minted"
		}
		return fmt.Sprintf("%s until %s, %s", l.KeyID, l.Expires.Local().Format("15:04:05"), how)
	}
	text := fmt.Sprintf("refused, %d %s: %s", l.Status, l.Code, l.Message)
	if l.Near != "" {
		text += " (" + l.Near + ")"
	}
	if l.Unrecorded > 0 {
		text += fmt.Sprintf(" (and %d more like it)", l.Unrecorded)
	}
	return text
}

// programOf says what is known of a program: "aws[1234], worker.service".
func programOf(a control.Asker) string {
	var parts []string
	if a.Exe != "" || a.PID != 0 {
		parts = append(parts, fmt.Sprintf("%s[%d]", filepath.Base(cmp.Or(a.Exe, "?")), a.PID))
	}
	if a.Unit != "" {
		parts = append(parts, a.Unit)
	}
	if a.Container != "" {
		parts = append(parts, "container "+shortID(a.Container))
	}
	if a.From != "" {
		parts = append(parts, "from "+a.From)
	}
	return strings.Join(parts, ", ")
}

// shorten cuts a cell, with a mark, to a number of characters.
func shorten(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// printKeyUse answers which programs had a key.
func (p *program) printKeyUse(k *audit.KeyUse, now time.Time) error {
	if p.json {
		return p.printJSON(k)
	}
	say(p.stdout, "%s: handed out %s, from %s to %s", k.Key, plural(k.Times, "time"), k.First.Local().Format(time.DateTime), k.Last.Local().Format(time.DateTime))
	say(p.stdout, "  session   %s", dash(k.SessionName))
	if k.RoleARN != "" {
		say(p.stdout, "  role      %s", k.RoleARN)
	}
	say(p.stdout, "  profile   %s", strings.Join(k.Profiles, ", "))
	ends := "ends"
	if !k.Expires.After(now) {
		ends = "ended"
	}
	say(p.stdout, "  %-9s %s", ends, until(k.Expires, now))
	fmt.Fprintln(p.stdout)
	rows := [][]string{{"APP", "USER", "PROGRAM", "EXECUTABLE", "TOKEN", "FIRST", "LAST", "TIMES"}}
	for _, h := range k.Programs {
		who := control.Asker{User: h.User, UID: h.UID, From: h.From, PID: h.PID, Exe: h.Exe, Unit: h.Unit, Container: h.Container}
		rows = append(rows, []string{dash(h.App), dash(userOf(who)), dash(programOf(who)),
			dash(h.Exe), dash(h.TokenID), h.First.Local().Format(time.DateTime), h.Last.Local().Format(time.DateTime), fmt.Sprint(h.Times)})
	}
	for _, row := range rows {
		for i := range row {
			row[i] = cleaned(row[i])
		}
	}
	if err := table(p.stdout, rows); err != nil {
		return err
	}
	if k.More > 0 {
		say(p.stdout, "and %s by more programs", plural(k.More, "time"))
	}
	return nil
}

// plural is a number with its word.
func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
