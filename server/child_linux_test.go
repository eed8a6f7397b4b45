package server_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/server"
)

// The first thread is kept from tests: what they change of theirs, its user or its
// network, ends with the thread, and the first does not end. /proc shows it as the
// whole process's. Only an init runs on it for certain; main may not any more.
func init() { runtime.LockOSThread() }

// TestMain lets the test binary be a program that asks.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[0] == childName {
		(&asker{addr: os.Args[1]}).obey(os.Stdin)
		return
	}
	os.Exit(m.Run())
}

const childName = "server-child"

// asker is the program inside a child: it does what it is told, a line each, over
// one connection, and says a line about it.
type asker struct {
	addr   string
	conn   *net.TCPConn
	in     *bufio.Reader
	taking net.Listener
}

func (a *asker) obey(orders io.Reader) {
	for lines := bufio.NewScanner(orders); lines.Scan(); {
		what, arg, _ := strings.Cut(lines.Text(), " ")
		said, err := a.do(what, arg)
		if err != nil {
			said = "error: " + err.Error()
		}
		fmt.Println(strings.ReplaceAll(said, "\n", " "))
	}
}

func (a *asker) do(what, arg string) (string, error) {
	switch what {
	case "connect":
		c, err := net.Dial("tcp", a.addr)
		if err != nil {
			return "", err
		}
		a.use(c.(*net.TCPConn))
		return "connected", nil
	case "send":
		header := strings.ReplaceAll(arg, "|", "\r\n")
		_, err := fmt.Fprintf(a.conn, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", server.ProcessPath, a.addr, header)
		return "sent", err
	case "get": // a path, and nothing but that
		_, err := fmt.Fprintf(a.conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", arg, a.addr)
		return "sent", err
	case "say": // all of a request
		_, err := io.WriteString(a.conn, strings.ReplaceAll(arg, "|", "\r\n"))
		return "said", err
	case "read":
		response, err := http.ReadResponse(a.in, nil)
		if err != nil {
			return "", err
		}
		body, err := io.ReadAll(response.Body)
		return fmt.Sprint(response.StatusCode, " ", string(body)), err
	case "give": // the connection, over a Unix socket
		to, err := net.Dial("unix", arg)
		if err != nil {
			return "", err
		}
		defer to.Close()
		file, err := a.conn.File()
		if err != nil {
			return "", err
		}
		defer file.Close()
		_, _, err = to.(*net.UnixConn).WriteMsgUnix([]byte("x"), syscall.UnixRights(int(file.Fd())), nil)
		return "given", err
	case "listen":
		ln, err := net.Listen("unix", arg)
		a.taking = ln
		return "listening", err
	case "take":
		return "taken", a.take()
	case "close":
		return "closed", a.conn.Close()
	}
	return "", fmt.Errorf("%q: unknown", what)
}

func (a *asker) use(c *net.TCPConn) {
	a.conn, a.in = c, bufio.NewReader(c)
	_ = c.SetDeadline(time.Now().Add(20 * time.Second)) // for a test that fails
}

// take waits for a connection from another process.
func (a *asker) take() error {
	defer a.taking.Close()
	from, err := a.taking.Accept()
	if err != nil {
		return err
	}
	defer from.Close()
	space := make([]byte, syscall.CmsgSpace(4))
	_, n, _, _, err := from.(*net.UnixConn).ReadMsgUnix(make([]byte, 1), space)
	if err != nil {
		return err
	}
	messages, err := syscall.ParseSocketControlMessage(space[:n])
	if err != nil || len(messages) != 1 {
		return fmt.Errorf("%d messages: %w", len(messages), err)
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil {
		return err
	}
	c, err := net.FileConn(os.NewFile(uintptr(fds[0]), "taken"))
	if err != nil {
		return err
	}
	a.use(c.(*net.TCPConn))
	return nil
}

// child is a process of another user that asks.
type child struct {
	t    *testing.T
	in   io.Writer
	out  *bufio.Reader
	pid  int
	stop func()
}

// needsRoot skips a test without root, but not where it would go unnoticed.
func needsRoot(t *testing.T, to string) {
	t.Helper()
	if os.Getuid() == 0 {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal("CI must run this as root: it takes root to " + to)
	}
	t.Skip("it takes root to " + to)
}

// newChild starts a process of a user that asks w. It runs the file at exe, or
// this test binary by its descriptor if that is empty: another user cannot walk
// into go test's folder.
func newChild(t *testing.T, w *world, uid uint32, exe string) *child {
	t.Helper()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	if exe == "" {
		exe = "/proc/self/fd/3"
	}
	cmd := &exec.Cmd{Path: exe, Args: []string{childName, w.addr}, Env: []string{"GORACE=atexit_sleep_ms=0"}, Dir: "/",
		ExtraFiles: []*os.File{self}, Stderr: os.Stderr,
		SysProcAttr: &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, in: in, out: bufio.NewReader(out), pid: cmd.Process.Pid}
	c.stop = func() { _ = in.Close(); _ = cmd.Wait() }
	t.Cleanup(c.stop)
	return c
}

// order tells a child what to do, and does not wait.
func (c *child) order(what string) {
	c.t.Helper()
	if _, err := io.WriteString(c.in, what+"\n"); err != nil {
		c.t.Fatalf("child: %s: %v", what, err)
	}
}

// heard returns what it says next.
func (c *child) heard() string {
	c.t.Helper()
	line, err := c.out.ReadString('\n')
	if err != nil {
		c.t.Fatalf("child: %v", err)
	}
	return strings.TrimSpace(line)
}

func (c *child) does(what string) string {
	c.t.Helper()
	c.order(what)
	return c.heard()
}

// asks has a child ask over its connection, and returns the status and the body.
func (c *child) asks(headers ...string) (status, body string) {
	c.t.Helper()
	if said := c.does("send " + strings.Join(headers, "")); said != "sent" {
		c.t.Fatalf("child: %s", said)
	}
	status, body, _ = strings.Cut(c.does("read"), " ")
	return status, body
}
