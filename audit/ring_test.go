package audit_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/audit"
)

// ids returns the ids of events.
func ids(events []audit.Event) []uint64 {
	found := make([]uint64, 0, len(events))
	for _, e := range events {
		found = append(found, e.ID)
	}
	return found
}

func refuse(log *audit.Log, app string, n int) {
	for range n {
		log.Record(&audit.Event{App: app, Status: 403}, nil)
	}
}

func TestRefusalsAreNewestFirst(t *testing.T) {
	log := audit.New(audit.Config{Ring: 3})
	refuse(log, "a", 1)
	log.Record(&audit.Event{App: "a", Status: 200}, nil) // 2: no refusal
	refuse(log, "b", 1)
	refuse(log, "a", 4) // 4 to 7, of which three are kept
	for _, test := range []struct {
		app  string
		want []uint64
	}{
		{"a", []uint64{7, 6, 5}},
		{"b", []uint64{3}},
		{"", []uint64{7, 6, 5, 3}},
		{"nobody", []uint64{}},
	} {
		if got := ids(log.Refusals(test.app)); !slices.Equal(got, test.want) {
			t.Errorf("Refusals(%q): got %v, want %v", test.app, got, test.want)
		}
	}
}

func TestStrangersPushNobodysRefusalsOut(t *testing.T) {
	log := audit.New(audit.Config{})
	refuse(log, "a", 1)
	refuse(log, "", 10_000)
	if got := ids(log.Refusals("a")); !slices.Equal(got, []uint64{1}) {
		t.Errorf("Refusals(a): got %v, want [1]", got)
	}
	if got := len(log.Refusals("")); got != 51 {
		t.Errorf("Refusals: got %d, want 50 of strangers and one of a", got)
	}
}

func TestRefusalsOfManyAppsAreBounded(t *testing.T) {
	log := audit.New(audit.Config{})
	for i := range 1000 {
		refuse(log, fmt.Sprint("app-", i), 1)
		refuse(log, "app-0", 1) // refused all the time, and so never the one to go
	}
	if got := len(log.Refusals("app-0")); got != 50 {
		t.Errorf("Refusals(app-0): got %d, want 50", got)
	}
	if got := len(log.Refusals("")); got != 50+63 {
		t.Errorf("Refusals: got %d, want 50 of app-0 and one of 63 others", got)
	}
	if got := len(log.Refusals("app-1")); got != 0 {
		t.Errorf("Refusals(app-1): got %d, want none, it is too long ago", got)
	}
}

func TestRefusalsHoldOnToNoRequest(t *testing.T) {
	log := audit.New(audit.Config{})
	log.Record(&audit.Event{Status: 401, Path: strings.Repeat("p", 16_000), Agent: strings.Repeat("a", 16_000)}, nil)
	got := log.Refusals("")[0]
	if len(got.Path) != 200 || len(got.Agent) != 200 {
		t.Errorf("refusal: got %d bytes of path, %d of agent, want 200 of each", len(got.Path), len(got.Agent))
	}
}

func TestRecordTellsTheTime(t *testing.T) {
	log := audit.New(audit.Config{Now: func() time.Time { return noon }})
	log.Record(&audit.Event{Status: 401}, nil)
	if got := log.Refusals("")[0].Time; !got.Equal(noon) {
		t.Errorf("time: got %v, want %v", got, noon)
	}
}

// One who is refused in a loop pushes out what they were refused themselves, and
// nobody else's.
func TestOnePushesNobodyElsesRefusalsOut(t *testing.T) {
	log := audit.New(audit.Config{Ring: 4})
	of := func(uid, from string, n int) {
		for range n {
			_ = log.Record(&audit.Event{UID: json.Number(uid), From: from, Status: 401}, nil) // of a refusal it does not fail
		}
	}
	of("33", "", 1)
	of("", "172.18.0.2", 1)
	of("501", "", 1_000)
	if got, want := ids(log.Refusals("")), []uint64{1002, 1001, 2, 1}; !slices.Equal(got, want) {
		t.Errorf("Refusals: got %v, want %v", got, want)
	}
	of("33", "", 2)
	if got, want := ids(log.Refusals("")), []uint64{1004, 1003, 1002, 2}; !slices.Equal(got, want) {
		t.Errorf("Refusals, after two more of the first: got %v, want %v", got, want)
	}
}
