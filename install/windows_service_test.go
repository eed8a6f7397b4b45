package install_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/install"
)

// argv splits a command line by the rules of Microsoft's documentation of
// CommandLineToArgvW: the first word ends at a quotation mark or white space, with
// no escapes; in the others 2n backslashes before a mark are n and the mark quotes,
// 2n+1 are n and the mark is itself, and "" between two marks is a mark.
func argv(line string) (words []string) {
	if rest, quoted := strings.CutPrefix(line, `"`); quoted {
		name, after, _ := strings.Cut(rest, `"`)
		words, line = append(words, name), after
	} else {
		end := strings.IndexAny(line+" ", " \t")
		words, line = append(words, line[:end]), line[end:]
	}
	for line = strings.TrimLeft(line, " \t"); line != ""; line = strings.TrimLeft(line, " \t") {
		var word string
		word, line = argument(line)
		words = append(words, word)
	}
	return words
}

func argument(line string) (word, rest string) {
	quoted := false
	for i := 0; i < len(line); {
		slashes := len(line[i:]) - len(strings.TrimLeft(line[i:], `\`))
		i += slashes
		switch {
		case i < len(line) && line[i] == '"':
			word += strings.Repeat(`\`, slashes/2)
			switch {
			case slashes%2 == 1:
				word += `"`
			case quoted && strings.HasPrefix(line[i+1:], `"`):
				word, i = word+`"`, i+1
			default:
				quoted = !quoted
			}
			i++
		case i < len(line) && !quoted && (line[i] == ' ' || line[i] == '\t'):
			return word + strings.Repeat(`\`, slashes), line[i:]
		default:
			word += strings.Repeat(`\`, slashes)
			if i < len(line) {
				word += line[i : i+1]
				i++
			}
		}
	}
	return word, ""
}

// TestArgv holds the reader of these tests against the examples of Microsoft's
// documentation.
func TestArgv(t *testing.T) {
	for line, want := range map[string][]string{
		`v "a b c" d e`:          {"v", "a b c", "d", "e"},
		`v "ab\"c" "\\" d`:       {"v", `ab"c`, `\`, "d"},
		`v a\\\b d"e f"g h`:      {"v", `a\\\b`, "de fg", "h"},
		`v a\\\"b c d`:           {"v", `a\"b`, "c", "d"},
		`v a\\\\"b c" d e`:       {"v", `a\\b c`, "d", "e"},
		`v "a""b" c`:             {"v", `a"b`, "c"},
		`"C:\a b\" \ c`:          {`C:\a b\`, `\`, "c"},
		`C:\a\v.exe	x`:           {`C:\a\v.exe`, "x"},
		`"v" "a\\" "" b\ "c d\"`: {"v", `a\`, "", `b\`, `c d"`},
	} {
		if got := argv(line); !slices.Equal(got, want) {
			t.Errorf("argv(%s): got %q, want %q", line, got, want)
		}
	}
}

func FuzzWindows(f *testing.F) {
	f.Add(`Program Files\vendord\vendord.exe`, `ProgramData\a b\`)
	f.Add(`v.exe`, `a\\\\b \`)
	f.Add(`it's & ^so`, `\ `)
	f.Fuzz(func(t *testing.T, binary, config string) {
		binary, config = `C:\`+binary, `D:\`+config
		line, err := kinds["Windows"](install.Service{System: true, Binary: binary, Config: config})
		if err != nil {
			return
		}
		want := []string{binary, "serve", "--system", "--config", config, "--windows-service"}
		if got := argv(line); !slices.Equal(got, want) {
			t.Errorf("argv(%s): got %q, want %q", line, got, want)
		}
		if got := split(line); !slices.Equal(got, want) {
			t.Errorf("split(%s): Windows got %q, want %q", line, got, want)
		}
		if strings.Contains(line, "%") {
			t.Errorf("command line: got %q, in which Windows puts variables", line)
		}
	})
}

func TestWindows(t *testing.T) {
	got, err := install.Service{System: true, Binary: `C:\Program Files\vendord\vendord.exe`, Config: `C:\ProgramData\vendord\vendord.toml`}.Windows()
	if err != nil {
		t.Fatal(err)
	}
	if want := `"C:\Program Files\vendord\vendord.exe" serve --system --config C:\ProgramData\vendord\vendord.toml --windows-service`; got.CommandLine != want {
		t.Errorf("command line: got %s, want %s", got.CommandLine, want)
	}
	if got.Account != `NT SERVICE\vendord` || !slices.Equal(got.Privileges, []string{"SeChangeNotifyPrivilege"}) {
		t.Errorf("rights: got %q and %q, want a virtual account that may pass through directories", got.Account, got.Privileges)
	}
	if !got.DelayedStart || len(got.Restarts) != 3 || got.ResetAfter == 0 {
		t.Errorf("starts: got %+v, want a delayed one, and three more after failures", got)
	}
	if !strings.Contains(got.Description, install.Marker) {
		t.Errorf("description: got %q, want %q in it", got.Description, install.Marker)
	}
}
