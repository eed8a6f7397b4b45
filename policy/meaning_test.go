package policy_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vendord/vendord/policy"
)

// Every code that the package reports has a meaning, in one plain line.
func TestMeaning(t *testing.T) {
	files, _ := filepath.Glob("*.go")
	code := regexp.MustCompile(`"(P\d{3})"`)
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, m := range code.FindAllStringSubmatch(string(text), -1) {
			seen++
			if meaning := policy.Meaning(m[1]); meaning == "" || strings.ContainsAny(meaning, "\n") || strings.HasSuffix(meaning, ".") {
				t.Errorf("Meaning(%s): got %q, want one line without a full stop", m[1], meaning)
			}
		}
	}
	if seen < 25 {
		t.Errorf("codes in the package's files: got %d, want all of them", seen)
	}
	if got := policy.Meaning("P999"); got != "" {
		t.Errorf("Meaning(P999): got %q, want nothing", got)
	}
}

func TestUnknownAction(t *testing.T) {
	for _, c := range []struct {
		action, hint string
		unknown      bool
	}{
		{"s3:GetObject", "", false},
		{"S3:getobject", "", false},
		{"s3:GetObjct", "write s3:GetObject", true},
		{"s3:GetBucket", "use s3:ListBucket", true},
		{"nosuchservice:Anything", "", false},
		{"*", "", false},
	} {
		hint, unknown := policy.UnknownAction(c.action)
		if unknown != c.unknown || !strings.HasPrefix(hint, c.hint) || c.hint == "" && hint != "" {
			t.Errorf("UnknownAction(%q): got %q, %v, want %q, %v", c.action, hint, unknown, c.hint, c.unknown)
		}
	}
}
