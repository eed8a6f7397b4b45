package audit_test

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/session"
)

func textLog(out io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(out, nil)) }

// recordFile writes lines to a file.
func recordFile(t *testing.T, lines ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// keysOf reads a record's keys in the order in which a reader finds them.
func keysOf(t *testing.T, path string, q audit.Query) (keys []string, r *audit.Reader) {
	t.Helper()
	r = &audit.Reader{Query: q}
	if err := r.Run(t.Context(), path, func(l *audit.Line) error { keys = append(keys, l.KeyID); return nil }); err != nil {
		t.Fatalf("Run: %v", err)
	}
	return keys, r
}

func keyLine(t *testing.T, key string) string {
	e := vended()
	e.KeyID = key
	return lineOf(t, e)
}

func TestReaderFindsWhatIsAskedFor(t *testing.T) {
	refused := func(app, user string) string {
		return lineOf(t, audit.Event{Time: noon, App: app, User: user, UID: "501", Status: 403, Code: "ProfileRefused"})
	}
	at := func(hours int, key string) string {
		e := vended()
		e.Time, e.KeyID = noon.Add(time.Duration(hours)*time.Hour), key
		return lineOf(t, e)
	}
	path := recordFile(t, at(0, "K0"), at(1, "K1"), refused("other", ""), refused("uploader", `a "b"`), at(2, "K2"), at(2, "K2"),
		`{"time":"2026-11-21T11:00:00.123Z","lost":5}`+"\n",
		`{"app":"uploader","key":"K3","time":"2026-11-21T20:00:00Z","status":200}`+"\n") // as somebody else would write it
	for _, test := range []struct {
		name  string
		query audit.Query
		want  string
	}{
		{"everything", audit.Query{}, "K0 K1 - - K2 K2 - K3"},
		{"an app's", audit.Query{App: "uploader"}, "K0 K1 - K2 K2 K3"},
		{"another app's", audit.Query{App: "other"}, "-"},
		{"nobody's", audit.Query{App: "up"}, ""},
		{"a user's", audit.Query{User: "john"}, "K0 K1 K2 K2"},
		{"a user's whose name needs escapes", audit.Query{User: `a "b"`}, "-"},
		{"a user's, by number", audit.Query{User: "#501"}, "K0 K1 - - K2 K2"},
		{"a key", audit.Query{Key: "K2"}, "K2 K2"},
		{"a key, and not one that begins like it", audit.Query{Key: "K"}, ""},
		{"from a time on", audit.Query{Since: noon.Add(time.Hour)}, "K1 K2 K2 K3"},
		{"later than all", audit.Query{Since: noon.Add(24 * time.Hour)}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			keys, r := keysOf(t, path, test.query)
			for i := range keys {
				if keys[i] == "" {
					keys[i] = "-"
				}
			}
			if got := strings.Join(keys, " "); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
			if r.Read != 8 || r.Broken > 1 { // of the last, where it is not looked at, nobody knows
				t.Errorf("got %d read, %d broken, want 8 and none", r.Read, r.Broken)
			}
		})
	}
}

func TestReaderSkipsWhatIsBroken(t *testing.T) {
	path := recordFile(t, "\n", "[1]\n", "null\n", `{"status":200}`+"\n", `{"time":"yesterday"}`+"\n", "\x00\xff\n", `{"time":"2026-11-21T11:00:00Z","lost":-1}`+"\n",
		strings.Repeat("x", 200<<10)+"\n", `{"time":"2026-11-21T11:00:00Z","agent":"`+strings.Repeat("x", 100<<10)+`"}`+"\n",
		keyLine(t, "K1"), keyLine(t, "K2")[:100]+"\n", keyLine(t, "K3")[:50])
	keys, r := keysOf(t, path, audit.Query{})
	if !slices.Equal(keys, []string{"K1"}) || r.Read != 12 || r.Broken != 11 {
		t.Errorf("got %v, %d of %d broken, want K1, 11 of 12", keys, r.Broken, r.Read)
	}
}

func TestReaderRefuses(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ name, path, want, hint string }{
		{"a file that is not there", dir + "/none", "record: " + dir + "/none: cannot be read: file does not exist", "is it the file that vendord writes? vendord status shows it"},
		{"a directory", dir, "record: " + dir + ": cannot be read: is no regular file", "is it the file that vendord writes? vendord status shows it"},
	} {
		err := new(audit.Reader).Run(t.Context(), test.path, func(*audit.Line) error { return nil })
		if e, ok := errors.AsType[*session.Error](err); !ok || e.Public != test.want || e.Hint != test.hint {
			t.Errorf("%s: got %v, want %s", test.name, err, test.want)
		}
	}
}

// Nearly all lines are read without encoding/json.
func TestMostLinesArePlain(t *testing.T) {
	e := vended()
	e.PID, e.Exe, e.Unit, e.Container, e.From, e.Near = 7, "/usr/bin/aws", "worker@1.service", strings.Repeat("ab", 32), "172.18.0.2", "n"
	e.Listen = "127.0.0.1:9254"
	e.Code, e.Message, e.Hint, e.Unrecorded, e.Narrowed = "c", "m", "h", 3, true
	line := strings.TrimSuffix(lineOf(t, e), "\n")
	got, ok := audit.ParsePlain(line)
	e.ID, e.Time, e.Expires = 1, got.Time, got.Expires
	if !ok || got.Event != e {
		t.Errorf("ParsePlain(%s): got %+v, %t", line, got, ok)
	}
}

// What a line says is written again as we write it. The second is of a version that did
// not say at which endpoint it was asked.
func TestLineAppends(t *testing.T) {
	for _, want := range []string{lineOf(t, vended()), `{"time":"2026-11-21T11:00:00.123Z","id":1,"path":"/p","app":"a","status":401}` + "\n", `{"time":"2026-11-21T11:00:00.123Z","lost":5}` + "\n"} {
		l, err := audit.ParseLine([]byte(strings.TrimSuffix(want, "\n")))
		if got := string(l.Append(nil)); err != nil || got != want {
			t.Errorf("Append: got %q, %v, want %q", got, err, want)
		}
	}
}

func TestKeyUse(t *testing.T) {
	use := new(audit.KeyUse)
	for i, pid := range []int{7, 8, 7, 7} {
		e := vended()
		e.Time, e.PID, e.Exe = noon.Add(time.Duration(i)*time.Minute), pid, "/usr/bin/aws"
		use.Add(&audit.Line{Event: e})
	}
	if use.Times != 4 || use.Key != "ASIAEXAMPLE" || !use.First.Equal(noon) || !use.Last.Equal(noon.Add(3*time.Minute)) ||
		!use.Expires.Equal(noon.Add(time.Hour)) || !slices.Equal(use.Profiles, []string{"company1-hr-upload"}) || len(use.Programs) != 2 {
		t.Fatalf("KeyUse: got %+v", use)
	}
	for i, want := range []struct{ pid, times, first, last int }{{7, 3, 0, 3}, {8, 1, 1, 1}} {
		got := use.Programs[i]
		if got.PID != want.pid || got.Times != want.times || got.Exe != "/usr/bin/aws" || got.App != "uploader" ||
			!got.First.Equal(noon.Add(time.Duration(want.first)*time.Minute)) || !got.Last.Equal(noon.Add(time.Duration(want.last)*time.Minute)) {
			t.Errorf("program %d: got %+v, want %+v", i, got, want)
		}
	}
}

// Programs are told apart as far as memory allows.
func TestKeyUseIsBounded(t *testing.T) {
	use := new(audit.KeyUse)
	for pid := range 20_000 {
		e := vended()
		e.PID = pid
		use.Add(&audit.Line{Event: e})
	}
	if len(use.Programs) != 10_000 || use.More != 10_000 || use.Times != 20_000 {
		t.Errorf("KeyUse: got %d programs, %d more, %d times, want 10,000, 10,000, 20,000", len(use.Programs), use.More, use.Times)
	}
}

func FuzzParseLine(f *testing.F) {
	for _, seed := range []string{`{"time":"2026-11-21T11:00:00.123Z","lost":5}`, `{"time":"2026-11-21T11:00:00Z","id":1,"uid":501,"pid":-3,"app":"\u001b[2J","status":200}`, `{}`, `{"time":"9999-12-31T23:59:59.999999999-23:59"}`} {
		f.Add([]byte(seed))
	}
	f.Add([]byte(`{"time":"2026-11-21T11:00:00.123Z","id":1,"path":"/p","uid":501,"minted":false,"narrowed":true,"status":200,"expires":"2026-11-21T11:00:00+01:00"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if quick, ok := audit.ParsePlain(string(text)); ok { // then it is what encoding/json makes of it
			var slow audit.Line
			if err := json.Unmarshal(text, &slow); err != nil || !quick.Time.Equal(slow.Time) || !quick.Expires.Equal(slow.Expires) {
				t.Fatalf("%q: encoding/json says %v, %v", text, slow, err)
			}
			if quick.Time, quick.Expires = slow.Time, slow.Expires; quick != slow {
				t.Fatalf("%q: got %+v, encoding/json %+v", text, quick, slow)
			}
		}
		l, err := audit.ParseLine(text)
		if err != nil {
			return
		}
		again := l.Append(nil)
		if i := slices.IndexFunc(again[:len(again)-1], func(b byte) bool { return b < ' ' || b == 0x7f }); i >= 0 {
			t.Errorf("Append: got %q, which a terminal obeys", again)
		}
		second, err := audit.ParseLine(again[:len(again)-1])
		if err != nil {
			t.Fatalf("ParseLine of %q: %v", again, err)
		}
		if got := second.Append(nil); string(got) != string(again) {
			t.Errorf("Append: got %q, then %q", again, got)
		}
	})
}

// A reader's speed, over lines of which all are wanted, and one that is not.
func BenchmarkReader(b *testing.B) {
	e := vended()
	e.PID, e.Exe, e.Unit = 1234, "/usr/bin/python3.13", "worker.service"
	log := audit.New(audit.Config{Out: nowhere{}})
	_ = log.Record(&e, nil)
	line := (&audit.Line{Event: e}).Append(nil)
	path := filepath.Join(b.TempDir(), "audit.log")
	text := strings.Repeat(string(line), 20_000)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	for name, q := range map[string]audit.Query{"all": {}, "key": {Key: "ASIAANOTHER"}} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r := &audit.Reader{Query: q}
				if err := r.Run(b.Context(), path, func(*audit.Line) error { return nil }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
