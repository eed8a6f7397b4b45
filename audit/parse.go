package audit

import (
	"encoding/json"
	"errors"
	"time"
)

// Line is a line of the record: an event, or how many lines are missing there.
type Line struct {
	Event
	// Lost is how many lines were lost before this one.
	Lost int `json:"lost,omitempty"`
}

var errBroken = errors.New("no line of a record")

// ParseLine reads a line without its end. Nothing in it is to be trusted: who
// may write the file may write anything, and what it says is not yet fit for a
// terminal.
func ParseLine(text []byte) (Line, error) {
	var l Line
	if len(text) == 0 || text[0] != '{' {
		return Line{}, errBroken
	}
	if err := json.Unmarshal(text, &l); err != nil || !written(l.Time) || !l.Expires.IsZero() && !written(l.Expires) || l.Lost < 0 {
		return Line{}, errBroken
	}
	return l, nil
}

// written reports whether a time is one that can be written.
func written(t time.Time) bool {
	year := t.UTC().Year()
	return !t.IsZero() && year >= 0 && year <= 9999
}
