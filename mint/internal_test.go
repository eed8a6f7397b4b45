package mint

import (
	"strings"
	"testing"
	"time"
)

// FuzzParseProcess: whatever a command prints, it becomes whole credentials or
// a problem that quotes nothing of it.
func FuzzParseProcess(f *testing.F) {
	for _, seed := range []string{"", "{}", "null", `{"Version":1}`, `{"Version":1,"AccessKeyId":"A","SecretAccessKey":"B"}`,
		`{"version":1,"ACCESSKEYID":"A","SecretAccessKey":"B","SessionToken":"C","Expiration":"2030-01-01T00:00:00Z"}`,
		`{"Version":1,"AccessKeyId":"A","SecretAccessKey":"B","Expiration":"1999-01-01T00:00:00Z"}`, `{"Version":1e0}`, "\xff", `{"Version":1}{`} {
		f.Add([]byte(seed))
	}
	now := time.Date(2026, 11, 21, 21, 0, 0, 0, time.UTC)
	known := []string{"", "did not print the JSON of a credential_process", "printed another Version than 1", "printed no AccessKeyId",
		"printed no SecretAccessKey", "printed an Expiration that is not a time (RFC 3339)", "printed credentials that have expired"}
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, problem := parseProcess(text, now)
		if whole := keys.AccessKeyID != "" && keys.SecretAccessKey != ""; whole == (problem != "") {
			t.Errorf("parseProcess(%q): got whole credentials %v and problem %q", text, whole, problem)
		}
		if !strings.Contains("\n"+strings.Join(known, "\n")+"\n", "\n"+problem+"\n") {
			t.Errorf("parseProcess(%q): got problem %q, want a fixed one", text, problem)
		}
	})
}

// FuzzSections: the reader of section headers lives with any file.
func FuzzSections(f *testing.F) {
	for _, seed := range []string{"", "[profile a]\nsource_profile=b\n[profile b]\nsource_profile = a", "[", "[]", "[ profile  x ] # y\n=", "source_profile=x", "[default]"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, prefixed := range []bool{true, false} {
			found := sections{}
			found.scan(text, prefixed)
			for name := range found {
				found.circle(name)
				if hint := meant(name, found); hint == "" {
					t.Errorf("meant(%q): got no hint", name)
				}
			}
		}
	})
}

// FuzzClean: no foreign text can break a line or move a cursor.
func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", "plain", "a\x00b\x1b[2J", "\xff\xfe", "\u202e\u2028\u0085", strings.Repeat("é", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := quote(text)
		if n := len([]rune(got)); n > mostQuoted {
			t.Errorf("quote(%q): got %d characters", text, n)
		}
		if strings.ContainsAny(got, "\n\r\t\x1b\x00\u2028\u202e\u0085") {
			t.Errorf("quote(%q): got %q", text, got)
		}
	})
}

// AWS's clock is known to the second, from a moment between sent and received.
func TestSkew(t *testing.T) {
	sent := time.Date(2026, 11, 21, 12, 0, 0, 500_000_000, time.UTC)
	for _, row := range []struct {
		name     string
		date     string
		received time.Duration
		want     time.Duration
	}{
		{"the clocks agree", "12:00:00", 50 * time.Millisecond, 0},
		{"the answer took four seconds, or AWS is ahead by less", "12:00:02", 4 * time.Second, 1500 * time.Millisecond},
		{"a sleep on the way there", "14:00:00", 2 * time.Hour, 8 * time.Second},
		{"the same, and AWS is ahead", "14:00:02", 2 * time.Hour, 9500 * time.Millisecond},
		{"the answer was read after a sleep", "12:00:00", 2 * time.Hour, 0},
		{"a second behind, or only cut off", "11:59:59.5", time.Second, 0},
		{"three hours behind", "09:00:00", time.Second, -3*time.Hour - 500*time.Millisecond},
		{"three hours ahead", "15:00:01", time.Second, 3*time.Hour + 500*time.Millisecond},
		{"ahead, by the most that is possible", "12:00:09", 4 * time.Second, 8500 * time.Millisecond},
	} {
		date, err := time.Parse("2006-01-02 15:04:05", "2026-11-21 "+row.date)
		if err != nil {
			t.Fatal(err)
		}
		if got := skew(date, sent, sent.Add(row.received)); got != row.want {
			t.Errorf("%s: got %v, want %v", row.name, got, row.want)
		}
	}
}
