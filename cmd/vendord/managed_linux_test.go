package main

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/systemd/systemdtest"
)

// managed is a user's service: a manager holds its sockets, and this test starts and
// ends its process, as systemd would.
type managed struct {
	*systemdtest.Manager
	t       *testing.T
	dir     string
	at      string // where programs ask
	sockets []*os.File
	aws     *fakeaws.Fake
	assumed chan struct{} // gets a value when AWS is asked for a session
	environ []string      // more of it
	stderr  *os.File      // nil: log
	log     *safeBuffer
}

func newManaged(t *testing.T) *managed {
	t.Helper()
	dir, err := os.MkdirTemp("", "vendord-") // t.TempDir's can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	m := &managed{Manager: systemdtest.New(t, false), t: t, dir: dir, assumed: make(chan struct{}, 1000), log: &safeBuffer{}}
	if m.aws, err = fakeaws.New(fakeaws.Config{State: fakeaws.Example()}); err != nil {
		t.Fatal(err)
	}
	awsListener := mustListen(t)
	web := &http.Server{Handler: m.watched(m.aws)}
	var serving sync.WaitGroup
	serving.Go(func() { _ = web.Serve(awsListener) })
	t.Cleanup(func() { _ = web.Close(); serving.Wait() })
	if err := writeDemoFiles(dir, "http://"+awsListener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "run"), 0o700); err != nil {
		t.Fatal(err)
	}
	vend, ctl := listenTCP(t), listenUnix(t, m.control())
	m.at = vend.Addr().String()
	m.configure("listen = \"" + m.at + "\"\n")
	for _, l := range []net.Listener{vend, ctl} {
		f, err := l.(interface{ File() (*os.File, error) }).File()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _, _ = f.Close(), l.Close() })
		m.sockets = append(m.sockets, f)
	}
	return m
}

// listenTCP listens as systemd does: with SO_REUSEADDR, and not for Multipath TCP.
func listenTCP(t *testing.T) net.Listener {
	t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func listenUnix(t *testing.T, path string) net.Listener {
	t.Helper()
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// watched is an AWS that tells when it is asked for a session.
func (m *managed) watched(aws http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte("Action=AssumeRole")) {
			m.assumed <- struct{}{}
		}
		aws.ServeHTTP(w, r)
	})
}

func (m *managed) control() string { return filepath.Join(m.dir, "run", "control.sock") }

// configure puts lines into the table [daemon].
func (m *managed) configure(lines string) {
	m.t.Helper()
	path := filepath.Join(m.dir, "vendord.toml")
	text, err := os.ReadFile(path)
	if err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte("[daemon]\n"), []byte("[daemon]\n"+lines), 1), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// command is the daemon's process. Its number is in LISTEN_PID: exec keeps it.
func (m *managed) command(args ...string) *exec.Cmd {
	m.t.Helper()
	vendord, err := exec.LookPath("vendord")
	if err != nil {
		m.t.Fatal(err)
	}
	cmd := exec.CommandContext(m.t.Context(), "sh", append([]string{"-c", `export LISTEN_PID=$$; exec "$@"`, "sh", vendord,
		"serve", "--config", filepath.Join(m.dir, "vendord.toml"), "--socket", m.control(), "--state-dir", filepath.Join(m.dir, "state")}, args...)...)
	cmd.Env = append(append([]string{"HOME=" + m.dir, "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0"}, m.Environ(m.sockets...)...), m.environ...)
	cmd.ExtraFiles = m.Files(m.sockets...)
	cmd.Stderr = m.log
	if m.stderr != nil {
		cmd.Stderr = m.stderr
	}
	return cmd
}

// start starts it and waits until it is ready.
func (m *managed) start(args ...string) *exec.Cmd {
	m.t.Helper()
	heard := len(m.Heard())
	cmd := m.command(args...)
	if err := cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	m.Await(m.t, "READY=1", heard)
	return cmd
}

// stop ends it, which must be a success.
func (m *managed) stop(cmd *exec.Cmd) {
	m.t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		m.t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		m.t.Fatalf("serve: ended with %v\n%s", err, m.log)
	}
}

// token is one of the app "agent".
func (m *managed) token(warm bool) string {
	m.t.Helper()
	c, err := control.Dial(m.t.Context(), m.control())
	if err != nil {
		m.t.Fatalf("dialling an inherited control socket: %v", err)
	}
	defer c.Close()
	token, spec := newToken(control.TokenSpec{App: "agent", TTL: time.Hour, Warm: warm})
	if _, err := c.Issue(m.t.Context(), spec); err != nil {
		m.t.Fatal(err)
	}
	return token
}

// ask asks once over a transport and returns what went wrong.
func (m *managed) ask(over *http.Transport, token string) string {
	r, err := http.NewRequestWithContext(m.t.Context(), http.MethodGet, "http://"+m.at+"/v1/credentials", nil)
	if err != nil {
		return err.Error()
	}
	r.Header.Set("Authorization", token)
	answer, err := over.RoundTrip(r)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	switch {
	case err != nil:
		return err.Error()
	case answer.StatusCode != http.StatusOK || !strings.Contains(string(body), `"AccessKeyId"`):
		return answer.Status + " " + string(body)
	}
	return ""
}
