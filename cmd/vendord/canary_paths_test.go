package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
)

// tokenShape is what a token looks like in the output made for it.
var tokenShape = regexp.MustCompile(`vnd_[0-9A-Za-z]{49}`)

// TestCanaryPaths takes every kind of secret through every path that a daemon
// and its commands have, and looks for it in all that was printed or left
// behind.
func TestCanaryPaths(t *testing.T) {
	for _, format := range []string{"text", "json"} {
		t.Run("log in "+format, func(t *testing.T) {
			t.Parallel()
			c := newCanary(t)
			c.serve(format)
			c.issueTokens()
			c.token("app-file", "token", "issue", "app-file")
			c.token("app-environ", "token", "issue", "app-environ", "--json")
			c.good()
			c.failingSources()
			c.failingAWS()
			c.wrongPlaces()
			c.tokensThatAreNone()
			c.metadata()
			c.brokenFiles()
			c.look()
			c.stop()
			c.withoutDaemon()
			c.search()
		})
	}
}

// issueTokens gives every app a token, as the command does it.
func (c *canary) issueTokens() {
	c.t.Helper()
	client, err := control.Dial(c.t.Context(), filepath.Join(c.dir, "run", "vendord", "control.sock"))
	if err != nil {
		c.t.Fatal(err)
	}
	defer client.Close()
	status, err := client.Status(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	for _, app := range status.Apps {
		if app.Name == metadataApp {
			continue
		}
		secret, spec := newToken(control.TokenSpec{App: app.Name, TTL: time.Hour})
		if _, err := client.Issue(c.t.Context(), spec); err != nil {
			c.t.Fatalf("Issue for %s: %v", app.Name, err)
		}
		c.tokens[app.Name] = c.birds.plant("a token", secret)
	}
}

// token runs a command that prints a token, and keeps it.
func (c *canary) token(app string, args ...string) string {
	c.t.Helper()
	out, _ := c.product(args...)
	token := tokenShape.FindString(out)
	if token == "" {
		c.t.Fatalf("vendord %s: printed no token", strings.Join(args, " "))
	}
	c.tokens[app] = c.birds.plant("a token", token)
	return token
}

// good goes the ways that end well.
func (c *canary) good() {
	c.t.Helper()
	for _, source := range sourcesWithKeys {
		if out, ok := c.product("credentials", source); !ok || !strings.Contains(out, "SecretAccessKey") {
			c.t.Errorf("credentials %s: got %q", source, out)
		}
		if status := c.ask(c.tokens["app-"+source], nil); status != 200 {
			c.t.Errorf("app-%s: got %d, want 200", source, status)
		}
	}
	file := filepath.Join(c.dir, "token-file")
	c.run("env", "app-file", "--file", file)
	if text, err := os.ReadFile(file); err != nil || c.birds.plant("a token in a file", string(text)) == "" {
		c.t.Errorf("env --file: %v", err)
	}
	_ = os.Remove(file)
	c.token("env", "env", "file")
	c.token("env-json", "env", "app-file", "--json")
	c.run("exec", "file", "--", "sh", "-c", `test -n "$AWS_CONTAINER_AUTHORIZATION_TOKEN"`)
	c.run("exec", "file", "--", "sh", "-c", "exit 7")
	c.run("exec", "file", "--", filepath.Join(c.dir, "no-such-command"))
	c.run("whoami", "file")
	c.run("whoami", "file", "--json")
	c.look()
}

// look runs the commands that only look.
func (c *canary) look() {
	c.t.Helper()
	for _, command := range []string{"status", "list", "check", "token list", "metrics", "audit", "audit --app app-file"} {
		args := strings.Fields(command)
		if command == "check" {
			args = append(args, filepath.Join(c.dir, "vendord.toml"))
		}
		c.run(args...)
		c.run(append(args, "--json")...)
	}
}

// failingSources asks for what no source can give: a login that is over, a file
// that lacks its profile, commands that fail.
func (c *canary) failingSources() {
	c.t.Helper()
	for source := range canarySources {
		if slices.Contains(sourcesWithKeys, source) {
			continue
		}
		if c.run("credentials", source) {
			c.t.Errorf("credentials %s: works", source)
		}
		c.run("exec", source, "--", "true")
		if status := c.ask(c.tokens["app-"+source], nil); status != 403 && status != 503 {
			c.t.Errorf("app-%s: got %d, want 403 or 503", source, status)
		}
	}
}

// failingAWS asks while AWS fails in each of its ways, with every source.
func (c *canary) failingAWS() {
	c.t.Helper()
	defer c.mode.Store(awsWorks)
	for i, mode := range awsModes {
		c.mode.Store(mode)
		for _, source := range sourcesWithKeys {
			profile := fmt.Sprintf("mode%d-%s", i, source)
			if source == "file" && c.run("credentials", profile) {
				c.t.Errorf("%s: credentials %s: works", mode, profile)
			}
			if status := c.ask(c.tokens["app-"+profile], nil); status != 403 && status != 503 {
				c.t.Errorf("%s: %s: got %d, want 403 or 503", mode, profile, status)
			}
		}
		c.run("whoami", "file")
	}
	c.run("status")
	c.run("status", "--json")
}

// ask sends a request with a token, changed, and keeps the answer unless it is
// what the token is for.
func (c *canary) ask(token string, change func(*http.Request)) int {
	c.t.Helper()
	url := regexp.MustCompile(`http://127\.0\.0\.1:[0-9]+/v1/credentials`).FindString(c.log.String())
	r, err := http.NewRequestWithContext(c.t.Context(), "GET", url, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", token)
	if change != nil {
		change(r)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		c.t.Fatalf("asking %s: %v", url, err)
	}
	body, _ := io.ReadAll(answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		fmt.Fprintln(c.said, answer.Status, answer.Header, string(body))
	}
	return answer.StatusCode
}

// wrongPlaces sends a live token where it does not belong.
func (c *canary) wrongPlaces() {
	c.t.Helper()
	token := c.tokens["app-file"]
	places := map[string]func(*http.Request){
		"twice":          func(r *http.Request) { r.Header["Authorization"] = []string{token, token} },
		"basic":          func(r *http.Request) { r.SetBasicAuth("vendord", token) },
		"and more":       func(r *http.Request) { r.Header.Set("Authorization", token+"x") },
		"in the path":    func(r *http.Request) { r.URL.Path += "/" + token },
		"in the query":   func(r *http.Request) { r.URL.RawQuery = "token=" + token },
		"in Host":        func(r *http.Request) { r.Host = token + ".example" },
		"in Origin":      func(r *http.Request) { r.Header.Set("Origin", "http://"+token) },
		"in Referer":     func(r *http.Request) { r.Header.Set("Referer", "http://x/"+token) },
		"in the method":  func(r *http.Request) { r.Method = token },
		"with a profile": func(r *http.Request) { r.URL.Path += "/nobody" },
		"in the path, encoded": func(r *http.Request) {
			r.URL.Path, r.URL.RawPath = r.URL.Path+"/"+token, r.URL.Path+"/%76nd_"+token[4:]
		},
		"in a path twice": func(r *http.Request) { r.URL.Path = "/" + token + "/" + token },
		"in a body": func(r *http.Request) {
			r.Method, r.Body, r.ContentLength = "POST", io.NopCloser(strings.NewReader(token)), int64(len(token))
		},
	}
	for name, change := range places {
		if status := c.ask(token, change); status == 200 {
			c.t.Errorf("a token %s: got 200", name)
		}
	}
	// A User-Agent is no reason to refuse, so its line is one of success.
	c.ask(token, func(r *http.Request) { r.Header.Set("User-Agent", "tool/1 "+token) })
}

// tokensThatAreNone asks with tokens that are unknown, over, or another's.
func (c *canary) tokensThatAreNone() {
	c.t.Helper()
	unknown, _ := newToken(control.TokenSpec{App: "app-file"})
	c.birds.plant("a token that nobody issued", unknown)
	short := c.token("short", "token", "issue", "app-file", "--ttl", "1s")
	gone := c.token("gone", "token", "issue", "app-process")
	c.run("token", "revoke", "app-process")
	c.run("token", "revoke", "app-process", "nobody", "--json")
	time.Sleep(1100 * time.Millisecond) // the shortest life there is
	for name, token := range map[string]string{"unknown": unknown, "over": short, "revoked": gone} {
		if status := c.ask(token, nil); status != 401 && status != 429 {
			c.t.Errorf("a token that is %s: got %d, want 401", name, status)
		}
	}
	other := func(r *http.Request) { r.URL.Path += "/process" }
	if status := c.ask(c.tokens["app-file"], other); status != 403 {
		c.t.Errorf("a profile of another app: got %d, want 403", status)
	}
	for range 150 { // beyond what a stranger may
		c.ask(unknown, nil)
	}
}

// brokenFiles reloads, and checks, files with a secret where none belongs: as a
// value that is not wanted, or is of the wrong type, as a policy, and in lines
// that cannot be read. What stands where a name belongs is not among them: it
// is quoted, since nobody would find it otherwise.
func (c *canary) brokenFiles() {
	c.t.Helper()
	path := filepath.Join(c.dir, "vendord.toml")
	good, err := os.ReadFile(path)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, more := range []string{
		"[sources.john]\naws_secret_access_key = \"SECRET\"\n",
		"[sources.john]\naws_secret_access_key = SECRET\n",
		"[sources.john]\naws_secret_access_key = \"SECRET\n",
		"[sources.john]\ntype = [\"SECRET\"]\n",
		"[sources.john]\ntype = \"process\"\ncommand = \"tool SECRET\"\n",
		"[sources.john]\ntype = \"process\"\ncommand = [\"/bin/no-such-tool\", \"SECRET\"]\n",
		"AKIACANARYCANARY0001 SECRET\n",
		"SECRET\n",
		"SECRET = 1\n",
		"[sources.john]\nSECRET\n",
		"[sources.john]\nprofile = 'SECRET\n",
		"[profiles.x]\nsource = \"file\"\nrole_arn = \"arn:aws:iam::629470240201:role/JohnUploadRole\"\npolicy = \"SECRET\"\n",
	} {
		secret := c.birds.hatch(fmt.Sprintf("a secret in vendord.toml, %q", more))
		c.write("vendord.toml", string(good)+strings.ReplaceAll(more, "SECRET", secret))
		c.run("reload")
		_ = c.daemon.Process.Signal(syscall.SIGHUP)
		c.run("check", path, "--json")
	}
	c.write("vendord.toml", string(good))
	c.run("reload")
}

// withoutDaemon runs what starts a daemon of its own, and what misses one.
func (c *canary) withoutDaemon() {
	c.t.Helper()
	c.run("status")
	c.run("exec", "--config", filepath.Join(c.dir, "vendord.toml"), "file", "--", "true")
	c.run("env", "app-file")
}

// search looks at everything.
func (c *canary) search() {
	c.t.Helper()
	c.mustHaveHappened(c.searchAll(map[string][]string{"state": {metadataKeyBird}}))
}

// searchAll looks at what was printed, recorded and left behind, in which the
// secrets of these names may be, and returns the record.
func (c *canary) searchAll(may map[string][]string) string {
	c.t.Helper()
	record, err := os.ReadFile(filepath.Join(c.dir, "audit.jsonl"))
	if err != nil {
		c.t.Fatal(err)
	}
	stored, left := "", []string{}
	for _, sub := range []string{"state", "tmp", "run"} {
		_ = filepath.WalkDir(filepath.Join(c.dir, sub), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() && sub != "tmp" || path == filepath.Join(c.dir, sub) {
				return err
			}
			if sub == "tmp" {
				left = append(left, path)
				return nil
			}
			if text, err := os.ReadFile(path); err == nil {
				stored += "\n" + path + "\n" + string(text)
			}
			return nil
		})
	}
	if len(left) > 0 {
		c.t.Errorf("left in the temporary directory: %q", left)
	}
	everything := map[string]string{"output": c.said.String(), "log": c.log.String(), "record": string(record), "state": stored}
	for where, text := range everything {
		if len(text) < 100 {
			c.t.Errorf("the %s has %d bytes: this test shows nothing", where, len(text))
		}
		for _, leak := range c.birds.leaks(text, may[where]...) {
			c.t.Errorf("canary, %s: %s", where, leak)
		}
	}
	return string(record)
}

// mustHaveHappened checks that the paths were taken: what was not tried cannot
// leak.
func (c *canary) mustHaveHappened(record string) {
	c.t.Helper()
	seen := map[string]bool{}
	for line := range strings.Lines(record) {
		var e struct {
			Status int
			Code   string
		}
		if err := json.Unmarshal([]byte(line), &e); err == nil {
			seen[fmt.Sprint(e.Status, e.Code)] = true
		}
	}
	for _, want := range []string{"200", "401NotRecognized", "403ProfileRefused", "403RequestRefused", "405RequestRefused",
		"403ConfigurationError", "403LoginNeeded", "403DeniedByAWS", "503NotReady"} {
		if !seen[want] {
			c.t.Errorf("the record has no %s: that path was not taken", want)
		}
	}
	for _, kind := range []string{"the keys of source file", "the keys of source environ", "the keys of source process", "AWS's SecretAccessKey",
		"AWS's SessionToken", "a token", "a token in a file", "what a failing command printed", "the token of a login", metadataKeyBird, sessionBird} {
		if !slices.Contains(c.birds.names(), kind) {
			c.t.Errorf("no bird is %s", kind)
		}
	}
}
