package main

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/fakeaws"
)

// TestCanarySignIns takes the secrets of people who sign in, of machines that
// prove who they are, and of sessions that have parents, through success and
// every failure, and looks for them in all that was printed, left behind, shown
// to other processes or sent over the control socket.
func TestCanarySignIns(t *testing.T) {
	t.Parallel() // with TestBadDays: both mostly wait
	var formats sync.WaitGroup
	for first, format := range []string{"text", "json"} {
		formats.Go(func() {
			t.Run("log in "+format, func(t *testing.T) {
				c := newSignInCanary(t)
				c.first = first
				c.record()
				c.serve(format)
				c.issueTokens()
				c.nobodySignedIn()
				c.browsers()
				c.devices()
				c.codes()
				c.machines()
				c.narrowed()
				c.files("signed in", true)
				c.echoed()
				c.ended()
				c.keys()
				c.looks()
				c.try("", nil, "logout")
				c.files("signed out", false)
				c.crash(format)
				c.searchSignIns()
			})
		})
	}
	formats.Wait()
}

// record puts a recorder between the commands and the daemon.
func (c *signInCanary) record() {
	c.t.Helper()
	dir := filepath.Join(c.dir, "run", "vendord")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		c.t.Fatal(err)
	}
	c.socket = filepath.Join(dir, "real.sock")
	ln, err := net.Listen("unix", filepath.Join(dir, "control.sock"))
	if err != nil {
		c.t.Fatal(err)
	}
	_ = os.Chmod(ln.Addr().String(), 0o600)
	c.t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			from, err := ln.Accept()
			if err != nil {
				return
			}
			go c.relay(from)
		}
	}()
}

// relay takes down both directions, each in one piece.
func (c *signInCanary) relay(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("unix", c.socket)
	if err != nil {
		return
	}
	defer to.Close()
	var both sync.WaitGroup
	pass := func(dst, src net.Conn) {
		var said strings.Builder
		defer func() { fmt.Fprintln(c.wire, said.String()) }()
		b := make([]byte, 64<<10)
		for {
			n, err := src.Read(b)
			said.Write(b[:n])
			if _, failed := dst.Write(b[:n]); err != nil || failed != nil {
				_ = dst.(*net.UnixConn).CloseWrite()
				return
			}
		}
	}
	both.Go(func() { pass(to, from) })
	both.Go(func() { pass(from, to) })
	both.Wait()
}

// must is try for what has to work.
func (c *signInCanary) must(stdin string, environ []string, args ...string) {
	c.t.Helper()
	if !c.try(stdin, environ, args...) {
		said := c.said.String()
		c.t.Errorf("vendord %s: fails: …%s", strings.Join(args[:2], " "), said[max(0, len(said)-400):])
	}
}

// mustNot is try for what cannot.
func (c *signInCanary) mustNot(stdin string, environ []string, args ...string) {
	c.t.Helper()
	if c.try(stdin, environ, args...) {
		c.t.Errorf("vendord %s: works", strings.Join(args[:2], " "))
	}
}

// answering runs something while AWS echoes, in half of the ways with each form
// of the log: every other one.
func (c *signInCanary) answering(do func(i int, e *echo)) {
	c.t.Helper()
	for i := c.first; i < len(echoes); i += 2 {
		c.echo.Store(&echoes[i])
		do(i, &echoes[i])
	}
	c.echo.Store(nil)
}

// nobodySignedIn asks, and signs in while AWS refuses.
func (c *signInCanary) nobodySignedIn() {
	c.t.Helper()
	c.mustNot("", nil, "exec", "reader", "--", "true")
	c.answering(func(int, *echo) {
		c.mustNot("", nil, "login", "jane", "--device")
		c.mustNot("", nil, "login", "jane")
	})
}

// browsers sign in, and meet what can go wrong there.
func (c *signInCanary) browsers() {
	c.t.Helper()
	c.must("", nil, "login", "reader")
	c.must("", nil, "logout", "jane")
	c.answering(func(int, *echo) { c.mustNot("", nil, "login", "jane") }) // registered: now the code is refused
	for _, attack := range []string{"state", "rebinding", "twice"} {
		c.must("", []string{"ATTACK=" + attack}, "login", "jane", "--json")
	}
	if err := c.fake.SignIn(fakeaws.RefuseSignIn, ""); err != nil {
		c.t.Fatal(err)
	}
	c.mustNot("", nil, "login", "shared")
	if err := c.fake.SignIn(fakeaws.ApproveSignIn, ""); err != nil {
		c.t.Fatal(err)
	}
	c.must("", nil, "login", "shared")
	c.must("", nil, "exec", "reader", "--", "true")
	c.must("", nil, "exec", "shared", "--", "true")
}

// devices sign in with a code of the page's, which is no secret.
func (c *signInCanary) devices() {
	c.t.Helper()
	c.must("", nil, "logout", "jane")
	decide := func(mode fakeaws.SignInMode, ok bool) {
		decided := make(chan error, 1)
		go func() {
			err := fmt.Errorf("never asked")
			for deadline := time.Now().Add(time.Minute); err != nil && time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
				err = c.fake.Decide(mode, "", "")
			}
			decided <- err
		}()
		if c.try("", nil, "login", "jane", "--device") != ok {
			c.t.Errorf("login --device, %s: got success %t", mode, !ok)
		}
		if err := <-decided; err != nil {
			c.t.Errorf("Decide: %v", err)
		}
	}
	decide(fakeaws.RefuseSignIn, false)
	decide(fakeaws.ApproveSignIn, true)
}

// codes of an MFA device: wrong, used, refused, right, and no codes at all.
func (c *signInCanary) codes() {
	c.t.Helper()
	wrong := c.birds.plantCode("a wrong code", "604173")
	c.mustNot("", nil, "login", "anna", "--code", wrong)
	c.mustNot(wrong+"\n", nil, "login", "anna", "--code", "-")
	c.mustNot("", nil, "login", "anna", "--code", c.birds.hatch("a password at the wrong prompt"))
	c.answering(func(i int, _ *echo) {
		c.mustNot(c.birds.plantCode("a typed code", fmt.Sprintf("70417%d", i)), nil, "login", "anna", "--code", "-")
	})
	right := c.birds.plantCode("a typed code", totp(time.Now()))
	c.must(right, nil, "login", "anna", "--code", "-")
	c.mustNot(right, nil, "login", "anna", "--code", "-")
	c.must("", nil, "exec", "anna", "--", "true")
}

// machines prove who they are, and hand out what they have.
func (c *signInCanary) machines() {
	c.t.Helper()
	c.proofs()
	for _, name := range append(signInNames(), "reader", "shared", "anna") {
		if name == "robot" { // on a busy machine its turn comes when the code of the beginning is over
			c.robotCode()
		}
		out, ok := c.product("credentials", name)
		if !ok || !strings.Contains(out, "SecretAccessKey") {
			c.t.Errorf("credentials %s: fails", name)
		}
		status := c.ask(c.tokens["app-"+name], nil)
		for end := time.Now().Add(time.Minute); status == 503 && time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
			status = c.ask(c.tokens["app-"+name], nil) // the daemon was still asking AWS
		}
		if status != 200 {
			c.t.Errorf("app-%s: got %d, want 200", name, status)
		}
		c.run("whoami", name)
		c.run("whoami", name, "--json")
	}
}

func signInNames() (names []string) {
	for name := range signInSources {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// narrowed hands commands policies of their own.
func (c *signInCanary) narrowed() {
	c.t.Helper()
	const arn = "arn:aws:iam::123456789012:policy/PolicyName1"
	script := []string{"--", "/bin/sh", filepath.Join(c.dir, "exec.sh")}
	c.must("", nil, append([]string{"exec", "jwtfile", "--policy-file", "narrow.json"}, script...)...)
	c.must("", nil, append([]string{"exec", "jwtfile", "--policy-arn", arn}, script...)...)
	c.mustNot("", nil, append([]string{"exec", "jwtfile", "--policy-file", "bad.json"}, script...)...)
	c.mustNot("", nil, append([]string{"exec", "pod", "--policy-file", "narrow.json"}, script...)...) // it has a scope
	c.answering(func(int, *echo) {
		c.mustNot("", nil, append([]string{"exec", "jwtfile", "--policy-file", "narrow.json"}, script...)...)
	})
	for _, name := range []string{"pod", "reader", "anna"} {
		c.must("", nil, append([]string{"exec", name}, script...)...)
	}
}

// echoed asks for sessions while AWS repeats what it is sent.
func (c *signInCanary) echoed() {
	c.t.Helper()
	c.answering(func(i int, e *echo) {
		c.try("", nil, "lock", "--json")
		c.try("", nil, "unlock", "--json")
		c.write("code", c.birds.plantCode("a code that a command prints", fmt.Sprintf("80417%d", i)))
		var all sync.WaitGroup
		for range 2 { // another secret each time
			for _, name := range append(signInNames(), "managed", "lesson") {
				all.Go(func() {
					c.mustNot("", nil, "exec", name, "--", "true")
					if status := c.ask(c.tokens["app-"+name], nil); status != 403 && status != 503 {
						c.t.Errorf("app-%s under %s: got %d, want 403 or 503", name, e.code, status)
					}
				})
			}
			all.Wait()
			c.try("", nil, "lock", "--json")
			c.try("", nil, "unlock", "--json")
		}
		for _, name := range []string{"machine", "pod", "anna", "robot", "jane"} {
			all.Go(func() { c.mustNot("", nil, "source", "check", name) })
		}
		all.Go(func() { c.mustNot("", nil, "policy", "fetch", "managed") })
		all.Wait()
	})
	c.only.Store("/federation/")
	c.answering(func(i int, _ *echo) {
		c.must("", nil, "login", "jane")
		for range 2 {
			c.mustNot("", nil, "exec", fmt.Sprintf("reader%d", i), "--", "true")
		}
		c.mustNot("", nil, "source", "check", fmt.Sprintf("jane%d", i))
	})
	c.only.Store("")
}

// ended has logins end at AWS, renewed and not, and leave while AWS is away.
func (c *signInCanary) ended() {
	c.t.Helper()
	c.must("", nil, "login", "shared")
	c.short.Store(true)
	for range 2 {
		c.must("", nil, "login", "jane")
		time.Sleep(2 * time.Second) // the life of the token
		c.must("", nil, "source", "check", "jane1")
	}
	c.answering(func(int, *echo) {
		time.Sleep(250 * time.Millisecond)
		c.mustNot("", nil, "source", "check", "jane1") // nor renewed
	})
	c.short.Store(false)
	c.must("", nil, "login", "jane")
	c.fake.ExpireTokens("")
	c.try("", nil, "source", "check", "jane")
	c.fake.Revoke("")
	c.mustNot("", nil, "source", "check", "jane1")
	c.mustNot("", nil, "source", "check", "shared")
	c.must("", nil, "login", "jane")
	c.answering(func(int, *echo) {
		c.try("", nil, "logout", "jane")
		c.echo.Store(nil)
		c.must("", nil, "login", "jane")
	})
	c.proofs()
	for file, text := range map[string]string{"token.jwt": c.birds.hatch("no JWT"), "assertion": c.birds.hatch("no assertion"),
		"code": c.birds.hatch("no code")} {
		c.write(file, text)
	}
	c.try("", nil, "lock")
	c.try("", nil, "unlock")
	for _, name := range []string{"jwtfile", "jwtcommand", "samlfile", "samlcommand", "robot"} {
		c.mustNot("", nil, "exec", name, "--", "true")
	}
	c.proofs()
	c.must("", nil, "login", "jane")
}

// keys for the keyring, where there is none.
func (c *signInCanary) keys() {
	c.t.Helper()
	const id = "AKIACANARYLOCKER0001"
	secret := c.birds.hatch("keys for the keyring")
	for _, text := range []string{id + "\n" + secret, `{"AccessKeyId":"` + id + `","SecretAccessKey":"` + secret + `"}`, secret + "\n" + id,
		secret, `{"AccessKeyId":"` + id + `","SecretAccessKey":` + secret + `}`, id + "\n" + secret + "!"} {
		c.mustNot(text, nil, "source", "add", "locker", "--stdin")
	}
	c.mustNot("", nil, "source", "remove", "locker")
	c.mustNot("", nil, "exec", "locker", "--", "true")
}

// looks runs every command that only looks.
func (c *signInCanary) looks() {
	c.t.Helper()
	c.look()
	for _, args := range [][]string{{"source", "list"}, {"policy", "check", "jwtfile"}, {"policy", "check", "narrow.json"}, {"policy", "check", "bad.json"},
		{"policy", "explain", "reader", "s3:GetObject", "*"}, {"policy", "diff", "reader", "pod"}, {"policy", "fetch", "managed"}} {
		c.try("", nil, args...)
		c.try("", nil, append(args, "--json")...)
	}
	c.must("", nil, "debug", "goroutine", "--text")
	c.must("", nil, "debug", "heap")
	c.must("", nil, "debug", "trace", "--seconds", "1")
	c.run("reload")
}

// crash ends the daemon in the way in which it says the most.
func (c *signInCanary) crash(format string) {
	c.t.Helper()
	if format == "text" {
		c.stop()
		return
	}
	if err := c.daemon.Process.Signal(syscall.SIGQUIT); err != nil {
		c.t.Error(err)
	}
	_ = c.daemon.Wait()
	if !strings.Contains(c.log.String(), "goroutine ") {
		c.t.Error("SIGQUIT: no stacks were printed, so this test shows nothing of them")
	}
}

// The files in which a secret may be, all of them for their user alone. What the
// test wrote by itself is not among them.
var mayHold = []struct {
	path  string // begins with it
	names []string
	login bool // only as long as somebody is signed in
}{
	{"state/logins/", []string{"an access token", "a refresh token", "a client secret"}, true},
	{"home/.aws/sso/cache/", []string{"an access token", "a refresh token", "a client secret"}, true},
}

// planted are files of the test's own, which it fills.
var planted = []string{"aws-credentials", "token.jwt", "assertion", "code", "narrow.json", "bad.json", "page", "children/"}

// files looks for secrets in every file that there is.
func (c *signInCanary) files(when string, signedIn bool) {
	c.t.Helper()
	held := 0
	err := filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(c.dir, path)
		if err != nil || !d.Type().IsRegular() || slices.ContainsFunc(planted, func(p string) bool { return strings.HasPrefix(name, p) }) {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		var may []string
		for _, m := range mayHold {
			if strings.HasPrefix(name, m.path) && (signedIn || !m.login) {
				may = m.names
			}
		}
		for _, leak := range c.birds.leaks(string(text), may...) {
			c.t.Errorf("canary, %s, file %s: %s", when, name, leak)
		}
		if len(c.birds.leaks(string(text))) == 0 {
			return nil
		}
		held++
		if info, err := d.Info(); err != nil || info.Mode().Perm() != 0o600 {
			c.t.Errorf("file %s: got mode %v, want 0600", name, info.Mode())
		}
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	if signedIn && held < 2 {
		c.t.Errorf("%s: %d files have secrets of a login, want the store and the shared cache: this test shows nothing", when, held)
	}
}

// ownWords are the browser's, of a page that it cannot load.
var ownWords = regexp.MustCompile(`(?m)^Get ".*$`)

// searchSignIns looks at everything else.
func (c *signInCanary) searchSignIns() {
	c.t.Helper()
	// The page's address is for the person's eyes, and the state stands in it. It
	// is no secret of AWS's: whoever reads it, on the terminal or among the
	// browser's arguments, has neither the code nor the verifier, gets no token
	// with it, and finds it used within minutes.
	record := c.searchAll(map[string][]string{"output": {"the state"}})
	children := map[string]string{}
	for _, name := range []string{"browser", "jwt", "saml", "code", "exec"} {
		for _, part := range []string{".cmdline", ".environ"} {
			text, err := os.ReadFile(filepath.Join(c.dir, "children", name+part))
			if err != nil || len(text) == 0 {
				c.t.Errorf("child %s: its %s was not seen: %v", name, part, err)
			}
			children[name+part] = string(text)
		}
	}
	seen, _ := os.ReadFile(filepath.Join(c.dir, "page"))
	page := ownWords.ReplaceAllString(string(seen), "")
	for where, look := range map[string]struct {
		text string
		may  []string
	}{
		"the control socket": {c.wire.String(), []string{"the state", "an authorization code", "a wrong code", "a typed code",
			"a code that AWS was sent", "a policy's text", "a password at the wrong prompt"}},
		"the browser's arguments":   {children["browser.cmdline"], []string{"the state"}},
		"the browser's environment": {children["browser.environ"], nil},
		"arguments of children":     {children["jwt.cmdline"] + children["saml.cmdline"] + children["code.cmdline"] + children["exec.cmdline"], nil},
		"environments of children":  {children["jwt.environ"] + children["saml.environ"] + children["code.environ"], nil},
		"what the browser shows":    {page, nil},
	} {
		if len(look.text) < 50 {
			c.t.Errorf("%s: %d bytes: this test shows nothing", where, len(look.text))
		}
		for _, leak := range c.birds.leaks(look.text, look.may...) {
			c.t.Errorf("canary, %s: %s", where, leak)
		}
	}
	for _, want := range []string{"Signed in", "Not signed in", "Not this sign-in", "Nothing here"} {
		if !strings.Contains(page, want) {
			c.t.Errorf("the browser never showed %q: that path was not taken", want)
		}
	}
	for _, want := range []string{`"status":200`, "LoginNeeded", "DeniedByAWS", "ConfigurationError", "NotReady", `"narrowed":true`} {
		if !strings.Contains(record, want) {
			c.t.Errorf("the record has no %s: that path was not taken", want)
		}
	}
	names := c.birds.names()
	for _, want := range []string{"a JWT", "an assertion", "an access token", "a refresh token", "a client secret", "a device code", "an authorization code",
		"a PKCE verifier", "the state", "a token of metadata", "the token of a container", "AWS's SecretAccessKey", "AWS's SessionToken",
		"a token", "a policy's text", "keys for the keyring", "the keys of anna", "the keys of robot"} {
		if !slices.Contains(names, want) {
			c.t.Errorf("no bird is %s", want)
		}
	}
}
