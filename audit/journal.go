package audit

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// JournalSocket is where systemd's journal takes entries.
const JournalSocket = "/run/systemd/journal/socket"

// journalWait is how long a journal that is slow is waited for, by the writer
// alone.
const journalWait = 100 * time.Millisecond

// The priorities of entries, syslog's.
const (
	priorityError   = 3
	priorityWarning = 4
	priorityInfo    = 6
)

// appendEntry appends a line as an entry of the journal's native protocol
// (systemd, "Native Journal Protocol"). What cannot be read as a line is an
// entry too, with the text alone.
func appendEntry(b, line []byte) []byte {
	l, err := ParseLine(line)
	if err != nil {
		b = appendJournal(b, "MESSAGE", string(line))
		b = appendJournal(b, "PRIORITY", strconv.Itoa(priorityWarning))
		return appendJournal(b, "SYSLOG_IDENTIFIER", "vendord")
	}
	message, priority := l.inWords()
	b = appendJournal(b, "MESSAGE", message)
	b = appendJournal(b, "PRIORITY", strconv.Itoa(priority))
	b = appendJournal(b, "SYSLOG_IDENTIFIER", "vendord")
	l.fields(func(name, value string) {
		if value != "" {
			b = appendJournal(b, "VENDORD_"+name, value)
		}
	})
	return b
}

// appendJournal appends one field. A value with a newline is written with its
// length: in the other form it would begin a field of a stranger's choice.
func appendJournal(b []byte, name, value string) []byte {
	b = append(b, name...)
	if strings.IndexByte(value, '\n') < 0 {
		return append(append(append(b, '='), value...), '\n')
	}
	b = append(b, '\n')
	b = binary.LittleEndian.AppendUint64(b, uint64(len(value)))
	return append(append(b, value...), '\n')
}

// inWords says what happened in a sentence, for who reads the journal, and how
// much it matters.
func (l *Line) inWords() (string, int) {
	if l.Lost > 0 {
		return fmt.Sprintf("%d lines of the record are lost: it could not be written", l.Lost), priorityError
	}
	who := "stranger"
	switch {
	case l.App != "" && l.User != "":
		who = l.App + " (" + l.User + ")"
	case l.App != "":
		who = l.App
	case l.UID != "":
		who = "user #" + l.UID.String()
	}
	if l.Status != 200 {
		return who + " refused: " + l.Message, priorityWarning
	}
	return fmt.Sprintf("%s got %s: %s until %s", who, l.Profile, l.KeyID, l.Expires.UTC().Format(time.RFC3339)), priorityInfo
}

// fields calls f with each field of a line, in the order of the line. Those of
// no value are empty.
func (l *Line) fields(f func(name, value string)) {
	number := func(name string, n uint64) {
		if n > 0 {
			f(name, strconv.FormatUint(n, 10))
		}
	}
	f("TIME", stamp(l.Time))
	number("ID", l.ID)
	number("LOST", uint64(max(l.Lost, 0)))
	f("PATH", l.Path)
	f("ENDPOINT", l.Endpoint)
	f("LISTEN", l.Listen)
	f("APP", l.App)
	f("HOW", l.How)
	f("USER", l.User)
	f("UID", l.UID.String())
	f("TOKEN", l.TokenID)
	number("PID", uint64(max(l.PID, 0)))
	f("EXE", l.Exe)
	f("UNIT", l.Unit)
	f("CONTAINER", l.Container)
	f("FROM", l.From)
	if l.Narrowed {
		f("NARROWED", "true")
	}
	f("PROFILE", l.Profile)
	f("ROLE", l.RoleARN)
	f("SESSION", l.SessionName)
	f("KEY", l.KeyID)
	f("EXPIRES", stamp(l.Expires))
	if l.KeyID != "" {
		f("MINTED", strconv.FormatBool(l.Minted))
	}
	number("STATUS", uint64(max(l.Status, 0)))
	f("CODE", l.Code)
	f("PROBLEM", l.Message)
	f("HINT", l.Hint)
	f("NEAR", l.Near)
	number("UNRECORDED", l.Unrecorded)
	f("AGENT", l.Agent)
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// eachLine calls f with each whole line of text, without its end, and returns
// how many bytes f took.
func eachLine(text []byte, f func(line []byte) error) (taken int, err error) {
	for taken < len(text) {
		end := bytes.IndexByte(text[taken:], '\n')
		if end < 0 {
			return taken, nil
		}
		if err := f(text[taken : taken+end]); err != nil {
			return taken, err
		}
		taken += end + 1
	}
	return taken, nil
}
