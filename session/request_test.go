package session_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/session"
)

// full is a request with something in every field, hostile text among it.
func full() session.Request {
	r := session.Request{
		Source:    session.Source{Name: "john", Type: session.Process, Command: session.List([]string{"/bin/x", "-a", "<b>&\u2028\"'\\"})},
		Operation: session.AssumeRole, RoleARN: "arn:aws:iam::123456789012:role/Reader", Duration: time.Hour,
		PolicyARNs: session.List([]string{"b", "a"}), Tags: session.Pairs(map[string]string{"team": "ü & ö", "": "<>"}),
		Policy: `{"Statement":[{"Action":"s3:*","Resource":"arn:aws:s3:::a/${aws:username}"}]}`,
	}
	r.Parent = session.Request{Operation: session.AssumeRole, RoleARN: `"parent"`}.Canonical()
	return r
}

// fields calls f with each field of a request, those of its source included,
// settable. It fails for a kind of field that comparing would not compare by
// its value, or that this test does not know how to change.
func fields(t *testing.T, v reflect.Value, path string, f func(path string, field reflect.Value)) {
	t.Helper()
	for info, field := range v.Fields() {
		switch name := path + info.Name; field.Kind() {
		case reflect.Struct:
			fields(t, field, name+".", f)
		case reflect.String, reflect.Int, reflect.Int64, reflect.Bool:
			f(name, field)
		default:
			t.Fatalf("field %s: got a %v, want a string, a number or a bool: a key is compared by value", name, field.Kind())
		}
	}
}

// change gives a field another value.
func change(field reflect.Value) {
	switch field.Kind() {
	case reflect.String:
		field.SetString(field.String() + "<&>")
	case reflect.Int, reflect.Int64:
		field.SetInt(field.Int() + 1)
	default:
		field.SetBool(!field.Bool())
	}
}

// Whatever shapes a session separates it from others, also in a field that
// does not exist yet.
func TestEveryFieldChangesTheKey(t *testing.T) {
	for name, base := range map[string]session.Request{"zero": {}, "full": full()} {
		seen := map[session.Key]string{base.Key(): "no"}
		texts := map[string]string{base.Canonical(): "no"}
		r := base
		fields(t, reflect.ValueOf(&r).Elem(), "", func(path string, field reflect.Value) {
			before := reflect.New(field.Type()).Elem()
			before.Set(field)
			change(field)
			if other, ok := seen[r.Key()]; ok {
				t.Errorf("%s: a change of %s gives the key of %s change", name, path, other)
			}
			if other, ok := texts[r.Canonical()]; ok {
				t.Errorf("%s: a change of %s gives the canonical form of %s change", name, path, other)
			}
			if back, err := session.ParseRequest(r.Canonical()); err != nil || back != r {
				t.Errorf("%s: ParseRequest after a change of %s: got %+v, %v, want %+v", name, path, back, err, r)
			}
			seen[r.Key()], texts[r.Canonical()] = path, path
			field.Set(before)
		})
		if r != base || len(seen) < 20 {
			t.Errorf("%s: got %d keys, want one for each field", name, len(seen))
		}
	}
}

func TestEqualRequestsHaveOneKey(t *testing.T) {
	a, b := full(), full()
	b.RoleARN = strings.Clone(b.RoleARN)
	b.Tags = session.Pairs(map[string]string{"": "<>", "team": strings.Clone("ü & ö")})
	if a.Key() != b.Key() {
		t.Error("equal requests: got two keys, want one")
	}
	if a.Key().Value() != a {
		t.Errorf("Value: got %+v, want %+v", a.Key().Value(), a)
	}
	rows := map[session.Key]int{a.Key(): 1}
	rows[b.Key()]++
	if len(rows) != 1 || rows[a.Key()] != 2 {
		t.Errorf("rows: got %v, want one", rows)
	}
}

func TestParseRequest(t *testing.T) {
	grandchild := full()
	grandchild.Parent = full().Canonical()
	for name, r := range map[string]session.Request{"zero": {}, "full": full(), "grandchild": grandchild, "negative": {Duration: -1}} {
		text := r.Canonical()
		if strings.Contains(text, "\n") {
			t.Errorf("%s: got %q, want one line", name, text)
		}
		if got, err := session.ParseRequest(text); err != nil || got != r || got.Key() != r.Key() {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, r)
		}
	}
}

func TestParseRequestRefuses(t *testing.T) {
	const form = "reading a request: not in canonical form"
	good := session.Request{Operation: "o"}.Canonical()
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "", "reading a request: unexpected end of JSON input"},
		{"half of it", good[:len(good)-1], "reading a request: unexpected end of JSON input"},
		{"another type", `"x"`, "reading a request: json: cannot unmarshal"},
		{"a number for a string", strings.Replace(good, `"o"`, `1`, 1), "reading a request: json: cannot unmarshal"},
		{"trailing text", good + "x", "reading a request: invalid character 'x' after top-level value"},
		{"a second one", good + good, "reading a request: invalid character '{' after top-level value"},
		{"an unknown field", strings.Replace(good, `"operation"`, `"scope":"x","operation"`, 1), form},
		{"an unknown field of the source", strings.Replace(good, `"type"`, `"sso":"x","type"`, 1), form},
		{"a field in capitals", strings.Replace(good, `"operation"`, `"Operation"`, 1), form},
		{"a field twice", strings.Replace(good, `"operation"`, `"operation":"p","operation"`, 1), form},
		{"an empty field", strings.Replace(good, `"operation"`, `"policy":"","operation"`, 1), form},
		{"another order", `{"operation":"o","source":{"name":"","type":""}}`, form},
		{"spaces", good + " ", form},
		{"null", "null", form},
		{"text that is not UTF-8", session.Request{RoleARN: "\xff"}.Canonical(), form},
	} {
		got, err := session.ParseRequest(test.text)
		if got != (session.Request{}) || !strings.HasPrefix(fmt.Sprint(err), test.want) {
			t.Errorf("%s: got %+v, %v, want %q", test.name, got, err, test.want)
		}
	}
}

// What is read is exactly what is written again: one text for one request.
func FuzzParseRequest(f *testing.F) {
	child := full()
	child.Parent = full().Canonical()
	for _, seed := range []string{"", "{}", "null", `{"source":{}}`, session.Request{}.Canonical(), full().Canonical(), child.Canonical(),
		full().Canonical() + "\n", strings.ToUpper(full().Canonical()), session.Request{Region: "\xff"}.Canonical()} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		switch r, err := session.ParseRequest(text); {
		case err != nil && r != session.Request{}:
			t.Errorf("ParseRequest(%q): got %+v beside %v", text, r, err)
		case err == nil && r.Canonical() != text:
			t.Errorf("ParseRequest(%q): got one whose form is %q", text, r.Canonical())
		}
	})
}
