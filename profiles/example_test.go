package profiles_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestCommentedExample takes the comment signs off what the example says of apps that
// the kernel recognises, of the record and of addresses: it loads, with nothing to
// say but who and what is not on this machine.
func TestCommentedExample(t *testing.T) {
	text, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	commented := regexp.MustCompile(`(?m)^# \[(audit|endpoints|apps|profiles\.company1-admin).*\n(# .+\n)*`)
	more := commented.FindAllString(string(text), -1)
	if len(more) != 6 {
		t.Fatalf("%s: got %d tables in comments, want 6", example, len(more))
	}
	all := string(text) + regexp.MustCompile(`(?m)^# `).ReplaceAllString(strings.Join(more, ""), "")
	c := loadOn(t, machine(), all)
	wantWarnings(t, c, `apps.nightly.match.user: there is no user "nightly": nobody matches`,
		"apps.nightly.match.unit: there is no unit nightly.service here: nobody matches until there is",
		`apps.deploy.match.user: there is no user "deploy": nobody matches`)
	if !c.Apps["deploy"].Both || len(c.Apps["in-containers"].From) != 1 || !c.Profiles["company1-admin"].Protected || !c.Audit.Required || len(c.Endpoints) == 0 {
		t.Errorf("Load: got %+v, want what the comments say", c.Apps)
	}
}
