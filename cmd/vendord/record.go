package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
)

// record is where the daemon's record goes.
type record struct {
	asked profiles.Audit // as the configuration says
	file  string         // the path, "-" for standard output, or "" for none
	out   io.Writer      // gets the lines; nil for nobody
	also  io.Writer      // the journal, where a file is the first; nil for nobody
	ends  []io.Closer
}

// record opens what the configuration and the flag ask for. The flag says where
// the file is, and the configuration the rest.
func (p *program) record(asked profiles.Audit) (_ *record, err error) {
	r := &record{asked: asked, file: cmp.Or(p.auditLog, asked.File)}
	if r.file != "" && r.file != "-" {
		if r.file, err = filepath.Abs(r.file); err != nil { // who reads it is elsewhere
			return nil, fail("name the whole path", "audit log: %s: %w", r.file, err)
		}
	}
	defer func() {
		if err != nil {
			r.close()
		}
	}()
	if r.file != "" {
		file, err := audit.Open(r.file, audit.Rotation{MaxSize: asked.MaxSize, Keep: asked.Keep})
		if err != nil {
			return nil, err
		}
		r.out, r.ends = file, append(r.ends, file)
		if err := noOtherFile(r.file); err != nil {
			return nil, err
		}
	}
	if asked.Journal {
		journal, err := audit.OpenJournal("")
		if err != nil {
			return nil, err
		}
		r.ends = append(r.ends, journal)
		if r.out == nil {
			r.out = journal
		} else {
			r.also = journal
		}
	}
	return r, nil
}

// noOtherFile refuses to append to what is there and is no record: a slip of the
// finger would be the end of a configuration, or of an SDK's credentials. Where the
// file cannot be read now, its writer will say so. A record can begin within a line.
func noOtherFile(path string) error {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer f.Close()
	start, err := io.ReadAll(io.LimitReader(f, 64<<10))
	line := []byte(`{"time":"`)
	if err != nil || bytes.HasPrefix(start, line[:min(len(line), len(start))]) || bytes.Contains(start, append([]byte{'\n'}, line...)) {
		return nil
	}
	return fail("name a file of its own, or move that one away", "audit log: %s: is there, and is no record", path)
}

// privateRecord opens what the configuration asks for, for the daemon inside a
// command: what is on record is not to depend on whether another one runs. The
// flag is serve's, and its standard output is not the command's. Only a record
// that is required ends the command.
func (p *program) privateRecord(asked profiles.Audit) (*record, error) {
	own := *p
	own.auditLog = ""
	r, err := own.record(asked)
	if err != nil && !asked.Required {
		p.warn(err)
		return &record{asked: asked}, nil
	}
	return r, err
}

func (r *record) close() {
	if r == nil {
		return
	}
	for _, end := range r.ends {
		_ = end.Close()
	}
}

// keepRecord makes what keeps the record.
func (d *daemon) keepRecord(asked profiles.Audit) (err error) {
	o := d.options
	d.record = &record{asked: asked, out: o.audit}
	if o.record != nil {
		if d.record, err = o.record(asked); err != nil {
			return err
		}
	}
	d.audit = audit.New(audit.Config{Out: d.record.out, Also: d.record.also, Required: asked.Required && d.record.out != nil,
		Now: o.now, Log: o.log})
	return nil
}

// recordState says how the record is doing, or nil where there is none.
func (d *daemon) recordState() *control.RecordState {
	if d.record.out == nil {
		return nil
	}
	s, asked := d.audit.State(), d.record.asked
	state := &control.RecordState{File: d.record.file, Journal: asked.Journal, Required: asked.Required,
		Lines: s.Lines, Lost: s.Lost, JournalLost: s.AlsoLost, Since: s.Since}
	if s.Failing != nil {
		state.Failing = s.Failing.Error()
	}
	if s.Trouble != nil {
		state.Trouble = s.Trouble.Error()
	}
	if s.AlsoFailing != nil {
		state.JournalFailing = s.AlsoFailing.Error()
	}
	return state
}

// recordWarnings says what the owner must know of the record.
func recordWarnings(r *control.RecordState) (warnings []string) {
	if r == nil {
		return nil
	}
	switch {
	case r.Failing != "" && r.Required:
		warnings = append(warnings, "record: cannot be written, so nothing is vended ([audit] required): "+r.Failing)
	case r.Failing != "":
		warnings = append(warnings, "record: cannot be written, vending goes on: "+r.Failing)
	}
	if r.Trouble != "" {
		warnings = append(warnings, "record: "+r.Trouble)
	}
	if r.JournalFailing != "" {
		warnings = append(warnings, "record: the journal cannot be written, the file is: "+r.JournalFailing)
	}
	if r.Lost > 0 {
		warnings = append(warnings, fmt.Sprintf("record: lines lost since the start: %d", r.Lost))
	}
	if r.JournalLost > 0 {
		warnings = append(warnings, fmt.Sprintf("record: lines that the journal did not take: %d", r.JournalLost))
	}
	return warnings
}

// recordInWords says where the record goes.
func recordInWords(r *control.RecordState) string {
	where := r.File
	switch {
	case r.File == "-":
		where = "standard output"
	case r.File == "" && r.Journal:
		where = "the journal"
	}
	if r.File != "" && r.Journal {
		where += ", and the journal"
	}
	if r.Required {
		where += " (required)"
	}
	return where
}
