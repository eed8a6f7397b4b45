package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/policy"
)

// A copy's file stays in its directory whatever the ARN is, and two ARNs never
// share one.
func TestPolicyStorePaths(t *testing.T) {
	s := policyStore{filepath.Join(t.TempDir(), "policies")}
	seen := map[string]string{}
	for _, arn := range []string{"arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::aws:policy/job/ReadOnlyAccess",
		"arn:aws:iam::111122223333:policy/ReadOnlyAccess", "../../etc/passwd", "..", "", "a/\x00", `a/..\..\x`, strings.Repeat("x", 2000)} {
		path := s.path(arn)
		if filepath.Dir(path) != s.dir || len(filepath.Base(path)) > 100 || strings.ContainsAny(filepath.Base(path), "\x00\\:") {
			t.Errorf("path(%.40q): got %s, want a short plain name in %s", arn, path, s.dir)
		}
		if other, taken := seen[path]; taken {
			t.Errorf("path(%.40q): got that of %.40q", arn, other)
		}
		seen[path] = arn
	}
}

// A copy that was put is what is got, for its owner alone; the next replaces it.
func TestPolicyStoreKeeps(t *testing.T) {
	s := policyStore{filepath.Join(t.TempDir(), "policies")}
	if _, ok, err := s.get("arn:aws:iam::aws:policy/X"); ok || err != nil {
		t.Errorf("get, of nothing: got %v, %v, want none", ok, err)
	}
	want := keptPolicy{ARN: "arn:aws:iam::aws:policy/X", Version: "v1", Fetched: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC),
		Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`}
	for _, version := range []string{"v1", "v2"} {
		want.Version = version
		if err := s.put(want); err != nil {
			t.Fatal(err)
		}
		got, ok, err := s.get(want.ARN)
		if got != want || !ok || err != nil {
			t.Errorf("get: got %+v, %v, %v, want %+v", got, ok, err, want)
		}
	}
	files, err := os.ReadDir(s.dir)
	if err != nil || len(files) != 1 {
		t.Errorf("files: got %d, %v, want the one", len(files), err)
	}
}

// full is a policy of as many characters as STS takes.
func full() string {
	const begin, end = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":[`, `]}]}`
	var resources []string
	for n := len(begin) + len(end); n+40 <= policy.MaxChars; n += 40 {
		resources = append(resources, `"arn:aws:s3:::company1-hr/folder-a-2026/*"`[:38]+`"`)
	}
	text := begin + strings.Join(resources, ",") + end
	return text + strings.Repeat(" ", policy.MaxChars-len(text))
}

func BenchmarkPolicyCheck(b *testing.B) {
	text := []byte(full())
	for b.Loop() {
		policy.Check(text, policy.Options{})
	}
}

func BenchmarkPolicyExplain(b *testing.B) {
	document, err := policy.Parse([]byte(full()))
	if err != nil {
		b.Fatal(err)
	}
	l := policyLayer{session: []policyText{{Named: policy.Named{Name: "f", Document: document}, text: full(), place: func(int, int) string { return "f:1" }}},
		question: policy.Question{Action: "s3:GetObject", Resource: "arn:aws:s3:::other/x"}}
	for b.Loop() {
		l.explain()
	}
}
