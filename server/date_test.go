package server

import (
	"net/http"
	"testing"
	"time"
)

func TestDates(t *testing.T) {
	var d dates
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.FixedZone("here", 3600))
	for _, at := range []time.Time{noon, noon.Add(999 * time.Millisecond), noon.Add(time.Second), noon, time.Unix(0, 0)} {
		if got, want := d.at(at), at.UTC().Format(http.TimeFormat); len(got) != 1 || got[0] != want {
			t.Errorf("at %s: got %q, want %q", at, got, want)
		}
	}
	if got := testing.AllocsPerRun(100, func() { d.at(noon) }); got != 0 {
		t.Errorf("the second time: got %v allocations, want 0", got)
	}
}
