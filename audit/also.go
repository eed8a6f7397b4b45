package audit

import (
	"bytes"
	"io"
	"log/slog"
	"sync"
)

// also is a second writer of the same lines, with a buffer of its own: one that
// hangs holds up neither the first nor a request.
type also struct {
	out  io.Writer
	log  *slog.Logger
	some chan struct{} // lines wait

	mu      sync.Mutex // guards what follows
	waiting []byte
	lost    uint64
	failing error
}

func newAlso(out io.Writer, log *slog.Logger) *also {
	return &also{out: out, log: log, some: make(chan struct{}, 1)}
}

// offer gives it whole lines, which it copies, or drops where it is too late.
func (a *also) offer(lines []byte) {
	if a == nil {
		return
	}
	a.mu.Lock()
	if len(a.waiting)+len(lines) > fullSize {
		a.lost += uint64(bytes.Count(lines, []byte{'\n'}))
	} else {
		a.waiting = append(a.waiting, lines...)
	}
	a.mu.Unlock()
	notify(a.some)
}

// start writes until stop, which writes the rest.
func (a *also) start() (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-a.some:
				a.write()
			case <-end:
				a.write()
				return
			}
		}
	}()
	return func() { close(end); <-ended }
}

// write writes what waits, once: what this writer does not take is lost to it.
// The other one has it.
func (a *also) write() {
	a.mu.Lock()
	lines := a.waiting
	a.waiting = nil
	a.mu.Unlock()
	if len(lines) == 0 {
		return
	}
	n, err := a.out.Write(lines)
	a.mu.Lock()
	before := a.failing
	a.failing = err
	a.lost += uint64(bytes.Count(lines[min(max(n, 0), len(lines)):], []byte{'\n'}))
	a.mu.Unlock()
	switch {
	case err != nil && before == nil:
		a.log.Error("audit log: the journal cannot be written, the file is", "err", err)
	case err == nil && before != nil:
		a.log.Info("audit log: the journal can be written again")
	}
}

// state returns how many lines were lost, and why the latest write failed.
func (a *also) state() (uint64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lost, a.failing
}
