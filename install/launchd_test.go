package install_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/install"
)

// propertyArray reads one array of strings of a property list, and knows no more of
// them: <key>NAME</key><array><string>…
func propertyArray(text, name string) (values []string, err error) {
	var last string
	within := false
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return values, nil
		} else if err != nil {
			return nil, err
		}
		switch e := token.(type) {
		case xml.StartElement:
			var content string
			switch {
			case e.Name.Local == "array":
				within = last == name
				continue
			case e.Name.Local == "plist" || e.Name.Local == "dict":
				continue
			}
			if err := d.DecodeElement(&content, &e); err != nil {
				return nil, err
			}
			if e.Name.Local == "key" {
				last = content
			} else if within {
				values = append(values, content)
			}
		case xml.EndElement:
			within = within && e.Name.Local != "array"
		}
	}
}

func FuzzLaunchd(f *testing.F) {
	f.Add("usr/local/bin/vendord", "etc/vendord.toml")
	f.Add("a&b<c>\"d'", "]]></string>\u00e9\u2028\ufffd")
	f.Fuzz(func(t *testing.T, binary, config string) {
		binary, config = "/"+binary, "/"+config
		text, err := kinds["launchd"](install.Service{Binary: binary, Config: config, Home: "/Users/ann"})
		if err != nil {
			return
		}
		got, err := propertyArray(text, "ProgramArguments")
		if want := []string{binary, "serve", "--config", config}; err != nil || !slices.Equal(got, want) {
			t.Errorf("ProgramArguments: got %q and %v, want %q", got, err, want)
		}
	})
}

// plistlib reads property lists, one a line as a JSON string, and writes what
// it read of each.
const plistlib = `
import json, plistlib, sys
for line in sys.stdin:
    print(json.dumps(plistlib.loads(json.loads(line).encode())))
`

// readPlists has Python's plistlib, which has a parser of its own (expat), read them.
func readPlists(t *testing.T, texts []string) (read []map[string]any) {
	t.Helper()
	python, err := exec.LookPath("python3")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("python3 is not here")
	} else if err != nil {
		t.Fatal(err)
	}
	var in strings.Builder
	for _, text := range texts {
		if err := json.NewEncoder(&in).Encode(text); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(python, "-c", plistlib)
	cmd.Stdin, cmd.Stderr = strings.NewReader(in.String()), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("plistlib: %v", err)
	}
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var one map[string]any
		if err := d.Decode(&one); err != nil {
			t.Fatal(err)
		}
		read = append(read, one)
	}
	return read
}

func TestPlistlibReadsTheSame(t *testing.T) {
	const signs = "ab/ &<>\"'];[-!\\%$\u00e9\u0085\u2028\ufeff\ufffd\U0001f511"
	random := rand.New(rand.NewPCG(1, 2))
	odd := func() string {
		word := []rune("/")
		for range random.IntN(20) {
			word = append(word, []rune(signs)[random.IntN(len([]rune(signs)))])
		}
		return string(word)
	}
	var texts []string
	var services []install.Service
	for range 500 {
		s := install.Service{Binary: odd(), Config: odd(), Home: odd()}
		text, err := kinds["launchd"](s)
		if err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		texts, services = append(texts, text), append(services, s)
	}
	read := readPlists(t, texts)
	if len(read) != len(texts) {
		t.Fatalf("plistlib: read %d, want %d", len(read), len(texts))
	}
	for i, s := range services {
		want := []any{s.Binary, "serve", "--config", s.Config}
		if got, _ := read[i]["ProgramArguments"].([]any); !slices.Equal(got, want) {
			t.Errorf("ProgramArguments: plistlib got %q, want %q", got, want)
		}
		if got, _ := read[i]["StandardErrorPath"].(string); got != path.Join(s.Home, "Library/Logs/vendord.log") {
			t.Errorf("StandardErrorPath: plistlib got %q, want it below %q", got, s.Home)
		}
	}
}

// TestLaunchdKeys is what launchd is told, of a daemon and of an agent, as plistlib
// reads it.
func TestLaunchdKeys(t *testing.T) {
	daemon, err := kinds["launchd"](asService(install.Needs{}))
	if err != nil {
		t.Fatal(err)
	}
	agent, err := kinds["launchd"](install.Service{Binary: "/v", Home: "/Users/ann"})
	if err != nil {
		t.Fatal(err)
	}
	both := readPlists(t, []string{daemon, agent})
	for _, row := range []struct {
		key           string
		daemon, agent any
	}{
		{"Label", "com.github.vendord", "com.github.vendord"},
		{"RunAtLoad", true, true},
		{"ThrottleInterval", 1.0, 1.0},
		{"Umask", float64(0o77), float64(0o77)},
		{"UserName", "_vendord", nil},
		{"GroupName", "_vendord", nil},
		{"StandardErrorPath", "/Library/Logs/vendord.log", "/Users/ann/Library/Logs/vendord.log"},
	} {
		if both[0][row.key] != row.daemon || both[1][row.key] != row.agent {
			t.Errorf("%s: got %v and %v, want %v and %v", row.key, both[0][row.key], both[1][row.key], row.daemon, row.agent)
		}
	}
	for i := range both {
		if again, _ := both[i]["KeepAlive"].(map[string]any); again["SuccessfulExit"] != false {
			t.Errorf("KeepAlive: got %v, want it after a failure", again)
		}
		if limits, _ := both[i]["HardResourceLimits"].(map[string]any); limits["Core"] != 0.0 {
			t.Errorf("HardResourceLimits: got %v, want no core", limits)
		}
	}
}
