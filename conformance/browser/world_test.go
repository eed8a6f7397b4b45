//go:build browser

package browser

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

const config = `
[daemon]
listen = "127.0.0.1:%d"
region = "eu-west-1"
sts_endpoint = "%s"

[sources.john]
profile = "john"
config_file = "aws-config"
credentials_file = "aws-credentials"

[profiles.hr-upload]
source = "john"
role_arn = "arn:aws:iam::629470240201:role/JohnUploadRole"

[profiles.hr-reader]
extends = "hr-upload"
policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:ListBucket","Resource":"*"}]}'

[apps.uploader]
profiles = ["hr-upload", "hr-reader"]

[apps.reader]
profiles = ["hr-upload", "hr-reader"]
match    = {user = "#%d"}
imdsv1   = true
`

const credentials = `[john]
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
`

// world is fakeaws, and a vendord in user mode with a home of its own. Its
// state outlives the daemon, which is stopped and started at one port.
type world struct {
	t       *testing.T
	at      endpoint
	home    string
	port    int // the endpoint's
	env     []string
	daemon  *exec.Cmd
	stolen  string   // a live token that the attacker's pages know
	honest  string   // one that they do not
	secrets []string // whatever must not reach the attacker
	marks   int
}

// newWorld returns a world whose vendord has two live tokens and is stopped.
func newWorld(t *testing.T, at endpoint) *world {
	w := &world{t: t, at: at, home: t.TempDir(), port: freePort(t, at.ip)}
	w.env = append(clean(os.Environ()), "HOME="+w.home, "XDG_STATE_HOME="+w.home+"/state", "XDG_RUNTIME_DIR="+w.home+"/run")
	must(t, os.Mkdir(w.home+"/run", 0o700))
	w.write("vendord.toml", w.config())
	w.write("aws-config", "[profile john]\nregion = eu-west-1\n")
	w.write("aws-credentials", credentials)
	w.start()
	w.stolen, w.honest = w.token(), w.token()
	if at.bare == ids.bare {
		w.at.current, w.at.other = w.id(), w.id()
	}
	w.secrets = []string{w.stolen, w.honest}
	w.stop()
	t.Cleanup(w.stop)
	return w
}

// config is vendord.toml. An endpoint of AWS's is beside the daemon's own.
func (w *world) config() string {
	own, more := w.port, ""
	if w.at.table != "" {
		own, more = freePort(w.t, "127.0.0.1"), fmt.Sprintf("[endpoints.%s]\nlisten = \"%s:%d\"\n", w.at.table, w.at.ip, w.port)
	}
	return fmt.Sprintf(config, own, w.fakeAWS(), os.Getuid()) + more
}

// clean leaves out what would lead vendord elsewhere.
func clean(environment []string) (kept []string) {
	for _, v := range environment {
		if !strings.HasPrefix(v, "AWS_") && !strings.HasPrefix(v, "VENDORD_") && !strings.Contains(strings.ToLower(v), "_proxy=") {
			kept = append(kept, v)
		}
	}
	return kept
}

func (w *world) write(name, text string) {
	must(w.t, os.WriteFile(filepath.Join(w.home, name), []byte(text), 0o600))
}

// fakeAWS starts fakeaws and returns its address.
func (w *world) fakeAWS() string {
	cmd := exec.Command(os.Getenv("FAKEAWS"))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	must(w.t, err)
	must(w.t, cmd.Start())
	w.t.Cleanup(func() { _, _ = cmd.Process.Kill(), cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	must(w.t, err)
	return strings.TrimSpace(line)
}

func (w *world) command(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Getenv("VENDORD"), append(args, "--config", w.home+"/vendord.toml")...)
	cmd.Env = w.env
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// token returns a live token: of metadata's, one for a session, which every program
// gets.
func (w *world) token() string {
	if w.at.table == "imds" {
		token, err := w.session()
		must(w.t, err)
		return token
	}
	out, err := w.command("token", "issue", "uploader").Output()
	must(w.t, err)
	return strings.TrimSpace(string(out))
}

// id returns a path with a live id in it.
func (w *world) id() string {
	out, err := w.command("token", "issue", "uploader", "--path").Output()
	must(w.t, err)
	_, id, found := strings.Cut(strings.TrimSpace(string(out)), ids.bare)
	if !found {
		w.t.Fatalf("token issue --path: got %s, want a path", out)
	}
	return ids.bare + id
}

// session asks for a session token as an SDK does.
func (w *world) session() (string, error) {
	status, body, err := w.send(http.MethodPut, sessionPath, "session", "X-aws-ec2-metadata-token-ttl-seconds", "21600")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("PUT for a session token: %d %s, want 200", status, body)
	}
	return string(body), err
}

// start starts vendord and waits until it vends to who may have it.
func (w *world) start() {
	w.t.Helper()
	log, err := os.OpenFile(w.home+"/log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(w.t, err)
	defer func() { _ = log.Close() }()
	w.daemon = w.command("serve", "--audit-log", w.home+"/audit")
	w.daemon.Stdout, w.daemon.Stderr = log, log
	must(w.t, w.daemon.Start())
	for range 1200 {
		time.Sleep(50 * time.Millisecond)
		if w.honest == "" && w.command("status").Run() == nil {
			return
		}
		if status, _ := w.ask("starting"); w.honest != "" && status == http.StatusOK {
			return
		}
	}
	said, _ := os.ReadFile(w.home + "/log")
	w.t.Fatalf("vendord serve: does not vend within a minute:\n%s", said)
}

func (w *world) stop() {
	if w.daemon == nil {
		return
	}
	_, _ = w.daemon.Process.Signal(syscall.SIGTERM), w.daemon.Wait()
	w.daemon = nil
}

// ask asks as an SDK does, with the token that no page knows, and adds what it
// gets to what no page may learn.
func (w *world) ask(agent string) (int, error) {
	path, token := w.at.bare, w.honest
	if w.at.table == "imds" {
		var err error
		if path = w.at.current; token != "" {
			token, err = w.session()
		}
		if err != nil {
			return 0, err
		}
	}
	switch w.at.bare { // where a token is refused
	case ids.bare:
		path, token = w.at.current, ""
	case byKernel.bare:
		token = ""
	}
	status, body, err := w.send(http.MethodGet, path, agent, w.at.header, token)
	if err != nil {
		return 0, err
	}
	var given struct{ AccessKeyID, SecretAccessKey, Token string }
	if err := json.Unmarshal(body, &given); err != nil {
		return 0, err
	}
	if status == http.StatusOK && !strings.Contains(strings.Join(w.secrets, " "), given.SecretAccessKey) {
		w.secrets = append(w.secrets, given.AccessKeyID, given.SecretAccessKey, given.Token)
	}
	return status, nil
}

// send asks over a connection of its own, with a header if it has a value.
func (w *world) send(method, path, agent, header, value string) (int, []byte, error) {
	r, err := http.NewRequest(method, w.url()+path, nil)
	must(w.t, err)
	r.Header.Set("User-Agent", agent)
	if value != "" {
		r.Header.Set(header, value)
	}
	client := http.Client{Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	return answer.StatusCode, all(answer.Body), nil
}

func (w *world) url() string { return fmt.Sprintf("http://%s:%d", w.at.ip, w.port) }

// event is a line of the audit log.
type event struct {
	Path, Agent, Code, Message string
	Status                     int
}

func (e event) browser() bool { return strings.Contains(e.Agent, "Mozilla/") }

// events returns the lines that the audit log has from offset on, up to a
// request of an honest program that this makes, and whose answer must be 200:
// whatever the pages did, vendord still vends.
func (w *world) events(offset int64) (found []event) {
	w.t.Helper()
	w.marks++
	mark := fmt.Sprintf("mark-%d", w.marks)
	if status, err := w.ask(mark); status != http.StatusOK {
		w.t.Errorf("an honest request after the attack: %d, %v; want 200", status, err)
		return nil
	}
	for range 1500 {
		text, err := os.ReadFile(w.home + "/audit")
		must(w.t, err)
		found = nil
		for line := range bytes.Lines(text[offset:]) {
			var e event
			if json.Unmarshal(line, &e) != nil {
				break // half a line
			}
			if e.Agent == mark {
				return found
			}
			found = append(found, e)
		}
		time.Sleep(20 * time.Millisecond)
	}
	w.t.Errorf("audit log: does not have the request of %s within half a minute", mark)
	return nil
}

// offset is where the next line of the audit log will stand; lines that are
// still to be written are waited for.
func (w *world) offset() int64 {
	w.events(0)
	s, err := os.Stat(w.home + "/audit")
	must(w.t, err)
	return s.Size()
}

func freePort(t *testing.T, ip string) int {
	ln := listen(t, ip+":0")
	defer func() { _ = ln.Close() }()
	return ln.Addr().(*net.TCPAddr).Port
}

// listen listens at an address that may have been somebody else's a moment ago. At
// one that vendord will have a moment later it leaves nothing in vendord's way.
func listen(t *testing.T, address string) (ln net.Listener) {
	t.Helper()
	var err error
	like := net.ListenConfig{Control: func(_, _ string, socket syscall.RawConn) (err error) {
		if strings.HasSuffix(address, ":0") {
			return nil
		}
		_ = socket.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1) })
		return err
	}}
	for range 50 {
		if ln, err = like.Listen(t.Context(), "tcp", address); err == nil {
			return ln
		}
		time.Sleep(20 * time.Millisecond)
	}
	must(t, err)
	return nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func all(r io.Reader) []byte {
	b, _ := io.ReadAll(io.LimitReader(r, 1<<20))
	return b
}
