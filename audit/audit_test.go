package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/audit"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 123_456_789, time.FixedZone("CET", 3600))

// memory is an Out that keeps what it gets, and each Write apart.
type memory struct {
	mu     sync.Mutex
	writes []string
}

func (m *memory) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes = append(m.writes, string(p))
	return len(p), nil
}

func (m *memory) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.writes, "")
}

func (m *memory) lines() []string {
	text := m.text()
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// lineOf returns the line that a Log of its own writes for e.
func lineOf(t *testing.T, e audit.Event) string {
	t.Helper()
	var out bytes.Buffer
	log := audit.New(audit.Config{Out: &out})
	log.Record(&e, nil)
	if err := log.Flush(); err != nil {
		t.Fatalf("Flush: %v", err)
	}
	return out.String()
}

func TestLineOfAVend(t *testing.T) {
	got := lineOf(t, audit.Event{
		Time: noon, Path: "/v1/credentials", Endpoint: "imds", Listen: "127.0.0.1:9254", App: "uploader", How: "token", User: "john", TokenID: "t7",
		Profile: "company1-hr-upload", RoleARN: "arn:aws:iam::629470240201:role/JohnUploadRole", SessionName: "john-uploader",
		KeyID: "ASIAEXAMPLE", Expires: noon.Add(time.Hour), Minted: true, Status: 200, Agent: "Go-http-client/1.1",
	})
	want := `{"time":"2026-11-21T11:00:00.123Z","id":1,"path":"/v1/credentials","endpoint":"imds","listen":"127.0.0.1:9254","app":"uploader","how":"token","user":"john","token":"t7",` +
		`"profile":"company1-hr-upload","role":"arn:aws:iam::629470240201:role/JohnUploadRole","session":"john-uploader",` +
		`"key":"ASIAEXAMPLE","expires":"2026-11-21T12:00:00.123Z","minted":true,"status":200,"agent":"Go-http-client/1.1"}` + "\n"
	if got != want {
		t.Errorf("line:\ngot  %swant %s", got, want)
	}
}

func TestLineOfARefusal(t *testing.T) {
	got := lineOf(t, audit.Event{
		Time: noon, Path: "/v1/credentials/x", Status: 401, Code: "NotRecognized", Message: "token: unknown", Hint: "issue one",
	})
	want := `{"time":"2026-11-21T11:00:00.123Z","id":1,"path":"/v1/credentials/x","status":401,` +
		`"code":"NotRecognized","message":"token: unknown","hint":"issue one"}` + "\n"
	if got != want {
		t.Errorf("line:\ngot  %swant %s", got, want)
	}
}

func TestLineReadsBackAsItsEvent(t *testing.T) {
	want := audit.Event{
		Time: noon.UTC().Truncate(time.Millisecond), ID: 1, Path: "/p", App: "a", How: "h", User: "u", TokenID: "t", Profile: "p",
		RoleARN: "r", SessionName: "s", Narrowed: true, KeyID: "k", Expires: noon.UTC().Truncate(time.Second), Minted: true, Status: 200,
		Code: "c", Message: "m", Hint: "do", Agent: "g",
	}
	var got audit.Event
	if err := json.Unmarshal([]byte(lineOf(t, want)), &got); err != nil {
		t.Fatalf("Unmarshal: %v", err)
	}
	if got != want {
		t.Errorf("read back:\ngot  %+v\nwant %+v", got, want)
	}
}

func TestLineEscapes(t *testing.T) {
	for _, test := range []struct{ name, agent, want string }{
		{"a quote and a backslash", `a"b\c`, `a\"b\\c`},
		{"a newline that would fake a line", "x\n{\"time\":", `x\u000a{\"time\":`},
		{"an escape sequence for a terminal", "\x1b]0;owned\a", `\u001b]0;owned\u0007`},
		{"the same in one C1 control", "\u009b2J", `\u009b2J`},
		{"delete", "\x7f", `\u007f`},
		{"text turned right to left", "\u202egnp.exe", `\u202egnp.exe`},
		{"a line separator of JavaScript's", "\u2028", `\u2028`},
		{"bytes that are no UTF-8", "a\xff\xc3b", `a\ufffd\ufffdb`},
		{"half a surrogate pair in UTF-8", "\xed\xa0\x80", `\ufffd\ufffd\ufffd`},
		{"the replacement character itself", "\ufffd", "\ufffd"},
		{"a private character beyond 16 bits", "\U000f0000", `\udb80\udc00`},
		{"letters and pictures stay", "Zoë 日本 🦊 <&>", "Zoë 日本 🦊 <&>"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, want := lineOf(t, audit.Event{Agent: test.agent}), `"agent":"`+test.want+`"}`; !strings.Contains(got, want) {
				t.Errorf("line: got %s, want %s in it", got, want)
			}
		})
	}
}

func TestLineCutsWhatStrangersSay(t *testing.T) {
	for _, test := range []struct{ name, agent, want string }{
		{"at 200 bytes", strings.Repeat("a", 5000), strings.Repeat("a", 200)},
		{"between characters", strings.Repeat("a", 199) + "日", strings.Repeat("a", 199)},
		{"somewhere where there are none", strings.Repeat("\x80", 300), strings.Repeat(`\ufffd`, 200)},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := lineOf(t, audit.Event{Agent: test.agent, Path: test.agent})
			for _, key := range []string{"agent", "path"} {
				if want := `"` + key + `":"` + test.want + `"`; !strings.Contains(got, want) {
					t.Errorf("line: got %s, want %s in it", got, want)
				}
			}
		})
	}
}

func FuzzLine(f *testing.F) {
	f.Add("/v1/credentials", "app", "message", "agent")
	f.Add("\x00\x1f\x7f\u0080\u2028\ufeff", `"\`, "\xff\xed\xa0\x80", "\U0010ffff\n")
	f.Add(strings.Repeat("é", 150), "}\n{", "</script>", strings.Repeat("\xf0\x9f\xa6", 90))
	f.Fuzz(func(t *testing.T, path, app, message, agent string) {
		line := lineOf(t, audit.Event{Time: noon, Path: path, App: app, Message: message, Agent: agent, Status: 403})
		if n := strings.Count(line, "\n"); n != 1 || !strings.HasSuffix(line, "\n") {
			t.Fatalf("line %q: got %d newlines, want one, at the end", line, n)
		}
		if i := strings.IndexFunc(line, func(r rune) bool { return r != '\n' && (r < ' ' || r >= 0x7f && r <= 0x9f) }); i >= 0 {
			t.Fatalf("line %q: a control character at %d", line, i)
		}
		var got audit.Event
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("line %q: %v", line, err)
		}
		whole := func(name, got, sent string) {
			if want := valid(sent); got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
		whole("app", got.App, app)
		whole("message", got.Message, message)
		start := func(name, got, sent string) {
			if want := valid(sent); !strings.HasPrefix(want, got) || len(sent) <= 200 && got != want {
				t.Errorf("%s: got %q, want the start of %q", name, got, want)
			}
		}
		start("path", got.Path, path)
		start("agent", got.Agent, agent)
	})
}

// valid is s as any JSON reader gets it: each wrong byte a U+FFFD.
func valid(s string) string { return string([]rune(s)) }

// TestRecordGivesIdsInTheOrderOfLines runs where time stands still as long as
// anybody has something to do: no machine is so slow that lines are lost.
func TestRecordGivesIdsInTheOrderOfLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out := new(memory)
		log := audit.New(audit.Config{Out: out})
		done := run(t, log)
		const writers, each = 50, 2000
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					e := audit.Event{Time: noon, App: fmt.Sprint("app-", w), SessionName: fmt.Sprint(i), Status: 200}
					log.Record(&e, nil)
				}
			})
		}
		wg.Wait()
		done()
		lines := out.lines()
		if len(lines) != writers*each {
			t.Fatalf("lines: got %d, want %d", len(lines), writers*each)
		}
		seen := make(map[string]bool)
		for i, line := range lines {
			var e audit.Event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("line %d %q: %v", i, line, err)
			}
			if e.ID != uint64(i+1) {
				t.Fatalf("line %d: got id %d", i, e.ID)
			}
			seen[e.App+"/"+e.SessionName] = true
		}
		if len(seen) != writers*each {
			t.Errorf("events: got %d different ones, want %d", len(seen), writers*each)
		}
	})
}

func TestRecordAllocatesNothing(t *testing.T) {
	log := audit.New(audit.Config{Out: new(nowhere)})
	got := testing.AllocsPerRun(1000, func() {
		e := audit.Event{Time: noon, Path: "/v1/credentials", App: "uploader", KeyID: "ASIA", Expires: noon, Status: 200, Agent: "x"}
		log.Record(&e, nil)
		_ = log.Flush()
	})
	if got > 0 {
		t.Errorf("Record: got %v allocations, want none", got)
	}
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkRecord(b *testing.B) {
	log := audit.New(audit.Config{Out: nowhere{}})
	run(b, log)
	b.ReportAllocs()
	for b.Loop() {
		e := audit.Event{
			Time: noon, Path: "/v1/credentials", App: "uploader", How: "token", User: "john", TokenID: "t7",
			Profile: "company1-hr-upload", RoleARN: "arn:aws:iam::629470240201:role/JohnUploadRole", SessionName: "john-uploader",
			KeyID: "ASIAEXAMPLE", Expires: noon, Status: 200, Agent: "Go-http-client/1.1",
		}
		log.Record(&e, nil)
	}
}
