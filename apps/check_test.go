package apps_test

import (
	"context"
	"testing"
	"time"

	"github.com/vendord/vendord/apps"
)

// A change that never ends is found, once the disk is not what it waits for.
func TestCheck(t *testing.T) {
	for name, test := range map[string]struct {
		stuck, disk bool
		doubt, err  string
	}{
		"nothing is under way":   {},
		"a change does not end":  {stuck: true, err: "a change does not end"},
		"a disk does not answer": {stuck: true, disk: true, doubt: "the state directory's disk does not answer"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := apps.Open(apps.Config{Profiles: load(t, file("uploader=one"))})
			if err != nil {
				t.Fatal(err)
			}
			end := func() {}
			if test.stuck {
				end = a.Stuck(test.disk)
			}
			for range 3 { // of which only one waits on
				patience := 20 * time.Second
				if test.stuck {
					patience = 20 * time.Millisecond
				}
				ctx, done := context.WithTimeout(t.Context(), patience)
				doubt, err := a.Check(ctx)
				if words(doubt) != test.doubt || words(err) != test.err {
					t.Errorf("Check: got %v, %v, want %q, %q", doubt, err, test.doubt, test.err)
				}
				done()
			}
			end()
			if doubt, err := a.Check(t.Context()); doubt != nil || err != nil {
				t.Errorf("Check afterwards: got %v, %v", doubt, err)
			}
		})
	}
}

func words(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
