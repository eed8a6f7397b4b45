//go:build unix

package mint_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

const printed = `{"Version":1,"AccessKeyId":"` + keyID + `","SecretAccessKey":"` + secretKey + `"}`

// look is the hint of commands that failed.
const look = "run the command yourself, as vendord's user: what it prints is not shown here, since it may hold secrets"

// script is a credential command that does what a text of shell says. The text
// is an argument: a file that was just written cannot always be executed while
// other tests fork.
func script(text string, args ...string) session.Source {
	return command(append([]string{"sh", "-c", text, "tool"}, args...)...)
}

func command(argv ...string) session.Source {
	return session.Source{Name: "john", Type: session.Process, Command: session.List(argv)}
}

// environ is the environment of a daemon, with what a command must not get.
func environ() []string {
	return append(os.Environ(), "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:1", "AWS_CONTAINER_AUTHORIZATION_TOKEN=CANARY",
		"AWS_PROFILE=base", "VENDORD_INSIDE=/run/vendord/control.sock")
}

func TestProcess(t *testing.T) {
	tests := map[string]struct{ text, token string }{
		"keys":                  {"echo '" + printed + "'", ""},
		"a session":             {`echo '{"Version":1,"AccessKeyId":"` + keyID + `","SecretAccessKey":"s","SessionToken":"CANARYt","Expiration":"2126-11-21T21:00:00+01:00","AccountId":"1"}'`, "CANARYt"},
		"noise beside it":       {"echo CANARY >&2; echo '" + printed + "'", ""},
		"a child that lives on": {"sleep 5 & echo '" + printed + "'", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sts := newSTS(t, grants)
			r := request(sts.URL)
			r.Source = script(test.text)
			if err := mint.CheckSource(r.Source, ""); err != nil {
				t.Errorf("CheckSource: got %v", err)
			}
			_, log := mustMint(t, mint.Config{Environ: environ()}, r)
			if got := sts.only(t).header; !strings.Contains(got.Get("Authorization"), keyID) || got.Get("X-Amz-Security-Token") != test.token {
				t.Errorf("signed %q with token %q, want the command's", got.Get("Authorization"), got.Get("X-Amz-Security-Token"))
			}
			if strings.Contains(log, "CANARY") {
				t.Errorf("log: got a secret in %s", log)
			}
		})
	}
}

// TestProcessSurroundings: a command has the daemon's environment but for what
// leads back to vendord, its arguments as they are, and nobody to talk to.
func TestProcessSurroundings(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	sts := newSTS(t, grants)
	r := request(sts.URL)
	r.Source = script(`{ env; echo "args: $#: $1"; echo "stdin: $(cat)"; (: </dev/tty) 2>/dev/null && echo "has a terminal"; } > `+out+"\necho '"+printed+"'", "$(id); 'x' y")
	mustMint(t, mint.Config{Environ: environ()}, r)
	text, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nVENDORD_INSIDE=/run/vendord/control.sock\n", "\nAWS_PROFILE=base\n", "\nPATH=", "\nargs: 1: $(id); 'x' y\n", "\nstdin: \n"} {
		if !strings.Contains("\n"+string(text), want) {
			t.Errorf("got no %q in %s", want, text)
		}
	}
	for _, not := range []string{"AWS_CONTAINER_", "has a terminal"} {
		if strings.Contains(string(text), not) {
			t.Errorf("got %q", not)
		}
	}
}

// TestProcessWithoutEnvironment: none is none, and not that of the process.
func TestProcessWithoutEnvironment(t *testing.T) {
	hostile(t)
	sts := newSTS(t, grants)
	r := request(sts.URL)
	r.Source = script(`[ -z "$AWS_PROFILE" ] && echo '` + printed + `'`)
	mustMint(t, mint.Config{Environ: []string{}}, r)
}

func TestProcessFails(t *testing.T) {
	tests := map[string]struct{ text, problem string }{
		"it fails":            {"echo CANARY; echo CANARY >&2; exit 3", "failed (exit status 3, 7 bytes on standard error)"},
		"it is killed":        {"kill -9 $$", "failed (signal: killed, 0 bytes on standard error)"},
		"it prints nothing":   {"", "did not print the JSON of a credential_process"},
		"it prints words":     {"echo please log in: CANARY", "did not print the JSON of a credential_process"},
		"it prints a list":    {"echo '[\"CANARY\"]'", "did not print the JSON of a credential_process"},
		"it prints two":       {"echo '" + printed + printed + "'", "did not print the JSON of a credential_process"},
		"the version is text": {`echo '{"Version":"CANARY"}'`, "did not print the JSON of a credential_process"},
		"another version":     {`echo '{"Version":2,"AccessKeyId":"CANARY","SecretAccessKey":"CANARY"}'`, "printed another Version than 1"},
		"no version":          {`echo '{"AccessKeyId":"CANARY","SecretAccessKey":"CANARY"}'`, "printed another Version than 1"},
		"no key id":           {`echo '{"Version":1,"SecretAccessKey":"CANARY"}'`, "printed no AccessKeyId"},
		"no secret":           {`echo '{"Version":1,"AccessKeyId":"CANARY"}'`, "printed no SecretAccessKey"},
		"an odd expiry":       {`echo '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"B","Expiration":"CANARY"}'`, "printed an Expiration that is not a time (RFC 3339)"},
		"expired":             {`echo '{"Version":1,"AccessKeyId":"A","SecretAccessKey":"B","Expiration":"2020-11-21T21:00:00Z"}'`, "printed credentials that have expired"},
		"too much":            {"while :; do echo CANARYCANARYCANARYCANARY; done", "printed more than 64 KiB"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request("http://127.0.0.1:1")
			r.Source = script(test.text)
			wantError(t, refused(t, mint.Config{Environ: environ()}, r), session.Retry, source+"its command "+test.problem, look)
		})
	}
}

func TestProcessThatCannotBe(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "file")
	write(t, plain, "not a program")
	const absolute = "give its absolute path: the daemon's PATH may be shorter than yours; then run: vendord reload"
	const where = "a source is where vendord gets its own credentials from"
	tests := map[string]struct {
		source        session.Source
		problem, hint string
	}{
		"nothing":            {command(), "it has no command", `write it as a list: command = ["/usr/bin/tool", "argument"]`},
		"an empty name":      {command("", "x"), "it has no command", `write it as a list: command = ["/usr/bin/tool", "argument"]`},
		"vendord":            {command("vendord", "credentials"), "its command is vendord itself", where},
		"vendord, by path":   {command("/usr/bin/vendord"), "its command is vendord itself", where},
		"vendord on Windows": {command("vendord.exe"), "its command is vendord itself", where},
		"not there":          {command("/nowhere/tool"), `its command "/nowhere/tool" is not there, or cannot be run`, absolute},
		"not in PATH":        {command("no-such-tool-here"), `its command "no-such-tool-here" is not there, or cannot be run`, absolute},
		"no program":         {command(plain), `its command "` + plain + `" is not there, or cannot be run`, absolute},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := request("http://127.0.0.1:1")
			r.Source = test.source
			wantError(t, refused(t, mint.Config{}, r), session.Configuration, source+test.problem, test.hint)
			wantError(t, session.AsError(mint.CheckSource(test.source, "")), session.Configuration, source+test.problem, test.hint)
		})
	}
}

// TestProcessThatIsNoProgram passes the check of its permissions and fails to
// start.
func TestProcessThatIsNoProgram(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "file")
	write(t, plain, "\x7fELF but not really")
	if err := os.Chmod(plain, 0o700); err != nil {
		t.Fatal(err)
	}
	r := request("http://127.0.0.1:1")
	r.Source = command(plain)
	wantError(t, refused(t, mint.Config{}, r), session.Retry, source+"its command failed (it could not be started, 0 bytes on standard error)", look)
}

// TestProcessHangs: at ctx's end the command dies, with what it started.
func TestProcessHangs(t *testing.T) {
	pids := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r := request("http://127.0.0.1:1")
	r.Source = script("sleep 60 & echo $$ $! > " + pids + ".new; mv " + pids + ".new " + pids + "; wait")
	start := time.Now()
	go func() { // once there is somebody to die
		for ctx.Err() == nil {
			if _, err := os.Stat(pids); err == nil {
				start = time.Now()
				cancel()
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	wantError(t, refusedWithin(t, ctx, mint.Config{Environ: environ()}, r), session.Retry, source+"its command did not end in time", look)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v from ctx's end, want no time", took)
	}
	text, err := os.ReadFile(pids)
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatal(err)
		}
		for running(pid) {
			if time.Since(start) > 15*time.Second {
				t.Fatalf("process %d: still there", pid)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// running tells whether a process still runs; one that nobody has waited for
// does not.
func running(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err != nil || !strings.Contains(string(stat), ") Z ")
}

// TestProfileProcess runs the credential_process of an SDK profile: by a shell,
// as the SDK does, and with the same care as any command.
func TestProfileProcess(t *testing.T) {
	hostile(t)
	sts := newSTS(t, grants)
	r := request(sts.URL)
	r.Source = shared("john")
	tool := filepath.Join(t.TempDir(), "a b")
	write(t, tool, `[ -z "$AWS_CONTAINER_CREDENTIALS_FULL_URI" ] && echo '`+printed+`'`)
	c := mint.Config{Environ: environ(), Home: home(t, "[profile john]\ncredential_process = sh '"+tool+"'\n", "")}
	mustMint(t, c, r)
	c.Home = home(t, "[profile john]\nrole_arn=arn:aws:iam::1:role/R\ncredential_process = echo '"+strings.Replace(printed, "CANARY", "CANARY ", 1)+"'\n", "")
	wantError(t, refused(t, c, r), session.Person, source+"its secret key is empty or has characters that no key has",
		"a quote, a blank or a line break may have been copied along; then run: vendord reload")
	c.Home = home(t, "[profile john]\ncredential_process = echo CANARY; exit 4\n", "")
	wantError(t, refused(t, c, r), session.Retry, `source "john", SDK profile "john": its command failed (exit status 4, 0 bytes on standard error)`, look)
}

// TestPipe: opening a pipe as a file would wait for ever.
func TestPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	s := shared("john")
	s.ConfigFile = pipe
	wantError(t, session.AsError(mint.CheckSource(s, "")), session.Configuration, source+"reading "+pipe+": it is not a regular file",
		"the file must be there and readable for vendord's user; then run: vendord reload")
}

// TestSourceItselfForYears: no session of AWS's lives so long, whatever a command
// prints.
func TestSourceItselfForYears(t *testing.T) {
	for _, until := range []string{"2036-11-21T21:00:00Z", "9999-12-31T23:59:59Z"} {
		r := bare(t, session.SourceItself, "")
		r.Source = command("echo", `{"Version":1,"AccessKeyId":"`+newKeyID+`","SecretAccessKey":"s","SessionToken":"t","Expiration":"`+until+`"}`)
		got, log := mustMint(t, mint.Config{}, r)
		if left := got.Left(time.Now()); (left-36*time.Hour).Abs() > 3*time.Second || !strings.Contains(log, "later than any of AWS's: cut") {
			t.Errorf("until %s: got %v left, and the log %s", until, left, log)
		}
	}
}

// What the service's sandbox did to a command is said instead of the usual hint.
func TestHinderedProcess(t *testing.T) {
	for want, source := range map[string]session.Source{
		"hindered: /nowhere/op": command("/nowhere/op"),
		"hindered: sh":          script("kill -SYS $$"),
	} {
		m, err := mint.New(mint.Config{Environ: environ(), Hindered: func(command string, err error) string {
			if err == nil {
				t.Errorf("%s: hindered by no error", command)
			}
			return "hindered: " + command
		}})
		if err != nil {
			t.Fatal(err)
		}
		r := request("http://127.0.0.1:1")
		r.Source = source
		_, err = m.Mint(t.Context(), r)
		if e, ok := errors.AsType[*session.Error](err); !ok || e.Hint != want {
			t.Errorf("Mint: got %v, want the hint %q", err, want)
		}
	}
}
