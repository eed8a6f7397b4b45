package audit

import (
	"io"
	"strconv"
	"time"
)

// The bounds of the buffer. At 375 bytes a line and 70,000 requests a second
// 64 KiB fill in 3 ms, so a flush by time alone would need 2.6 MB of buffer;
// at a human pace the 100 ms decide, which is what a SIGKILL can lose.
const (
	flushEvery = 100 * time.Millisecond
	flushSize  = 64 << 10
	fullSize   = 1 << 20
	// keptSize is the largest buffer that is kept when a burst is over.
	keptSize = 4 * flushSize
	// roomWait is how long Record waits for a writer that is merely slower
	// than the requests. Once it waited in vain, nobody waits until the
	// writer has moved: a hung disk must cost a request 50 ms once, not each
	// time.
	roomWait = 50 * time.Millisecond
)

// append adds e's line to those that wait, and reports whether it is the first
// one lost since the writer last took some, and where it is.
func (l *Log) append(e *Event, rest []byte) (firstLost bool, at place) {
	l.mu.Lock()
	defer l.mu.Unlock()
	room := l.out == nil || l.roomLocked()
	l.id++ // also of a lost line: the gap shows where it was
	e.ID = l.id
	if l.out == nil {
		return false, place{}
	}
	if !room {
		l.lost++
		l.ever++
		return l.lost == 1, place{}
	}
	before := len(l.waiting)
	l.waiting = strconv.AppendUint(append(l.head.append(l.waiting, e.Time), `,"id":`...), e.ID, 10)
	l.waiting = append(l.waiting, rest...)
	if before == 0 {
		notify(l.some)
	}
	if before < flushSize && len(l.waiting) >= flushSize {
		notify(l.much)
	}
	if l.required {
		at = l.placeLocked()
	}
	return false, at
}

// roomLocked reports whether a line fits, and waits a moment for that if need
// be, without mu.
func (l *Log) roomLocked() bool {
	if len(l.waiting) < fullSize {
		return true
	}
	if l.stuck {
		return false
	}
	patience := time.NewTimer(roomWait)
	defer patience.Stop()
	for len(l.waiting) >= fullSize {
		if l.room == nil {
			l.room = make(chan struct{})
		}
		room := l.room
		l.mu.Unlock()
		select {
		case <-room:
			l.mu.Lock()
		case <-patience.C:
			l.mu.Lock()
			l.stuck = len(l.waiting) >= fullSize
			return !l.stuck
		}
	}
	return true
}

// Flush writes what waits. What a failed Write left is written first next
// time, from the byte where it stopped: a disk that was full leaves no broken
// line behind, as long as the daemon lives.
func (l *Log) Flush() error {
	if l.out == nil {
		return nil
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	err := l.flush()
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.failing = failing{}
	case l.failing.err == nil:
		l.failing = failing{err, l.now()}
	default:
		l.failing.err = err
	}
	return err
}

// flush does the work of Flush. The caller holds writing.
func (l *Log) flush() error {
	if l.required {
		return l.commit()
	}
	if err := l.write(); err != nil || !l.take() {
		return err
	}
	l.also.offer(l.left)
	return l.write()
}

// write writes what is left. The caller holds writing.
func (l *Log) write() error {
	if len(l.left) == 0 {
		return nil
	}
	n, err := l.out.Write(l.left)
	l.left = l.left[min(max(n, 0), len(l.left)):]
	if len(l.left) == 0 {
		l.left = nil
		l.written(err)
		return nil
	}
	if err == nil {
		err = io.ErrShortWrite
	}
	return err
}

// written takes note of a write of all there was, which can have gone wrong all
// the same: into another file than it should have.
func (l *Log) written(trouble error) {
	l.mu.Lock()
	before := l.trouble
	l.trouble = trouble
	l.mu.Unlock()
	if trouble != nil && before == nil {
		l.log.Error("audit log: written, but something is wrong", "err", trouble)
	}
}

// take makes what waits what is left to write, and reports whether there was
// any. The caller holds writing.
func (l *Log) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) == 0 {
		return false
	}
	if l.lost > 0 {
		// Here and not at the front of the next batch: the lost ones came
		// after the last that found room.
		l.waiting = l.appendLost(l.waiting, l.lost)
	}
	l.left, l.waiting, l.spare = l.waiting, l.spare[:0], l.waiting
	if len(l.left) < flushSize {
		l.waiting, l.spare = small(l.waiting), small(l.spare)
	}
	l.lost, l.stuck = 0, false
	if l.room != nil {
		close(l.room)
		l.room = nil
	}
	return true
}

// appendLost appends the line that stands for n lost ones. The caller holds mu.
func (l *Log) appendLost(b []byte, n int) []byte {
	b = strconv.AppendInt(append(l.head.append(b, l.now()), `,"lost":`...), int64(n), 10)
	return append(b, "}\n"...)
}

// small returns a buffer, or nil for one that is too large to be kept.
func small(b []byte) []byte {
	if cap(b) > keptSize {
		return nil
	}
	return b
}

// notify sets a flag that is a channel.
func notify(flag chan struct{}) {
	select {
	case flag <- struct{}{}:
	default:
	}
}
