package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
)

func TestRecordInWords(t *testing.T) {
	for _, test := range []struct {
		state    control.RecordState
		want     string
		warnings []string
	}{
		{control.RecordState{File: "/var/log/a", Lines: 7}, "/var/log/a", nil},
		{control.RecordState{File: "/var/log/a", Journal: true, Required: true}, "/var/log/a, and the journal (required)", nil},
		{control.RecordState{Journal: true}, "the journal", nil},
		{control.RecordState{File: "-"}, "standard output", nil},
		{control.RecordState{File: "/a", Failing: "no space left on device", Lost: 3}, "/a",
			[]string{"record: cannot be written, vending goes on: no space left on device", "record: lines lost since the start: 3"}},
		{control.RecordState{File: "/a", Required: true, Failing: "no space left on device"}, "/a (required)",
			[]string{"record: cannot be written, so nothing is vended ([audit] required): no space left on device"}},
		{control.RecordState{File: "/a", Journal: true, JournalFailing: "connection refused", JournalLost: 2}, "/a, and the journal",
			[]string{"record: the journal cannot be written, the file is: connection refused", "record: lines that the journal did not take: 2"}},
		{control.RecordState{File: "/a", Trouble: "audit log: /a: cannot be renamed"}, "/a", []string{"record: audit log: /a: cannot be renamed"}},
	} {
		if got := recordInWords(&test.state); got != test.want {
			t.Errorf("recordInWords(%+v): got %q, want %q", test.state, got, test.want)
		}
		if got := recordWarnings(&test.state); !slices.Equal(got, test.warnings) {
			t.Errorf("recordWarnings(%+v): got %q, want %q", test.state, got, test.warnings)
		}
	}
}

func TestRecordThatIsInNoFile(t *testing.T) {
	_, err := readable("")
	if want := "record: it goes to the journal alone"; err == nil || err.Error() != want || hintOf(err) != "journalctl -t vendord shows it, and journalctl VENDORD_KEY=ASIA… who had a key" {
		t.Errorf("readable: got %v, want %s", err, want)
	}
}

// What is there is appended to only if it is a record.
func TestRecordInAnotherFile(t *testing.T) {
	const line = `{"time":"2026-11-22T12:00:00.000Z","id":1,"status":200}`
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"none": "", "record": line + "\n", "torn": line[:20], "torn early": line[:3], "begun within a line": line[20:] + "\n" + line + "\n",
		"configuration": "[daemon]\nregion = \"eu-west-1\"\n", "credentials": "[default]\naws_access_key_id = x\n", "tokens": "{\n  \"version\": 3\n}"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, strings.ReplaceAll(name, " ", "-"))
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			r, err := (&program{}).record(profiles.Audit{File: path})
			r.close()
			want := ""
			if name == "configuration" || name == "credentials" || name == "tokens" {
				want = "audit log: " + path + ": is there, and is no record"
			}
			if errOrNone(err) != want || want != "" && hintOf(err) != "name a file of its own, or move that one away" {
				t.Errorf("record: got %v, hint %q, want %q", err, hintOf(err), want)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != text {
				t.Errorf("the file: got %q, %v, want it left alone", got, err)
			}
		})
	}
}

func errOrNone(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestSince(t *testing.T) {
	now := time.Date(2026, 11, 22, 14, 5, 6, 0, time.Local)
	for text, want := range map[string]time.Time{
		"": {}, "2h": now.Add(-2 * time.Hour), "7d": now.AddDate(0, 0, -7), "2026-11-20": time.Date(2026, 11, 20, 0, 0, 0, 0, time.Local),
		"2026-11-20T10:30": time.Date(2026, 11, 20, 10, 30, 0, 0, time.Local), "2026-11-20 10:30:15": time.Date(2026, 11, 20, 10, 30, 15, 0, time.Local),
		"2026-11-20T10:30:15Z": time.Date(2026, 11, 20, 10, 30, 15, 0, time.UTC),
	} {
		if got, err := sinceWhen(text, now); err != nil || !got.Equal(want) {
			t.Errorf("sinceWhen(%q): got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"-2h", "0s", "0d", "tomorrow", "22.11.2026", "2026-13-01"} {
		if _, err := sinceWhen(text, now); !errors.As(err, new(usageError)) {
			t.Errorf("sinceWhen(%q): got %v, want a wrong command line", text, err)
		}
	}
}

func TestWhereSomebodyAsked(t *testing.T) {
	for want, at := range map[string]control.At{"": {}, "at ecs": {Endpoint: "ecs"}, "at imds 127.0.0.1:9254": {Endpoint: "imds", Listen: "127.0.0.1:9254"}} {
		if got := atInWords(at); got != want {
			t.Errorf("atInWords(%+v): got %q, want %q", at, got, want)
		}
	}
}

func TestRowsOfARecord(t *testing.T) {
	at := time.Date(2026, 11, 22, 14, 5, 6, 0, time.Local)
	for _, test := range []struct {
		line audit.Line
		want string
	}{
		{audit.Line{Event: audit.Event{App: "claude", User: "agent", Profile: "ro", PID: 7, Exe: "/usr/bin/aws", Unit: "w.service", KeyID: "ASIA1", Expires: at, Minted: true, Status: 200, Endpoint: "ecs"}},
			"claude|agent|ro|aws[7], w.service|ecs|ASIA1 until 14:05:06, minted"},
		{audit.Line{Event: audit.Event{UID: "1001", From: "172.18.0.2", Container: strings.Repeat("ab", 32), Status: 401, Code: "NotRecognized", Message: "token: unknown", Near: "user is john", Unrecorded: 3, Endpoint: "imds", Listen: "127.0.0.1:9254"}},
			"-|#1001|-|container abababababab, from 172.18.0.2|imds 127.0.0.1:9254|refused, 401 NotRecognized: token: unknown (user is john) (and 3 more like it)"},
		{audit.Line{Event: audit.Event{App: "a\x1b[2J\n", PID: 7, Status: 403, Message: "\u202e"}}, `a\x1b[2J\n|-|-|?[7]|-|refused, 403 : \u202e`},
		{audit.Line{Event: audit.Event{User: strings.Repeat("ü", 100)}}, "-|" + strings.Repeat("ü", 43) + "…|-|-|-|refused, 0 : "},
		{audit.Line{Lost: 3}, "-|-|-|-|-|3 lines lost: the record could not be written"},
	} {
		test.line.Time = at
		got := recordRow(&test.line)
		if got[0] != "2026-11-22 14:05:06" || strings.Join(got[1:], "|") != test.want {
			t.Errorf("recordRow: got %q, want %q", got, test.want)
		}
	}
}
