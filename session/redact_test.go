package session_test

import (
	"bytes"
	"encoding/base64"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"text/template"
	"time"

	"github.com/vendord/vendord/session"
)

// canary is what both secrets begin with, wherever they turn up.
const canary = "CANARY"

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const shown = "credentials ASIAEXAMPLE until 2026-11-21T12:00:00Z [redacted]"

// planted returns credentials whose secrets, and whose rendered body, hold the
// canary.
func planted() *session.Credentials {
	c := session.NewCredentials("ASIAEXAMPLE", canary+"/wJalrXUtnFEMI", canary+"+IQoJb3JpZ2lu", noon)
	c.Body(func(c *session.Credentials) []byte {
		secret, token := c.Reveal()
		return []byte(secret + token)
	})
	return c
}

// leaks returns the form in which out shows the canary, or "".
func leaks(out string) string {
	squeezed := strings.NewReplacer(" ", "", ",", "", "0x", "", "0X", "", "U+00", "").Replace(out)
	switch hexed := hex.EncodeToString([]byte(canary)); {
	case strings.Contains(out, canary):
		return "plain"
	case strings.Contains(out, base64.StdEncoding.EncodeToString([]byte(canary))):
		return "base64"
	case strings.Contains(strings.ToLower(squeezed), hexed):
		return "hexadecimal"
	case strings.Contains(squeezed, "676578658289"):
		return "decimal"
	}
	return ""
}

// verbs are those that print a value, with their flags. %w is for errors, and
// with anything else fmt goes behind the value's own methods.
var verbs = []string{"%v", "%+v", "%#v", "%s", "%q", "%+q", "%#q", "%x", "%X", "% x", "%#x", "%d", "%t", "%c", "%U", "%e",
	"%b", "%o", "%g", "%100v", "%-5s", "%.2s", "%z", "%w", "%!"}

// printers are the ways in which a value ends up in a log, a file or an answer.
func printers() map[string]func(any) string {
	all := map[string]func(any) string{
		"json": func(v any) string { text, err := json.MarshalIndent(v, "", " "); return fmt.Sprint(string(text), err) },
		"xml":  func(v any) string { text, err := xml.Marshal(v); return fmt.Sprint(string(text), err) },
		"gob": func(v any) string {
			var b bytes.Buffer
			err := gob.NewEncoder(&b).Encode(v)
			return fmt.Sprint(b.String(), err)
		},
		"template": func(v any) string {
			var b strings.Builder
			err := template.Must(template.New("").Parse("{{.}}{{printf `%+v` .}}{{.Reveal}}")).Execute(&b, v)
			return fmt.Sprint(b.String(), err)
		},
		"print": func(v any) string { return fmt.Sprint(v) + fmt.Sprintln(v) },
		"error": func(v any) string {
			return errors.Join(fmt.Errorf("asking with %v", v), fmt.Errorf("x: %#v", v)).Error()
		},
		"reflection": func(v any) string { var b strings.Builder; walk(&b, reflect.ValueOf(v), 0); return b.String() },
		"slog text":  logged(func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) }),
		"slog json":  logged(func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) }),
	}
	for _, verb := range verbs {
		all[verb] = func(v any) string { return fmt.Errorf(verb, v).Error() }
	}
	return all
}

func logged(handler func(*bytes.Buffer) slog.Handler) func(any) string {
	return func(v any) string {
		var b bytes.Buffer
		log := slog.New(handler(&b)).With("with", v).WithGroup("group")
		log.Info("asked", "arg", v, slog.Group("inner", "any", slog.AnyValue(v)))
		return b.String()
	}
}

// walk prints all that reflection reaches, unexported fields too, like the
// dumpers that people reach for when they debug.
func walk(b *strings.Builder, v reflect.Value, depth int) {
	if depth > 12 {
		return
	}
	switch v.Kind() {
	case reflect.String:
		b.WriteString(v.String() + " ")
	case reflect.Uint8:
		b.WriteByte(byte(v.Uint()))
	case reflect.Pointer, reflect.Interface:
		walk(b, v.Elem(), depth+1)
	case reflect.Struct:
		for _, field := range v.Fields() {
			walk(b, field, depth+1)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			walk(b, v.Index(i), depth+1)
		}
	case reflect.Map:
		for key, value := range v.Seq2() {
			walk(b, key, depth+1)
			walk(b, value, depth+1)
		}
	default:
		if v.IsValid() {
			fmt.Fprint(b, v, " ")
		}
	}
}

type careful struct {
	Pointer  *session.Credentials
	Value    session.Credentials
	Any      any
	unread   *session.Credentials
	unreadIn struct{ any }
}

type carefulError struct{ Credentials *session.Credentials }

func (e carefulError) Error() string { return fmt.Sprintf("no luck with %+v", e.Credentials) }

// shapes are the places in which credentials may stand when they are printed.
func shapes() map[string]any {
	c := planted()
	// A copy, which vet refuses where it is written plainly.
	value := reflect.ValueOf(c).Elem()
	holder := &careful{Pointer: c, Any: c, unread: c}
	reflect.ValueOf(holder).Elem().FieldByName("Value").Set(value)
	holder.unreadIn.any = c
	return map[string]any{
		"pointer": c, "value": value.Interface(), "pointer to pointer": &c, "struct": holder,
		"struct by value": reflect.ValueOf(holder).Elem().Interface(),
		"slice":           []*session.Credentials{c}, "slice of any": []any{c, value.Interface()}, "array": [1]*session.Credentials{c},
		"map": map[string]*session.Credentials{"x": c}, "map of any": map[string]any{"x": holder},
		"map key": map[*session.Credentials]string{c: "x"}, "error": carefulError{c}, "wrapped": fmt.Errorf("x: %w", carefulError{c}),
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	for shape, v := range shapes() {
		for printer, print := range printers() {
			if out := print(v); leaks(out) != "" {
				t.Errorf("%s of a %s: got the canary in %s form: %s", printer, shape, leaks(out), out)
			}
		}
	}
}

// The test above is worth something only if its printers show what is not
// protected.
func TestPrintersShowWhatIsCareless(t *testing.T) {
	type careless struct{ Secret any }
	all := printers()
	for printer, print := range all {
		if printer == "%!" || printer == "%.2s" { // print no argument, and two characters
			continue
		}
		if out := print(careless{canary + "secret"}); leaks(out) == "" {
			t.Errorf("%s of a careless string: got no canary in %s", printer, out)
		}
	}
	for _, printer := range []string{"%v", "%#v", "%s", "%x", "%X", "% x", "%#x", "%d", "%U", "%100v", "print", "json", "reflection", "slog json"} {
		if out := all[printer](careless{[]byte(canary + "secret")}); leaks(out) == "" {
			t.Errorf("%s of careless bytes: got no canary in %s", printer, out)
		}
	}
}

// What is printed instead names the key, in the same words everywhere.
func TestPrintedForm(t *testing.T) {
	c := planted()
	for _, verb := range verbs {
		if strings.HasSuffix(verb, "w") || strings.HasSuffix(verb, "!") {
			continue
		}
		if got := fmt.Sprintf(verb, c); got != shown {
			t.Errorf("Sprintf(%q): got %q, want %q", verb, got, shown)
		}
	}
	text, err := c.MarshalText()
	for what, got := range map[string]string{
		"String": c.String(), "GoString": c.GoString(), "MarshalText": string(text), "LogValue": c.LogValue().String(),
	} {
		if got != shown || err != nil {
			t.Errorf("%s: got %q, %v, want %q", what, got, err, shown)
		}
	}
	for printer, want := range map[string]string{
		"json": `"` + shown + `"<nil>`, "xml": "<Credentials>" + shown + "</Credentials><nil>",
		"slog text": `with="` + shown + `" group.arg="` + shown + `" group.inner.any="` + shown + `"`,
		"slog json": `"with":"` + shown + `","group":{"arg":"` + shown + `","inner":{"any":"` + shown + `"}}`,
	} {
		if got := printers()[printer](c); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s in it", printer, got, want)
		}
	}
}

// Nothing panics where there are no credentials, as in an error path.
func TestPrintingNil(t *testing.T) {
	var none *session.Credentials
	for printer, print := range printers() {
		if printer != "gob" { // panics for any nil pointer
			print(none)
		}
		print(&careful{})
	}
	if got := fmt.Sprintf("%v %+v %s", none, none, none); got != "no credentials no credentials no credentials" {
		t.Errorf("Sprintf of nil: got %q", got)
	}
	if got := none.LogValue().String(); got != "no credentials" {
		t.Errorf("LogValue of nil: got %q", got)
	}
}
