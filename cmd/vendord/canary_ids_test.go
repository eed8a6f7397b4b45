package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
)

// appendTo adds text to a file.
func appendTo(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteString("\n" + text)
		_ = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestCanaryIDs sends an id, which stands in the path by its nature, to every place that
// could write it down, right ones and wrong ones, and looks for it in everything that
// vendord prints.
func TestCanaryIDs(t *testing.T) {
	d := startDaemon(t, "[endpoints.ecs]\nlisten = \"169.254.170.2:80\"\n")
	ecs, own := d.idURL(), d.url
	id, spec := newToken(control.TokenSpec{App: "agent", Path: true, TTL: time.Hour, Warm: true})
	issued, err := d.client.Issue(t.Context(), spec)
	if err != nil || issued.URL != ecs || !strings.HasSuffix(ecs, "/v2/credentials/") {
		t.Fatalf("Issue: got %+v, %v, want ECS's address, %s", issued, err, ecs)
	}
	var printed strings.Builder
	ask := func(method, url string, change func(*http.Request)) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(r)
		}
		response, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		if response.StatusCode != http.StatusOK {
			printed.Write(body)
		}
		return response.StatusCode
	}
	if status := ask("GET", ecs+id, nil); status != http.StatusOK {
		t.Fatalf("the id where it belongs: got %d, want 200: %s", status, printed.String())
	}
	base := strings.TrimSuffix(ecs, "/v2/credentials/")
	for name, refused := range map[string]func() int{
		"with a slash":            func() int { return ask("GET", ecs+id+"/", nil) },
		"cut short":               func() int { return ask("GET", ecs+id[:40], nil) },
		"without its beginning":   func() int { return ask("GET", ecs+id[5:], nil) },
		"turned round":            func() int { return ask("GET", ecs+"x/"+id, nil) },
		"in a query":              func() int { return ask("GET", base+"/v1/credentials?id="+id, nil) },
		"in a query, of its path": func() int { return ask("GET", ecs+"?"+id, nil) },
		"in another path":         func() int { return ask("GET", base+"/v1/credentials/"+id, nil) },
		"after two slashes":       func() int { return ask("GET", base+"//v2/credentials/"+id, nil) },
		"quoted":                  func() int { return ask("GET", ecs+strings.Replace(id, "_", "%5F", 1), nil) },
		"at another listener":     func() int { return ask("GET", strings.TrimSuffix(own, "/v1/credentials")+"/v2/credentials/"+id, nil) },
		"there without a beginning": func() int {
			return ask("GET", strings.TrimSuffix(own, "/v1/credentials")+"/v2/credentials/"+id[5:], nil)
		},
		"in a header":              func() int { return ask("GET", own, func(r *http.Request) { r.Header.Set("Authorization", id) }) },
		"in a header and the path": func() int { return ask("GET", ecs+id, func(r *http.Request) { r.Header.Set("Authorization", id) }) },
		"as a host":                func() int { return ask("GET", ecs+id, func(r *http.Request) { r.Host = id + ".example" }) },
		"as a page":                func() int { return ask("GET", ecs+id, func(r *http.Request) { r.Header.Set("Referer", ecs+id) }) },
		"as a program's name": func() int {
			return ask("POST", ecs+id, func(r *http.Request) { r.Header.Set("User-Agent", "aws/1 "+id) })
		},
	} {
		if status := refused(); status == http.StatusOK {
			t.Errorf("the id %s: got 200, want a refusal", name)
		}
	}
	for _, kind := range []string{"throttle", "garbage", "access-denied"} {
		d.fail(t, kind)
		d.cache.Retain(nothing)
		if status := ask("GET", ecs+id, nil); status == http.StatusOK {
			t.Errorf("the id under %s: got 200, want a refusal", kind)
		}
	}
	status, err := d.client.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := d.client.Tokens(t.Context(), "")
	if err != nil || len(tokens) != 1 || !tokens[0].Path {
		t.Errorf("Tokens: got %+v, %v, want an id in a path", tokens, err)
	}
	for _, v := range []any{status, issued, tokens} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		printed.Write(text)
	}
	next, spec := newToken(control.TokenSpec{Path: true})
	if _, err := d.client.Rotate(t.Context(), control.RotateSpec{App: "agent", ID: issued.ID, Path: true, Hash: spec.Hash, TTL: time.Hour}); err != nil {
		t.Fatal(err)
	}
	ask("GET", ecs+id, nil)
	ask("GET", ecs+next, nil)
	if err := d.audit.Flush(); err != nil {
		t.Fatal(err)
	}
	stored, err := os.ReadFile(filepath.Join(d.dir, "state", "tokens.json"))
	if err != nil {
		t.Fatal(err)
	}
	record := d.record.String()
	if !strings.Contains(record, `"path":"/v2/credentials/[redacted]"`) || !strings.Contains(record, `"how":"path"`) || d.log.String() == "" {
		t.Fatalf("record: got %s, want the path of ids, redacted", record)
	}
	birds := &aviary{}
	birds.plant("an id in a path", id)
	birds.plant("its digits", id[5:])
	birds.plant("the next one", next)
	for _, leak := range birds.leaks(printed.String() + d.log.String() + record + string(stored)) {
		t.Errorf("canary: %s", leak)
	}
}
