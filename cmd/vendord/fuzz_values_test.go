package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/vendord/vendord/control"
)

// FuzzLifetime reads any --ttl: what is taken is positive, is what its own form
// in help says, and is what a slow reader of days says.
func FuzzLifetime(f *testing.F) {
	for _, text := range []string{"12h", "30d", "366d", "367d", "0d", "-1d", "+1d", "1.5h", "1h30m", "9999999h", "1e3d", "٣d", " 1d", "1d ", "0x10d", "1ns", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var l lifetime
		if err := l.Set(text); err != nil {
			if l != 0 || strings.ContainsFunc(err.Error(), func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("Set(%q): got %v and %q", text, time.Duration(l), err)
			}
			return
		}
		if l <= 0 {
			t.Errorf("Set(%q): got %v", text, time.Duration(l))
		}
		if days, ok := strings.CutSuffix(text, "d"); ok {
			if n, err := strconv.ParseUint(strings.TrimPrefix(days, "+"), 10, 9); err != nil || time.Duration(l) != time.Duration(n)*24*time.Hour {
				t.Errorf("Set(%q): got %v, want %s days", text, time.Duration(l), days)
			}
		}
		if time.Duration(l) > 366*24*time.Hour {
			return // the daemon refuses it, in words of its own
		}
		var again lifetime
		if err := again.Set(l.String()); err != nil || again != l && l%lifetime(time.Second) == 0 {
			t.Errorf("Set(%q): got %v, whose form %q reads as %v, %v", text, time.Duration(l), l.String(), time.Duration(again), err)
		}
	})
}

// FuzzPort gives the daemon any kept port: what is taken is one, in the form in
// which it is written.
func FuzzPort(f *testing.F) {
	for _, text := range []string{"9797\n", "0", "65536", "+1", "-1", " 80 ", "0x50", "80\n81", "", "٨٠", "1_0", "00080", strings.Repeat("0", 5000) + "1"} {
		f.Add([]byte(text))
	}
	port := regexp.MustCompile(`^0*[1-9][0-9]{0,4}$`)
	path := filepath.Join(f.TempDir(), "port")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		got, ok := readPort(path)
		n, err := strconv.Atoi(got)
		if want := port.MatchString(strings.TrimSpace(string(text))) && err == nil && n <= 65535; ok != want {
			t.Errorf("readPort of %q: got %q, %t", text, got, ok)
		}
	})
}

// FuzzQuoting quotes any value for each shell. A slow and obvious reader of that
// shell's single quotes reads one word, and it is the value.
func FuzzQuoting(f *testing.F) {
	for _, value := range []string{"", "vnd_x", "it's", `\`, `\'`, `'\''`, "$(x)`x`\n", "''", `a\\'b`} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if strings.Contains(value, "\x00") {
			return // no variable has one
		}
		for shell, read := range map[string]func(string) (string, bool){"sh": unquoteSh, "fish": unquoteFish, "powershell": unquotePowershell} {
			line := shellWriters[shell].set("NAME", value)
			start := strings.Index(line, "'")
			if shell == "powershell" && !utf8.ValidString(value) {
				continue // it reads UTF-16
			}
			if got, one := read(line[start:]); !one || got != value {
				t.Errorf("%s: %q reads as %q, one word %t", shell, line, got, one)
			}
		}
	})
}

// unquoteSh reads one word of POSIX's shell: '…' holds all but a quote, and a
// backslash outside keeps the character after it.
func unquoteSh(line string) (word string, one bool) {
	for line != "" {
		switch line[0] {
		case '\'':
			inside, rest, closed := strings.Cut(line[1:], "'")
			if !closed {
				return word, false
			}
			word, line = word+inside, rest
		case '\\':
			if len(line) < 2 || line[1] != '\'' {
				return word, false
			}
			word, line = word+line[1:2], line[2:]
		default:
			return word, false
		}
	}
	return word, true
}

// unquoteFish: inside its single quotes \' and \\ are what follows the
// backslash, and every other backslash is itself.
func unquoteFish(line string) (word string, one bool) {
	var b strings.Builder
	for i := 1; i < len(line); i++ {
		switch {
		case line[i] == '\'':
			return b.String(), i == len(line)-1
		case line[i] == '\\' && i+1 < len(line) && (line[i+1] == '\'' || line[i+1] == '\\'):
			i++
			fallthrough
		default:
			b.WriteByte(line[i])
		}
	}
	return b.String(), false
}

// unquotePowershell: a quote is written twice, and so is each of the four
// typographic ones that PowerShell takes for the same.
func unquotePowershell(line string) (word string, one bool) {
	runes := []rune(line)
	quote := func(i int) bool { return i < len(runes) && strings.ContainsRune("'\u2018\u2019\u201a\u201b", runes[i]) }
	var b strings.Builder
	for i := 1; i < len(runes); i++ {
		switch {
		case quote(i) && quote(i+1):
			i++
			fallthrough
		case !quote(i):
			b.WriteRune(runes[i])
		default:
			return b.String(), i == len(runes)-1
		}
	}
	return b.String(), false
}

// FuzzStatus prints the status, and the list, that any daemon answers.
func FuzzStatus(f *testing.F) {
	f.Add([]byte(`{"version":"1","sessions":[{"profiles":["p"],"state":"failed","last":{"class":"retry","message":"x","hint":"y"}}]}`))
	f.Add([]byte(`{"sessions":[{"last":null},{}],"apps":[{}],"profiles":[{"duration_ns":-1}],"refusals":[{}],"warnings":[""]}`))
	f.Add([]byte(`{"started":"0001-01-01T00:00:00Z","sessions":[{"expires":"9999-12-31T23:59:59Z"}]}`))
	f.Add([]byte(`{"you":"\u001b[2J","apps":[{"name":"\u009b","profiles":["\t\n"]}]}`))
	out, err := os.Create(filepath.Join(f.TempDir(), "out"))
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { out.Close() })
	f.Fuzz(func(t *testing.T, text []byte) {
		var s control.Status
		if json.Unmarshal(text, &s) != nil {
			return
		}
		if err := out.Truncate(0); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Seek(0, 0); err != nil {
			t.Fatal(err)
		}
		p := &program{stdout: &output{File: out}, stderr: out}
		if err := p.printStatus(s, time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)); err != nil {
			t.Errorf("printStatus of %q: %v", text, err)
		}
		if err := p.printList(s); err != nil {
			t.Errorf("printList of %q: %v", text, err)
		}
		printed, err := os.ReadFile(out.Name())
		if err != nil || len(printed) > 100*len(text)+10_000 {
			t.Errorf("the status %q: printed %d bytes, %v", text, len(printed), err)
		}
	})
}
