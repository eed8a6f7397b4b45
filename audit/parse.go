package audit

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
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
	if !l.parsePlain(string(text)) {
		l = Line{}
		if json.Unmarshal(text, &l) != nil {
			return Line{}, errBroken
		}
	}
	if !written(l.Time) || !l.Expires.IsZero() && !written(l.Expires) || l.Lost < 0 {
		return Line{}, errBroken
	}
	return l, nil
}

// written reports whether a time is one that can be written.
func written(t time.Time) bool {
	year := t.UTC().Year()
	return !t.IsZero() && year >= 0 && year <= 9999
}

// parsePlain reads a line in the form in which nearly all are written, without
// escapes, in a tenth of the time of encoding/json. It reports whether it was
// one; if not, a part of it was read.
func (l *Line) parsePlain(s string) bool {
	next := byte('{')
	for {
		if len(s) < 2 || s[0] != next || s[1] != '"' {
			return len(s) == 1 && s[0] == '}' && next == ','
		}
		key, rest, ok := plainString(s[1:])
		if !ok || rest == "" || rest[0] != ':' {
			return false
		}
		rest = rest[1:]
		var value string
		var quoted bool
		if quoted = rest != "" && rest[0] == '"'; quoted {
			value, rest, ok = plainString(rest)
		} else {
			end := strings.IndexAny(rest, ",}")
			if ok = end > 0; ok {
				value, rest = rest[:end], rest[end:]
			}
		}
		if !ok || !l.set(key, value, quoted) {
			return false
		}
		s, next = rest, ','
	}
}

// plainString returns what stands between quotes, if it is characters that stand
// for themselves.
func plainString(s string) (value, rest string, ok bool) {
	end := plainEnd(s, 1)
	if end >= len(s) || s[end] != '"' {
		return "", "", false
	}
	return s[1:end], s[end+1:], true
}

// set sets a field, if it has such a value.
func (l *Line) set(key, value string, quoted bool) (ok bool) {
	if text := l.textField(key); text != nil {
		*text = value
		return quoted
	}
	var err error
	switch key {
	case "time":
		l.Time, err = time.Parse(time.RFC3339, value)
		return err == nil && quoted
	case "expires":
		l.Expires, err = time.Parse(time.RFC3339, value)
		return err == nil && quoted
	}
	if quoted {
		return false
	}
	switch key {
	case "minted":
		l.Minted = value == "true"
		return l.Minted || value == "false"
	case "narrowed":
		l.Narrowed = value == "true"
		return l.Narrowed || value == "false"
	}
	n, ok := plainNumber(value)
	switch key {
	case "id":
		l.ID = n
	case "uid":
		l.UID = json.Number(value)
	case "pid":
		l.PID = int(n)
	case "status":
		l.Status = int(n)
	case "lost":
		l.Lost = int(n)
	case "unrecorded":
		l.Unrecorded = n
	default:
		return false
	}
	return ok
}

// plainNumber reads a number of 9 digits at most, as JSON writes it.
func plainNumber(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 10, 64)
	return n, err == nil && len(s) <= 9 && (len(s) == 1 || s[0] != '0')
}

// textField returns the field of a key, if that is a text.
func (l *Line) textField(key string) *string {
	switch key {
	case "path":
		return &l.Path
	case "endpoint":
		return &l.Endpoint
	case "listen":
		return &l.Listen
	case "app":
		return &l.App
	case "how":
		return &l.How
	case "user":
		return &l.User
	case "token":
		return &l.TokenID
	case "exe":
		return &l.Exe
	case "unit":
		return &l.Unit
	case "container":
		return &l.Container
	case "from":
		return &l.From
	case "profile":
		return &l.Profile
	case "role":
		return &l.RoleARN
	case "session":
		return &l.SessionName
	case "key":
		return &l.KeyID
	case "code":
		return &l.Code
	case "message":
		return &l.Message
	case "hint":
		return &l.Hint
	case "near":
		return &l.Near
	case "agent":
		return &l.Agent
	}
	return nil
}
