package audit

// Memo remembers the line that was written last. A program that keeps its
// connection gets the same again and again, so that its lines differ in the time
// and the number alone, and to know the rest is twice as fast as to write it.
// The zero Memo is ready; a nil one remembers nothing. It is for one goroutine at
// a time.
type Memo struct {
	granted bool     // something, before
	last    *counted // nil for nothing
	tally   *tally   // its app's; nil until it was counted
	rest    []byte
}

// of returns the rest of e's line, if it is the one that is remembered.
func (m *Memo) of(e *Event) (rest []byte, known bool) {
	if m == nil || !m.last.is(e) {
		return nil, false
	}
	return m.rest, true
}

// keep remembers the rest of e's line, from the second time on: most programs ask
// once over a connection. It does not keep what a stranger sent to be kept: only
// what was granted, and no text that is cut in the line. It reports whether it
// did.
func (m *Memo) keep(e *Event, rest []byte) bool {
	if m == nil || e.Status != 200 || len(e.Path) > cut || len(e.Agent) > cut {
		return false
	}
	if !m.granted {
		m.granted = true
		return false
	}
	m.last, m.tally, m.rest = detached(e), nil, append(m.rest[:0], rest...)
	return true
}
