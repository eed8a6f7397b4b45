package policy_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"github.com/vendord/vendord/policy"
)

func TestParse(t *testing.T) {
	got := parse(t, `{
  "Version": "2012-10-17", "Id": "mine",
  "Statement": [
    {"Sid": "One", "Effect": "Allow", "Action": "s3:Get\u004fbject", "Resource": ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"]},
    {"Effect": "Deny", "NotAction": ["iam:*"], "NotResource": "*",
     "Condition": {"NumericLessThan": {"s3:max-keys": [10, 1.50, "x"]}, "Bool": {"aws:SecureTransport": false, "k:a": "true"}}}
  ]}`)[0]
	want := &policy.Document{Version: "2012-10-17", ID: "mine", Statements: []policy.Statement{
		{Sid: "One", Allow: true, Actions: []string{"s3:GetObject"}, Resources: []string{"arn:aws:s3:::a/*", "arn:aws:s3:::b/*"}, Line: 4},
		{NotActions: []string{"iam:*"}, NotResources: []string{"*"}, Index: 1, Line: 5, Conditions: []policy.Condition{
			{Operator: "NumericLessThan", Key: "s3:max-keys", Values: []string{"10", "1.50", "x"}},
			{Operator: "Bool", Key: "aws:SecureTransport", Values: []string{"false"}},
			{Operator: "Bool", Key: "k:a", Values: []string{"true"}}}},
	}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Parse: got\n%+v\nwant\n%+v", got, want)
	}
}

// TestParseRefuses checks that Parse refuses what Check calls an error of the
// grammar, with the first of them, and nothing else.
func TestParseRefuses(t *testing.T) {
	for _, path := range append(glob(t, "testdata/bad/*.json"), glob(t, "testdata/good/*.json")...) {
		checkParse(t, readFile(t, path))
	}
}

func checkParse(t *testing.T, text []byte) {
	t.Helper()
	var want *policy.Finding
	for _, f := range policy.Check(text, policy.Options{}) {
		if f.Level == policy.Error && f.Code < "P015" {
			want = &f
			break
		}
	}
	d, err := policy.Parse(text)
	got, isFinding := errors.AsType[policy.Finding](err)
	switch {
	case want == nil && err != nil:
		t.Errorf("Parse(%.200q): got %v, want no error", text, err)
	case want == nil && (d == nil || len(d.Statements) == 0):
		t.Errorf("Parse(%.200q): got no statements", text)
	case want != nil && (!isFinding || got != *want || d != nil):
		t.Errorf("Parse(%.200q): got %v, %v, want %v", text, d, err, want)
	}
}

func TestDepthBomb(t *testing.T) {
	for _, unit := range []string{"[", `{"a":`, `[{"Statement":`} {
		got := list(policy.Check([]byte(strings.Repeat(unit, 4000)), policy.Options{}))
		if !strings.Contains(got, ": nested deeper than 32 levels (P002)\n") {
			t.Errorf("Check(%q 4000 times): got %s", unit, got)
		}
	}
}

func TestLongTextsAreNotRead(t *testing.T) {
	for length, want := range map[int]string{
		524288: "1:1: the document is empty (P002)",
		524289: "1:1: the text has 524289 bytes, and none of more than 524288 is read (P002)",
	} {
		text := []byte(strings.Repeat(" ", length))
		if _, err := policy.Parse(text); err == nil || strings.Replace(err.Error(), "1:524289", "1:1", 1) != want {
			t.Errorf("Parse of %d bytes: got %v, want %s", length, err, want)
		}
	}
}

// TestManyFindings gives more of each level than are kept, all in one line,
// and the error that decides last.
func TestManyFindings(t *testing.T) {
	actions := strings.Repeat(`"Get", "s?:Get", `, 2000) + `"s3:GetObject"`
	text := []byte(`{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": [` + actions + `], "Resource": "*"}}`)
	levels := map[policy.Level]int{}
	for _, f := range policy.Check(text, policy.Options{}) {
		levels[f.Level]++
	}
	if levels[policy.Error] != 100 || levels[policy.Warning] != 100 {
		t.Errorf("Check: got %v, want 100 of each level", levels)
	}
	if _, err := policy.Parse([]byte(strings.ReplaceAll(string(text), `"Get"`, `"s?:Put"`) + "x")); err == nil {
		t.Error("Parse: got no error after more than 100 warnings")
	}
}

func TestFindingPrints(t *testing.T) {
	f := policy.Check([]byte(`{"Version": "2012-10-17", "Statement": {"Effect": "allow", "Action": "*", "Resource": "*"}}`), policy.Options{})[0]
	if got, want := f.Error(), `1:51: Statement.Effect: "allow" is no effect (P007)`; got != want {
		t.Errorf("Error: got %s, want %s", got, want)
	}
	text, err := json.Marshal(f)
	want := `{"code":"P007","level":"error","line":1,"column":51,"path":"Statement.Effect","problem":"\"allow\" is no effect","hint":"write \"Allow\" or \"Deny\", with a capital"}`
	if err != nil || string(text) != want {
		t.Errorf("Marshal: got %s, %v, want %s", text, err, want)
	}
	if got := policy.Warning.String(); got != "warning" {
		t.Errorf("String: got %s, want warning", got)
	}
}

// TestColumnsCountCharacters puts characters of two and four bytes before the
// mistake.
func TestColumnsCountCharacters(t *testing.T) {
	text := "{\"Version\": \"2012-10-17\",\r\n \"Statement\": {\"Sid\": \"é😀é\", \"Effect\": 5}}"
	for _, f := range policy.Check([]byte(text), policy.Options{}) {
		if f.Code == "P007" && (f.Line != 2 || f.Column != 40) {
			t.Errorf("Check: got %d:%d, want 2:40", f.Line, f.Column)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.json", "testdata/good/*.json", "testdata/verdicts/*.json"} {
		for _, path := range glob(f, pattern) {
			f.Add(readFile(f, path))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		checkParse(t, text)
		checkJSON(t, text)
		policy.ParseTrust(text)
	})
}

// checkJSON compares with another reader of JSON what is JSON at all.
func checkJSON(t *testing.T, text []byte) {
	t.Helper()
	const deep, object, long = "nested deeper", "the document is", "the text has"
	var refused string
	for _, f := range policy.Check(text, policy.Options{}) {
		if f.Code == "P002" && !strings.HasPrefix(f.Problem, deep) && !strings.HasPrefix(f.Problem, object) && !strings.HasPrefix(f.Problem, long) {
			refused = f.Problem
		}
		if f.Line < 1 || f.Column < 1 || f.Problem == "" || strings.ContainsFunc(f.String()+f.Hint, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("Check(%.500q): got %+v", text, f)
		}
	}
	_, err := policy.Parse(text)
	switch valid := json.Valid(text); {
	case valid && refused != "":
		t.Errorf("Check(%.500q): got %q for valid JSON", text, refused)
	case !valid && err == nil:
		t.Errorf("Parse(%.500q): got no error for invalid JSON", text)
	}
}
