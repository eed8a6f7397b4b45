package main

import (
	"slices"
	"testing"
	"time"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/control"
)

// A loop is one row of the status, with as many times as it was refused: also
// those that were too many to be remembered.
func TestRefusalsInAStatus(t *testing.T) {
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	loop := audit.Event{Time: at, UID: "1001", Message: "token: not recognised"}
	before := loop
	before.Time, before.Unrecorded = at.Add(-time.Minute), 40
	got := refusalRows([]audit.Event{loop, {Time: at.Add(-time.Second), App: "nightly", User: "ann", Message: "app: gone"}, before})
	want := []control.RefusalRow{
		{Time: at, User: "#1001", Message: "token: not recognised", Times: 42},
		{Time: at.Add(-time.Second), App: "nightly", User: "ann", Message: "app: gone", Times: 1},
	}
	if !slices.Equal(got, want) {
		t.Errorf("refusalRows: got %+v, want %+v", got, want)
	}
}
