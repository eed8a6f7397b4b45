package audit

import (
	"bytes"
	"strconv"
	"time"
)

// Query says which lines of a record are wanted: those of which all that is
// given holds. The lines that stand for lost ones are wanted where nothing but
// the time is given.
type Query struct {
	App, User, Key string
	Since          time.Time
}

// beginning is that of each line.
var beginning = []byte(`{"time":"`)

// match reports whether a line is wanted.
func (q *Query) match(l *Line) bool {
	return (q.App == "" || l.App == q.App) && (q.User == "" || l.User == q.User || "#"+l.UID.String() == q.User) &&
		(q.Key == "" || l.KeyID == q.Key) && !l.Time.Before(q.Since.Truncate(time.Millisecond)) // which is what a line has
}

// maybe reports whether a line can be wanted, by its bytes: to parse it takes ten
// times as long.
func (q *Query) maybe(text []byte) bool {
	if !q.Since.IsZero() && bytes.HasPrefix(text, beginning) {
		var space [40]byte
		stamp := appendTime(space[:0], q.Since)
		at := text[len(beginning)-1:]
		if len(at) >= len(stamp) && at[len(stamp)-1] == '"' && bytes.Compare(at[:len(stamp)], stamp) < 0 {
			return false
		}
	}
	return has(text, q.Key) && has(text, q.App)
}

// has reports whether text has a value that is a name of ours: those need no
// escapes. Whatever else may be written in several ways.
func has(text []byte, name string) bool {
	for i := range len(name) {
		if !plain[name[i]] {
			return true
		}
	}
	return name == "" || bytes.Contains(text, []byte(`"`+name+`"`))
}

// Append appends the line as this package writes it, so that it is fit for a
// terminal, and a newline.
func (l *Line) Append(b []byte) []byte {
	b = appendTime(append(b, `{"time":`...), l.Time)
	if l.Lost > 0 {
		b = strconv.AppendInt(append(b, `,"lost":`...), int64(l.Lost), 10)
		return append(b, "}\n"...)
	}
	b = strconv.AppendUint(append(b, `,"id":`...), l.ID, 10)
	return appendRest(b, &l.Event)
}
