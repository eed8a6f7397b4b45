package session_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing"

	"github.com/vendord/vendord/session"
)

func TestClasses(t *testing.T) {
	names := []string{"", "unrecognised", "refused", "limited", "configuration", "person", "administrator", "retry", ""}
	for i, name := range names {
		c := session.Class(i)
		want := name
		if name == "" {
			want = "unknown"
		}
		text, err := c.MarshalText()
		if c.String() != want || string(text) != want || err != nil {
			t.Errorf("class %d: got %q and %q, %v, want %q", i, c, text, err, want)
		}
		if name == "" {
			continue
		}
		var back session.Class
		if err := back.UnmarshalText(text); err != nil || back != c {
			t.Errorf("UnmarshalText(%q): got %v, %v, want %v", text, back, err, c)
		}
	}
	if session.Unrecognised != 1 || int(session.Retry) != len(names)-2 || session.Class(-1).String() != "unknown" {
		t.Errorf("classes: got %d to %d, want 1 to %d", session.Unrecognised, session.Retry, len(names)-2)
	}
	for _, text := range []string{"", "unknown", "Retry", "retry ", "7"} {
		c := session.Person
		if err := c.UnmarshalText([]byte(text)); fmt.Sprint(err) != fmt.Sprintf("error class %q: unknown", text) || c != session.Person {
			t.Errorf("UnmarshalText(%q): got %v, %v, want an error that changes nothing", text, c, err)
		}
	}
}

func TestAsError(t *testing.T) {
	own := &session.Error{Class: session.Person, Public: "source: expired", Hint: "log in"}
	other := &session.Error{Class: session.Refused, Public: "other"}
	outer := &session.Error{Class: session.Retry, Public: "outer", Err: own}
	var none *session.Error
	for _, test := range []struct {
		name string
		err  error
		want *session.Error
	}{
		{"nil", nil, nil},
		{"a nil *Error", none, nil},
		{"itself", own, own},
		{"wrapped", fmt.Errorf("minting: %w", own), own},
		{"wrapped twice", fmt.Errorf("a: %w", fmt.Errorf("b: %w", own)), own},
		{"joined", errors.Join(fs.ErrExist, own, other), own},
		{"the cause of another: the outermost speaks", outer, outer},
	} {
		if got := session.AsError(test.err); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}

	// Unknown is not refused: it may come right.
	err := fmt.Errorf("reading the file: %w", fs.ErrPermission)
	got := session.AsError(err)
	if got.Class != session.Retry || got.Code != "" || got.Hint != "" || got.Err != err || got.Error() != "reading the file: permission denied" {
		t.Errorf("AsError of another's: got %#v, want class retry and its text", got)
	}
	if !errors.Is(got, fs.ErrPermission) {
		t.Error("AsError of another's: got one that has lost its cause")
	}
}

// A cause is for the log. It may quote a file or an answer with secrets in it.
func TestCauseStaysBehind(t *testing.T) {
	e := &session.Error{Class: session.Administrator, Code: "AccessDenied", Public: "role: denied", Hint: "ask for it",
		Err: errors.New(canary)}
	for form, v := range map[string]any{"pointer": e, "value": *e, "embedded": struct{ session.Error }{*e}, "list": []*session.Error{e}} {
		text, err := json.Marshal(v)
		if err != nil || leaks(string(text)) != "" || !strings.Contains(string(text),
			`{"class":"administrator","code":"AccessDenied","message":"role: denied","hint":"ask for it"}`) {
			t.Errorf("JSON of a %s: got %s, %v", form, text, err)
		}
	}
	var b strings.Builder
	log := slog.New(slog.NewJSONHandler(&b, nil))
	log.Info("asked", "err", e)
	for what, out := range map[string]string{"log": b.String(), "%v": fmt.Sprint(e), "%+v": fmt.Sprintf("%+v", e), "%q": fmt.Sprintf("%q", e)} {
		if leaks(out) != "" || !strings.Contains(out, "role: denied") {
			t.Errorf("%s: got %s, want the public line alone", what, out)
		}
	}
	var back session.Error
	if err := json.Unmarshal([]byte(`{"class":"retry","message":"m","Err":{}}`), &back); err != nil || back.Err != nil || back.Class != session.Retry {
		t.Errorf("read back: got %+v, %v", back, err)
	}
	if short, _ := json.Marshal(&session.Error{Class: session.Retry, Public: "m"}); string(short) != `{"class":"retry","message":"m"}` {
		t.Errorf("JSON without code and hint: got %s", short)
	}
}
