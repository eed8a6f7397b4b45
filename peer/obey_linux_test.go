package peer_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/peer"
)

// A puppet is a process that does what it is told, a line at a time, and says
// what came of it. It ends when nobody can tell it anything any more.
type puppet struct {
	t     testing.TB
	PID   int
	tell  *os.File
	heard *bufio.Reader
}

// puppetAs starts one, which runs as w.
func puppetAs(t testing.TB, w who) *puppet {
	t.Helper()
	return startPuppet(t, &syscall.SysProcAttr{Credential: w.cred})
}

func startPuppet(t testing.TB, attr *syscall.SysProcAttr) *puppet {
	t.Helper()
	self := openSelf(t)
	in, tell := pipe(t)
	life, end := pipe(t) // for a child of its own
	heard, out := pipe(t)
	cmd := &exec.Cmd{Path: "/proc/self/fd/3", Args: []string{"peer-child", "obey", ""}, Env: []string{"GORACE=atexit_sleep_ms=0"}, Dir: "/",
		ExtraFiles: []*os.File{self, life}, Stdin: in, Stdout: out, Stderr: os.Stderr, SysProcAttr: attr}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _, _, _ = self.Close(), in.Close(), life.Close(), out.Close()
	t.Cleanup(func() { _, _, _, _ = tell.Close(), end.Close(), cmd.Wait(), heard.Close() })
	return &puppet{t, cmd.Process.Pid, tell, bufio.NewReader(heard)}
}

func pipe(t testing.TB) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	return r, w
}

func openSelf(t testing.TB) *os.File {
	t.Helper()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// do tells it to do something, and returns what it says.
func (p *puppet) do(words ...string) string {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.tell, strings.Join(words, " ")); err != nil {
		p.t.Fatal(err)
	}
	return p.line()
}

// line is the next that it says.
func (p *puppet) line() string {
	p.t.Helper()
	line, err := p.heard.ReadString('\n')
	if line = strings.TrimSpace(line); err != nil || strings.HasPrefix(line, "error: ") {
		p.t.Fatalf("a puppet says: %s %v", line, err)
	}
	return line
}

// exit tells it to end, and returns when it has closed all it had.
func (p *puppet) exit() {
	p.t.Helper()
	_, _ = fmt.Fprintln(p.tell, "exit")
	if line, err := p.heard.ReadString('\n'); err != io.EOF {
		p.t.Fatalf("a puppet that should exit: %q, %v", line, err)
	}
}

// obey is what a puppet runs.
func obey() {
	hands := &hands{}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		words := strings.Fields(lines.Text())
		said, err := hands.do(words[0], append(words, "")[1])
		if err != nil {
			said = "error: " + err.Error()
		}
		fmt.Println(said)
	}
}

// hands are what a puppet has in them.
type hands struct {
	held []*os.File
	keep net.Conn
}

func (h *hands) do(what, arg string) (string, error) {
	switch what {
	case "connect":
		return "connected", h.connect(arg)
	case "connect-many": // ADDRESS,NUMBER
		address, number, _ := strings.Cut(arg, ",")
		n, err := strconv.Atoi(number)
		for i := 0; i < n && err == nil; i++ {
			err = h.connect(address)
		}
		return "connected", err
	case "open-many": // NUMBER
		n, err := strconv.Atoi(arg)
		for i := 0; i < n && err == nil; i++ {
			_, err = unix.Dup(2)
		}
		return "opened", err
	case "close":
		for _, f := range h.held {
			_ = f.Close()
		}
		h.held = nil
		return "closed", nil
	case "fork": // a child that has the same, until the test ends
		cmd := &exec.Cmd{Path: "/proc/self/exe", Args: []string{"peer-child", "hold", ""}, ExtraFiles: h.held, Stdin: os.NewFile(4, "life")}
		if err := cmd.Start(); err != nil {
			return "", err
		}
		return strconv.Itoa(cmd.Process.Pid), nil
	case "nothing":
		return "done", nil
	case "exec": // a path, with all that is held
		for _, f := range h.held {
			if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFD, 0); err != nil {
				return "", err
			}
		}
		fmt.Println("executing")
		return "", syscall.Exec(arg, []string{"peer-child", "obey", ""}, os.Environ())
	case "setuid":
		uid, err := strconv.Atoi(arg)
		return "set", errors.Join(err, syscall.Setuid(uid))
	case "undumpable":
		return "done", unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0)
	case "pass": // what is held, to who listens on a socket
		return "passed", h.pass(arg)
	case "take": // what is passed to a socket
		return h.take(arg)
	case "connect-to-itself":
		return h.connectToItself(arg)
	case "hide-control-groups": // a namespace of its own, in which all else is hidden
		runtime.LockOSThread()
		return "done", unix.Unshare(unix.CLONE_NEWCGROUP)
	case "relay":
		return relay(arg)
	case "kernel":
		return kernel()
	case "exit":
		os.Exit(0)
	}
	return "", errors.New("no such thing: " + what)
}

func (h *hands) connect(address string) error {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	f, err := c.(*net.TCPConn).File()
	h.held = append(h.held, f)
	return err
}

func (h *hands) pass(path string) error {
	to, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	defer func() { _ = to.Close() }()
	_, _, err = to.WriteMsgUnix([]byte("x"), unix.UnixRights(int(h.held[0].Fd())), nil)
	return err
}

// take says that it listens, and once it has something, that.
func (h *hands) take(path string) (string, error) {
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return "", err
	}
	defer func() { _ = ln.Close() }()
	fmt.Println("listening")
	c, err := ln.AcceptUnix()
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	f, err := receive(c)
	h.held = append(h.held, f)
	return "taken", err
}

// receive receives a file.
func receive(c *net.UnixConn) (*os.File, error) {
	var rights [64]byte
	_, n, _, _, err := c.ReadMsgUnix(make([]byte, 1), rights[:])
	if err != nil {
		return nil, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:n])
	if err != nil || len(messages) == 0 {
		return nil, errors.Join(err, errors.New("nothing was passed"))
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fds[0]), "passed"), nil
}

// connectToItself connects in a network namespace that was just made, says whom
// the kernel takes for the client there, and passes the server's end on.
func (h *hands) connectToItself(path string) (string, error) {
	if err := loopbackUp(); err != nil {
		return "", err
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	client, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		return "", err
	}
	server, err := ln.Accept()
	if err != nil {
		return "", err
	}
	k, err := peer.OpenKernel()
	if err != nil {
		return "", err
	}
	f, err := server.(*net.TCPConn).File()
	if err != nil {
		return "", err
	}
	c, own := k.Client(server), &hands{held: []*os.File{f}}
	h.keep = client // a connection that nobody has is closed
	return fmt.Sprintf("user %d, %v", c.Socket.UID, c.Err), own.pass(path)
}

// loopbackUp is "ip link set lo up".
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// relay listens, and hands all that comes on to an address.
func relay(to string) (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() {
		from, err := ln.Accept()
		if err != nil {
			return
		}
		if on, err := net.Dial("tcp", to); err == nil {
			go func() { _, _ = io.Copy(on, from) }()
			_, _ = io.Copy(from, on)
		}
	}()
	return ln.Addr().String(), nil
}

// kernel is a daemon: it opens a Kernel, says what is off, listens, and says who
// came, and in whose hands it is.
func kernel() (string, error) {
	k, err := peer.OpenKernel()
	if err != nil {
		return "", err
	}
	for _, a := range []peer.Ability{peer.Users, peer.Cgroup, peer.Processes, peer.Others} {
		fmt.Printf("%s: %v\n", a, k.Off(a))
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	fmt.Println(ln.Addr())
	c, err := ln.Accept()
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	client := k.Client(c)
	found, err := client.Processes()
	said := fmt.Sprintf("user %d, %v; %q, %d hidden, %v", client.Socket.UID, client.Err, described(found), client.Hidden, err)
	return strings.ReplaceAll(said, c.RemoteAddr().String(), "CLIENT"), nil
}
