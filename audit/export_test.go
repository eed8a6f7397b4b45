package audit

// AppendEntry is appendEntry.
var AppendEntry = appendEntry

// ParsePlain is Line.parsePlain.
func ParsePlain(s string) (l Line, ok bool) {
	ok = l.parsePlain(s)
	return l, ok
}
