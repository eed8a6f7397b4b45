package policy_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/vendord/vendord/policy"
)

var update = flag.Bool("update", false, "write testdata/bad/*.want anew, to be read before it is believed")

// TestBad compares all findings of each bad input, word for word. Options
// stand beside it in a file of their own where they are not the zero value.
func TestBad(t *testing.T) {
	for _, path := range glob(t, "testdata/bad/*.json") {
		base := strings.TrimSuffix(path, ".json")
		t.Run(filepath.Base(base), func(t *testing.T) {
			got := list(policy.Check(readFile(t, path), options(t, base+".options")))
			if *update {
				if err := os.WriteFile(base+".want", []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if want := string(readFile(t, base+".want")); got != want {
				t.Errorf("Check: got\n%swant\n%s", got, want)
			}
		})
	}
}

// list writes findings as the .want files have them.
func list(findings []policy.Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s %s\n", f.Level, f)
		if f.Hint != "" {
			fmt.Fprintf(&b, "    hint: %s\n", f.Hint)
		}
	}
	return b.String()
}

// options reads "operation=… arn-chars=… partition=…", in a file that need
// not exist.
func options(t *testing.T, path string) policy.Options {
	t.Helper()
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return policy.Options{}
	} else if err != nil {
		t.Fatal(err)
	}
	var o policy.Options
	for _, field := range strings.Fields(string(text)) {
		switch key, value, _ := strings.Cut(field, "="); key {
		case "operation":
			o.Operation = value
		case "partition":
			o.Partition = value
		case "arn-chars":
			if o.ARNChars, err = strconv.Atoi(value); err != nil {
				t.Fatal(err)
			}
		default:
			t.Fatalf("%s: unknown option %q", path, key)
		}
	}
	return o
}

// TestGood checks that policies as people write them give no findings.
func TestGood(t *testing.T) {
	for _, path := range glob(t, "testdata/good/*.json") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text := readFile(t, path)
			if got := policy.Check(text, policy.Options{}); got != nil {
				t.Errorf("Check: got\n%swant nothing", list(got))
			}
			parse(t, string(text))
		})
	}
}
