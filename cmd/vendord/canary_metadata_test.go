package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// metadataApp is whose programs the kernel recognises, for EC2's metadata.
const metadataApp = "app-of-the-machine"

const (
	sessionBird     = "a session token of metadata"
	metadataKeyBird = "the key of metadata's session tokens"
)

// freePort returns an address at which nobody listens, and where nobody comes to be by
// chance until somebody binds it: systems give out ports above 32767 alone.
func freePort(t *testing.T) string {
	t.Helper()
	for range 100 {
		ln, err := net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000)))
		if err == nil {
			defer ln.Close()
			return ln.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// metadataConfig is an endpoint for the programs of our own user.
func (c *canary) metadataConfig() string {
	return fmt.Sprintf("[apps.%s]\nprofiles = [\"file\"]\nmatch = {user = \"#%d\"}\n[endpoints.imds]\nlisten = %q\n", metadataApp, os.Getuid(), c.metadataAt)
}

// metadata reads credentials as from EC2's metadata service, and sends session tokens,
// and a token of an app, where they do not belong.
func (c *canary) metadata() {
	c.t.Helper()
	key, err := os.ReadFile(filepath.Join(c.dir, "state", "vendord", "metadata.key"))
	if err != nil {
		key, err = os.ReadFile(filepath.Join(c.dir, "state", "metadata.key"))
	}
	if err != nil || len(key) != 65 {
		c.t.Fatalf("the key of metadata: got %d bytes, %v, want 65", len(key), err)
	}
	c.birds.plant(metadataKeyBird, strings.TrimSpace(string(key)))

	const role = "/latest/meta-data/iam/security-credentials/"
	_, token := c.askMetadata("PUT", "/latest/api/token", func(r *http.Request) { r.Header.Set("X-aws-ec2-metadata-token-ttl-seconds", "60") })
	c.birds.plant(sessionBird, token)
	const header = "X-aws-ec2-metadata-token"
	good := func(r *http.Request) { r.Header.Set(header, token) }
	if status, body := c.askMetadata("GET", role+"file", good); status != 200 || !strings.Contains(body, "SecretAccessKey") {
		c.t.Errorf("metadata: got %d %s, want credentials", status, body)
	}
	app := c.tokens["app-file"]
	last := "_"
	if strings.HasSuffix(token, last) {
		last = "-"
	}
	places := map[string]func(*http.Request){
		"changed":       func(r *http.Request) { r.Header.Set(header, token[:55]+last) },
		"twice":         func(r *http.Request) { r.Header[http.CanonicalHeaderKey(header)] = []string{token, token} },
		"as a bearer's": func(r *http.Request) { r.Header.Set("Authorization", token) },
		"as a life": func(r *http.Request) {
			r.Header.Set("X-aws-ec2-metadata-token-ttl-seconds", token)
			r.Method = "PUT"
			r.URL.Path = "/latest/api/token"
		},
		"in the path":        func(r *http.Request) { good(r); r.URL.Path = role + token },
		"in front":           func(r *http.Request) { r.URL.Path = "/" + token + "/" },
		"as a version":       func(r *http.Request) { good(r); r.URL.Path = "/" + token + "/meta-data" },
		"in the query":       func(r *http.Request) { good(r); r.URL.RawQuery = "token=" + token },
		"in Host":            func(r *http.Request) { good(r); r.Host = token },
		"in Origin":          func(r *http.Request) { good(r); r.Header.Set("Origin", "http://"+token) },
		"for a proxy":        func(r *http.Request) { good(r); r.Header.Set("X-Forwarded-For", token) },
		"as the method":      func(r *http.Request) { good(r); r.Method = token },
		"an app's":           func(r *http.Request) { r.Header.Set(header, app) },
		"an app's, in front": func(r *http.Request) { good(r); r.URL.Path = role + app },
		"an app's as well":   func(r *http.Request) { good(r); r.Header.Set("Authorization", app) },
	}
	for name, change := range places {
		if status, body := c.askMetadata("GET", role+"file", change); status == 200 {
			c.t.Errorf("a session token %s: got 200 %s", name, body)
		} else {
			fmt.Fprintln(c.said, status, body)
		}
	}
	// A User-Agent is no reason to refuse, so its line is one of success.
	c.askMetadata("GET", role+"file", func(r *http.Request) { good(r); r.Header.Set("User-Agent", "tool/1 "+token) })
}

// askMetadata sends a request.
func (c *canary) askMetadata(method, path string, change func(*http.Request)) (status int, body string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, "http://"+c.metadataAt+path, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	change(r)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		c.t.Fatalf("asking for metadata: %v", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}
