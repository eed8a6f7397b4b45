package fakeaws_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/vendord/vendord/fakeaws"
)

// FuzzState makes a fake AWS of any state: it refuses it in words, or can be
// made again of what the state is written down as, and answers.
func FuzzState(f *testing.F) {
	example, err := json.Marshal(fakeaws.Example())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(example)
	for _, text := range []string{"{}", "null", `{"accounts":[{"id":"111122223333","users":[{"name":"a/b"}]}]}`,
		`{"accounts":[{"id":"1"},{"id":"1"}]}`, `{"accounts":[{"id":"111122223333","roles":[{"name":"R","trust":{"Version":"2012-10-17","Statement":[]},"max_session_duration":-1}]}]}`,
		`{"accounts":[{"id":"111122223333","users":[{"name":"x","keys":[{"id":"","secret":""}],"mfa":[{"serial":"","seed":"1"}]}],"buckets":[{"name":"_fake"}]}]}`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var s fakeaws.State
		if json.Unmarshal(text, &s) != nil {
			return
		}
		fake, err := fakeaws.New(fakeaws.Config{State: s})
		if (fake == nil) == (err == nil) {
			t.Fatalf("New(%q): got %v, %v", text, fake, err)
		}
		if err != nil {
			return
		}
		written, err := json.Marshal(s)
		if err != nil {
			t.Fatalf("Marshal of %q: %v", text, err)
		}
		var again fakeaws.State
		if err := json.Unmarshal(written, &again); err != nil {
			t.Fatalf("Unmarshal(%q): %v", written, err)
		}
		if _, err := fakeaws.New(fakeaws.Config{State: again}); err != nil {
			t.Errorf("New(%q): got %v, and none for %q", written, err, text)
		}
		w := httptest.NewRecorder()
		fake.ServeHTTP(w, local("GET", "/_fake/health", ""))
		if w.Code != 200 {
			t.Errorf("health of %q: got %d %s", text, w.Code, w.Body)
		}
	})
}

// FuzzControl asks for faults and other times in any words: each is refused with
// a reason, or one fault waits, and AWS still answers at once.
func FuzzControl(f *testing.F) {
	f.Add("/_fake/faults", `{"operation":"AssumeRole","kind":"throttle"}`)
	f.Add("/_fake/faults", `{"kind":"latency","latency":"1ns","count":-1}`)
	f.Add("/_fake/faults", `{"kind":"server-error","status":99,"code":"\u0000<"}`)
	f.Add("/_fake/faults", `{"kind":"short-life","life":"-1h"}{}`)
	f.Add("/_fake/clock", `{"advance":"2562047h"}`)
	f.Add("/_fake/clock", `{"advance":"-1h"}`)
	f.Add("/_fake/clock", `null`)
	f.Fuzz(func(t *testing.T, path, body string) {
		if path != "/_fake/faults" && path != "/_fake/clock" {
			return
		}
		fake, err := fakeaws.New(fakeaws.Config{State: fakeaws.Example()})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		r := local("POST", path, body)
		r.Header.Set("Content-Type", "application/json")
		fake.ServeHTTP(w, r)
		var v map[string]any
		if known := json.Unmarshal([]byte(body), &v) == nil; w.Code == 200 && !known {
			t.Errorf("%s %q: got 200 for what is no object", path, body)
		}
		if w.Code != 200 && (w.Code < 400 || w.Code >= 500 || strings.TrimSpace(w.Body.String()) == "") {
			t.Errorf("%s %q: got %d %q, want a reason", path, body, w.Code, w.Body)
		}
		fake.Clear()
		before := time.Now()
		w = httptest.NewRecorder()
		fake.ServeHTTP(w, local("GET", "/_fake/health", ""))
		if w.Code != 200 || time.Since(before) > 20*time.Second || !json.Valid(w.Body.Bytes()) {
			t.Errorf("health after %s %q: got %d %s", path, body, w.Code, w.Body)
		}
	})
}

// FuzzDocument writes a policy into a state: it comes out saying the same.
func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"Version":"2012-10-17","Statement":[]}`))
	f.Add([]byte(`"a"`))
	f.Add([]byte(`["\u2028","<>&"]`))
	f.Add([]byte(`[{"a":1,"a":2},"b"]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var d, again fakeaws.Documents
		if !utf8.Valid(text) || json.Unmarshal(text, &d) != nil {
			return // a state file that is not UTF-8 is refused as a whole
		}
		written, err := json.Marshal(d)
		if err != nil {
			t.Fatalf("Marshal(%q): %v", text, err)
		}
		if err := json.Unmarshal(written, &again); err != nil || len(again) != len(d) {
			t.Fatalf("Documents of %q: got %q, which reads as %q, %v", text, written, again, err)
		}
		for i := range d {
			if d[i] != again[i] {
				t.Errorf("Documents of %q: got %q, then %q", text, d[i], again[i])
			}
		}
	})
}

// local is a request that comes from this machine.
func local(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Host = "127.0.0.1"
	return r
}
