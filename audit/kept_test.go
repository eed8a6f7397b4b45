package audit

import (
	"io"
	"strings"
	"testing"
)

// What a burst needed is not kept for good.
func TestBuffersOfABurstAreGivenBack(t *testing.T) {
	log := New(Config{Out: io.Discard})
	for range 2 { // both buffers
		for len(log.waiting) < 2*keptSize {
			log.Record(&Event{Status: 200, Message: strings.Repeat("m", 300)}, nil)
		}
		if err := log.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if cap(log.waiting) <= keptSize || cap(log.spare) <= keptSize {
		t.Errorf("in a burst: capacities of %d and %d, want both kept", cap(log.waiting), cap(log.spare))
	}
	log.Record(&Event{Status: 200}, nil)
	if err := log.Flush(); err != nil {
		t.Fatal(err)
	}
	if cap(log.waiting) > keptSize || cap(log.spare) > keptSize || log.left != nil {
		t.Errorf("after it: capacities of %d and %d, %d left, want at most %d and nothing left", cap(log.waiting), cap(log.spare), cap(log.left), keptSize)
	}
}
