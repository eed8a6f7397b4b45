package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/fakeaws"
)

// canary is a machine on which every secret is known: sources of each kind, a
// daemon that says all it can, an AWS that repeats what it is sent, and a
// command line, all of whose output is kept.
type canary struct {
	t       *testing.T
	birds   *aviary
	dir     string
	vendord string
	mode    atomic.Value // string: what AWS does, see answer
	environ []string
	tokens  map[string]string // of each app
	said    *safeBuffer       // everything printed that is not the product
	daemon  *exec.Cmd
	log     *safeBuffer // of the daemon
	// What the daemon has in its environment and no command has, and where its
	// control socket is, if not where commands look for it.
	daemonEnv []string
	socket    string
	// Where EC2's metadata is answered.
	metadataAt string
}

// The ways in which AWS answers.
const (
	awsWorks     = "works"
	awsSignature = "SignatureDoesNotMatch, which quotes the canonical request"
	awsDenies    = "AccessDenied, which quotes the request"
	awsPage      = "a page of HTML, which quotes headers and form"
	awsHalf      = "half of a good answer"
	awsTrouble   = "HTTP 500, which quotes the request"
	awsUnknown   = "an error that nobody knows, which quotes the request"
)

var awsModes = []string{awsSignature, awsDenies, awsPage, awsHalf, awsTrouble, awsUnknown}

// sources of the canary, each with a kind of secret.
var canarySources = map[string]string{
	"file":    "type = \"shared-config\"\nprofile = \"john\"\nconfig_file = \"DIR/aws-config\"\ncredentials_file = \"DIR/aws-credentials\"",
	"environ": "type = \"environment\"",
	"process": "type = \"process\"\ncommand = [\"/bin/sh\", \"DIR/good.sh\"]",
	"broken":  "type = \"process\"\ncommand = [\"/bin/sh\", \"DIR/broken.sh\"]",
	"noisy":   "type = \"process\"\ncommand = [\"/bin/sh\", \"DIR/noisy.sh\"]",
	"login":   "type = \"shared-config\"\nprofile = \"login\"\nconfig_file = \"DIR/aws-config\"\ncredentials_file = \"DIR/aws-credentials\"",
	"missing": "type = \"shared-config\"\nprofile = \"nobody\"\nconfig_file = \"DIR/aws-config\"\ncredentials_file = \"DIR/aws-credentials\"",
	"half":    "type = \"shared-config\"\nprofile = \"half\"\nconfig_file = \"DIR/aws-config\"\ncredentials_file = \"DIR/aws-credentials\"",
}

var sourcesWithKeys = []string{"file", "environ", "process"}

// bareCanary is a machine without files, sources and AWS.
func bareCanary(t *testing.T) *canary {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := &canary{t: t, birds: &aviary{}, dir: dir, vendord: filepath.Join(dir, "bin", "vendord"), tokens: map[string]string{}, said: &safeBuffer{}, log: &safeBuffer{}}
	c.mode.Store(awsWorks)
	c.metadataAt = freePort(t)
	for _, sub := range []string{"bin", "run", "state", "tmp"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(self, c.vendord); err != nil {
		t.Fatal(err)
	}
	return c
}

func newCanary(t *testing.T) *canary {
	t.Helper()
	c := bareCanary(t)
	keys := map[string]fakeaws.AccessKey{}
	for i, name := range sourcesWithKeys {
		keys[name] = fakeaws.AccessKey{ID: fmt.Sprintf("AKIACANARYCANARY000%d", i),
			Secret: c.birds.hatch("the keys of source " + name)}
	}
	state := fakeaws.Example()
	for _, name := range sourcesWithKeys {
		state.Accounts[0].Users[0].Keys = append(state.Accounts[0].Users[0].Keys, keys[name])
	}
	fake, err := fakeaws.New(fakeaws.Config{State: state})
	if err != nil {
		t.Fatal(err)
	}
	aws := httptest.NewServer(c.aws(fake))
	t.Cleanup(aws.Close)
	for name, text := range map[string]string{
		"aws-config":      "[profile login]\nsso_session = corp\nsso_account_id = 629470240201\nsso_role_name = Dev\n[sso-session corp]\nsso_region = eu-west-1\nsso_start_url = https://corp.example/start\n",
		"aws-credentials": "[john]\naws_access_key_id = " + keys["file"].ID + "\naws_secret_access_key = " + keys["file"].Secret + "\n[half]\naws_secret_access_key = " + c.birds.hatch("half of a profile's keys") + "\n",
		"good.sh":         "cat <<.\n" + `{"Version":1,"AccessKeyId":"` + keys["process"].ID + `","SecretAccessKey":"` + keys["process"].Secret + `"}` + "\n.\n",
		"broken.sh":       "printf '%s' '{\"Version\":1,\"SecretAccessKey\":\"" + c.birds.hatch("what a failing command printed") + "'\nexit 3\n",
		"noisy.sh":        "echo '" + c.birds.hatch("what a command complained of") + "' >&2\necho '{\"Version\":1}'\n",
		// The name is the SHA-1 of the session's: corp.
		"home/.aws/sso/cache/ee0bfd2552fbd840c02cc48b6e823320543c450f.json": `{"accessToken":"` + c.birds.hatch("the token of a login") + `","expiresAt":"2020-01-01T00:00:00Z"}`,
		"vendord.toml": c.config(aws.URL, c.metadataConfig()),
	} {
		c.write(name, text)
	}
	c.env(keys["environ"])
	return c
}

func (c *canary) write(name, text string) {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// config is a configuration with a profile, and an app, for each source, and
// for each way of AWS's and each source that has keys.
func (c *canary) config(aws, more string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[daemon]\nregion = \"eu-west-1\"\nsts_endpoint = %q\n", aws)
	profile := func(name, source string) {
		fmt.Fprintf(&b, "[profiles.%s]\nsource = %q\nrole_arn = \"arn:aws:iam::629470240201:role/JohnUploadRole\"\nsession_name = %q\n[apps.app-%s]\nprofiles = [%q]\n",
			name, source, name, name, name)
	}
	for name, text := range canarySources {
		fmt.Fprintf(&b, "[sources.%s]\n%s\n", name, strings.ReplaceAll(text, "DIR", c.dir))
		profile(name, name)
	}
	for i := range awsModes {
		for _, source := range sourcesWithKeys {
			profile(fmt.Sprintf("mode%d-%s", i, source), source)
		}
	}
	return b.String() + more
}

// env is the environment of everything that runs.
func (c *canary) env(key fakeaws.AccessKey) {
	c.environ = []string{"HOME=" + filepath.Join(c.dir, "home"), "PATH=" + os.Getenv("PATH"), "TMPDIR=" + filepath.Join(c.dir, "tmp"),
		"GORACE=atexit_sleep_ms=0", "XDG_RUNTIME_DIR=" + filepath.Join(c.dir, "run"), "XDG_STATE_HOME=" + filepath.Join(c.dir, "state"),
		"AWS_ACCESS_KEY_ID=" + key.ID, "AWS_SECRET_ACCESS_KEY=" + key.Secret}
}

func (c *canary) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(c.t.Context(), c.vendord, args...)
	cmd.Env, cmd.Dir = c.environ, c.dir
	return cmd
}

// issuedSecret finds the secrets in an answer of STS.
var issuedSecret = regexp.MustCompile(`<(SecretAccessKey|SessionToken)>([^<]+)<`)

// aws is the fake AWS, or what stands in its place. Every secret that it issues
// is a bird.
func (c *canary) aws(fake http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		fake.ServeHTTP(answer, r)
		for _, found := range issuedSecret.FindAllStringSubmatch(answer.Body.String(), -1) {
			c.birds.plant("AWS's "+found[1], found[2])
		}
		var sent strings.Builder
		_ = r.Header.Write(&sent)
		quoted := "'" + strings.NewReplacer("&", "&amp;", "<", "&lt;").Replace("POST\n/\n\n"+sent.String()+"\n"+string(body)+"\n"+c.allSourceKeys()) + "'"
		refuse := func(status int, code string) {
			w.WriteHeader(status)
			fmt.Fprintf(w, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>The canonical string should have been %s</Message></Error></ErrorResponse>`, code, quoted)
		}
		switch c.mode.Load() {
		case awsWorks:
			for name, values := range answer.Header() {
				w.Header()[name] = values
			}
			w.WriteHeader(answer.Code)
			_, _ = w.Write(answer.Body.Bytes())
		case awsSignature:
			refuse(403, "SignatureDoesNotMatch")
		case awsDenies:
			refuse(403, "AccessDenied")
		case awsPage:
			fmt.Fprintf(w, "<html><pre>%s</pre></html>", quoted)
		case awsHalf:
			text := answer.Body.String()
			_, _ = io.WriteString(w, text[:max(len(text)/2, strings.Index(text, "<Expiration>"))]) // after the secrets
		case awsTrouble:
			refuse(500, "InternalFailure")
		default:
			refuse(418, "Teapot")
		}
	})
}

// allSourceKeys stands at the end of what AWS quotes: no honest AWS knows it
// from the request, but an emulator's debug page shows what it has on file.
func (c *canary) allSourceKeys() string {
	c.birds.mu.Lock()
	defer c.birds.mu.Unlock()
	var all []string
	for secret, name := range c.birds.birds {
		if strings.HasPrefix(name, "the keys of source") {
			all = append(all, secret)
		}
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

// serve starts the daemon with everything that it can say, and waits for it.
func (c *canary) serve(format string) {
	c.t.Helper()
	c.daemon = c.command("serve", "--config", filepath.Join(c.dir, "vendord.toml"), "--state-dir", filepath.Join(c.dir, "state"),
		"--audit-log", filepath.Join(c.dir, "audit.jsonl"), "--log-level", "debug", "--log-format", format)
	c.daemon.Env = append(c.daemon.Env, c.daemonEnv...)
	if c.socket != "" {
		c.daemon.Args = append(c.daemon.Args, "--socket", c.socket)
	}
	c.daemon.Stdout, c.daemon.Stderr = c.log, c.log
	c.daemon.Cancel = func() error { return c.daemon.Process.Signal(syscall.SIGTERM) }
	if err := c.daemon.Start(); err != nil {
		c.t.Fatal(err)
	}
	for range 2400 {
		if strings.Contains(c.log.String(), "ready") {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	c.t.Fatalf("serve: not ready within a minute: %s", c.log)
}

// stop ends the daemon as a service manager does.
func (c *canary) stop() {
	c.t.Helper()
	if err := c.daemon.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Error(err)
	}
	if err := c.daemon.Wait(); err != nil {
		c.t.Errorf("serve: %v", err)
	}
}

// run runs a command whose stdout may hold no secret either.
func (c *canary) run(args ...string) (ok bool) {
	c.t.Helper()
	product, ok := c.product(args...)
	fmt.Fprintf(c.said, "%s\n", product)
	return ok
}

// product runs a command whose stdout is a secret: it is not searched.
func (c *canary) product(args ...string) (stdout string, ok bool) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := c.command(args...)
	var out bytes.Buffer
	cmd.Stdout = &out
	fmt.Fprintf(c.said, "$ vendord %s\n", strings.Join(args, " "))
	cmd.Stderr = c.said
	err := cmd.Run()
	if ctx.Err() != nil {
		c.t.Errorf("vendord %s: not done within two minutes", strings.Join(args, " "))
	}
	if _, exit := errors.AsType[*exec.ExitError](err); err != nil && !exit {
		c.t.Fatalf("vendord %s: %v", strings.Join(args, " "), err)
	}
	return out.String(), err == nil
}
