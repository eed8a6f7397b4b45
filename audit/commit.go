package audit

import (
	"bytes"
	"errors"
	"io"
	"syscall"
	"time"

	"github.com/vendord/vendord/session"
)

// acceptWait is how long a request waits for its line to be taken, in what is
// left of the second that SDKs have patience for. Where the disk hangs for
// longer, the record can tell of something that was not vended; never the other
// way round.
const acceptWait = 500 * time.Millisecond

// fate is what becomes of the lines that are written together. While one lot is
// being written the next gathers, so that a thousand requests at once cost a few
// writes.
type fate struct {
	known chan struct{}
	taken int // bytes that Out took; set, like err, before known is closed
	err   error
}

// place is where a line ends among those that are written together; without a
// fate it was lost.
type place struct {
	fate *fate
	end  int
}

// placeLocked returns the place of the line that was added last.
func (l *Log) placeLocked() place {
	if l.fate == nil {
		l.fate = &fate{known: make(chan struct{})}
	}
	return place{l.fate, len(l.waiting)}
}

// await returns nil once Out took a line.
func (l *Log) await(at place) error {
	if at.fate == nil {
		return unrecorded(errors.New("the writer cannot keep up"))
	}
	patience := time.NewTimer(acceptWait)
	defer patience.Stop()
	select {
	case <-patience.C:
		return unrecorded(errors.New("the writer hangs"))
	case <-at.fate.known:
	}
	if at.end-1 > at.fate.taken { // a line is whole without its end
		return unrecorded(at.fate.err)
	}
	return nil
}

func unrecorded(err error) error {
	why := err.Error()
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		why = number.Error() // without the path, which is not the caller's to know
	} else if _, ok := errors.AsType[*session.Error](err); ok {
		why = "its file is gone, and another thing in its place"
	}
	return &session.Error{Class: session.Retry, Public: "record: cannot be written: " + why, Err: err,
		Hint: "nothing is vended unrecorded here ([audit] required); make room for the record, and it goes on by itself"}
}

// commit writes what waits, and lets those who wait for it know. What Out did
// not take was not vended, and is not written later, which would say that it
// was: it is counted, and the count comes first in the next lot. The caller
// holds writing.
func (l *Log) commit() error {
	lot, of := l.lot()
	if lot.text == nil {
		return nil
	}
	n, err := l.out.Write(lot.text)
	n = min(max(n, 0), len(lot.text))
	if n == len(lot.text) {
		l.written(err)
		err = nil
	} else if err == nil {
		err = io.ErrShortWrite
	}
	if n > 0 {
		l.midline = lot.text[n-1] != '\n'
	}
	lost := lot.unwritten(n)
	body := max(n-lot.front, 0)
	if n >= lot.front-1 {
		l.refused = 0
	}
	l.refused += lost
	if whole := bytes.LastIndexByte(lot.text[lot.front:lot.front+body], '\n') + 1; whole > 0 {
		l.also.offer(lot.text[lot.front:][:whole])
	}
	l.mu.Lock()
	l.ever += uint64(max(lost-lot.lost, 0))
	l.mu.Unlock()
	if of != nil {
		of.taken, of.err = body, err
		close(of.known)
	}
	return err
}

// lot is what is written together.
type lot struct {
	text  []byte // nil for nothing
	front int    // where the lines begin, behind what is made good of earlier lots
	lost  int    // how many lines the last one stands for, if it is such a line
}

// lot takes what waits. The caller holds writing.
func (l *Log) lot() (lot, *fate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var before []byte
	if l.refused > 0 {
		if l.midline {
			before = append(before, '\n') // ends the line that was cut
		}
		before = l.appendLost(before, l.refused)
	} else if l.midline && len(l.waiting) > 0 {
		before = append(before, '\n')
	}
	if len(before)+len(l.waiting) == 0 {
		return lot{}, nil
	}
	made := lot{front: len(before), lost: l.lost}
	if l.lost > 0 {
		l.waiting = l.appendLost(l.waiting, l.lost)
	}
	made.text = append(before, l.waiting...)
	if before == nil {
		made.text = l.waiting
		l.waiting, l.spare = l.spare[:0], l.waiting
	} else {
		l.waiting = l.waiting[:0]
	}
	if len(made.text) < flushSize {
		l.waiting, l.spare = small(l.waiting), small(l.spare)
	}
	of := l.fate
	l.fate, l.lost, l.stuck = nil, 0, false
	if l.room != nil {
		close(l.room)
		l.room = nil
	}
	return made, of
}

// unwritten counts the lines of which Out, which took n bytes, has no whole one.
func (b lot) unwritten(n int) int {
	rest := b.text[max(n, b.front):]
	lines := bytes.Count(rest, []byte{'\n'})
	if lines > 0 && n > b.front && rest[0] == '\n' {
		lines-- // all but its end is there
	}
	if lines > 0 && b.lost > 0 {
		lines += b.lost - 1 // the last stands for so many
	}
	return lines
}
