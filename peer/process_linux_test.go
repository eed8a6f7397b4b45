package peer_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/peer"
)

// The first thread is kept from tests: what they change of theirs, its user or its
// network, ends with the thread, and the first does not end. /proc shows it as the
// whole process's. Only an init runs on it for certain; main may not any more.
func init() { runtime.LockOSThread() }

// TestMain lets the test binary be the process at the other end.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[0] == "peer-child" {
		if os.Args[1] == "obey" {
			obey()
			return
		}
		child(os.Args[1], os.Args[2])
		return
	}
	os.Exit(m.Run())
}

// child does one thing, prints one line about it, and holds on to what it has
// until its standard input ends.
func child(what, arg string) {
	var held io.Closer
	said, err := "connected", error(nil)
	switch what {
	case "connect":
		held, err = net.Dial("unix", arg)
	case "listen":
		var l net.Listener
		if l, err = net.Listen("tcp", arg); err == nil {
			said, held = l.Addr().String(), l
		}
	case "ask":
		var h peer.Holder
		if h, err = peer.Listener(netip.MustParseAddrPort(arg)); err == nil {
			said = h.String()
		}
	}
	if err != nil {
		said = err.Error()
	}
	fmt.Println(said)
	_, _ = io.Copy(io.Discard, os.Stdin)
	if held != nil {
		held.Close()
	}
}

// who is a user to run a child as: ourselves and, where we may, another.
type who struct {
	name string
	cred *syscall.Credential
}

func users(t *testing.T) []who {
	t.Helper()
	all := []who{{"ourselves", nil}}
	if os.Geteuid() == 0 {
		all = append(all, who{"another user", &syscall.Credential{Uid: 21234, Gid: 25678, Groups: []uint32{1, 25679, 25678}}})
	}
	return all
}

// needRoot skips a test without root, but not where it would go unnoticed.
func needRoot(t testing.TB, to string) {
	t.Helper()
	if os.Getuid() == 0 {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("CI must run this as root: it takes root to " + to)
	}
	t.Skip("it takes root to " + to)
}

// start runs the test binary as w and returns its pid and the line it said.
// It is run by its descriptor: another user cannot walk into go test's folder.
func start(t *testing.T, w who, what, arg string) (int, string) {
	t.Helper()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	cmd := &exec.Cmd{Path: "/proc/self/fd/3", Args: []string{"peer-child", what, arg}, Env: []string{"GORACE=atexit_sleep_ms=0"}, Dir: "/",
		ExtraFiles: []*os.File{self}, Stderr: os.Stderr, SysProcAttr: &syscall.SysProcAttr{Credential: w.cred}}
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
	t.Cleanup(func() { in.Close(); _ = cmd.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("child %s: %v", what, err)
	}
	return cmd.Process.Pid, strings.TrimSpace(line)
}

func TestOfUnixOtherProcess(t *testing.T) {
	for _, w := range users(t) {
		t.Run(w.name, func(t *testing.T) {
			path := fmt.Sprintf("@vendord-peer-%d-%d", os.Getpid(), len(w.name))
			pid := 0
			c := accept(t, path, func() { pid, _ = start(t, w, "connect", path) })
			p, err := ofUnix(c)
			if err != nil {
				t.Fatalf("OfUnix: %v", err)
			}
			uid, groups := os.Geteuid(), []string(nil)
			if w.cred != nil {
				uid, groups = 21234, []string{"#25678", groupOne(t), "#25679"}
			}
			if p.UID != uint32(uid) || p.PID != pid || w.cred != nil && p.User != "#21234" {
				t.Errorf("OfUnix: got %+v, want uid %d, pid %d", p, uid, pid)
			}
			if w.cred != nil && !slices.Equal(p.Groups, groups) {
				t.Errorf("OfUnix: got groups %q, want %q", p.Groups, groups)
			}
		})
	}
}

// groupOne is the name of group 1: daemon or bin, or none in a bare container.
func groupOne(t *testing.T) string {
	t.Helper()
	if g, err := user.LookupGroupId("1"); err == nil {
		return g.Name
	}
	return "#1"
}

// The groups are those of the process, however many, and one that gave up its
// privileges has lost theirs.
func TestOfUnixManyGroups(t *testing.T) {
	needRoot(t, "hand out groups")
	var groups []uint32
	for g := range uint32(300) {
		groups = append(groups, 30000+g)
	}
	path := fmt.Sprintf("@vendord-peer-%d-groups", os.Getpid())
	c := accept(t, path, func() {
		start(t, who{cred: &syscall.Credential{Uid: 21234, Gid: 25678, Groups: groups}}, "connect", path)
	})
	p, err := ofUnix(c)
	if err != nil || len(p.Groups) != 301 || p.Groups[300] != "#30299" || slices.Contains(p.Groups, "root") {
		t.Errorf("OfUnix: got %d groups, %v, want 301 with #30299 last", len(p.Groups), err)
	}
}

func TestOfUnixOverflowUser(t *testing.T) {
	needRoot(t, "be somebody else")
	path := fmt.Sprintf("@vendord-peer-%d-nobody", os.Getpid())
	c := accept(t, path, func() {
		start(t, who{cred: &syscall.Credential{Uid: 65534, Gid: 65534}}, "connect", path)
	})
	p, err := ofUnix(c)
	want := "peer of a unix socket: user 65534 is nobody, or of another user namespace"
	if err == nil || err.Error() != want || p.User != "" {
		t.Errorf("OfUnix: got %+v, %v, want %s", p, err, want)
	}
}

func TestListenerOtherProcess(t *testing.T) {
	for _, w := range users(t) {
		for _, listen := range []string{"127.0.0.1:0", "0.0.0.0:0", ":0"} {
			t.Run(w.name+" on "+listen, func(t *testing.T) {
				pid, said := start(t, w, "listen", listen)
				port := netip.MustParseAddrPort(said).Port()
				h, err := peer.Listener(netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), port))
				if err != nil {
					t.Fatalf("Listener: %v", err)
				}
				want := "#21234"
				if w.cred == nil {
					want = ourName()
				}
				// The command is the descriptor's number: a child run by it has no other name.
				if h.PID != pid || h.User != want || h.Command == "" {
					t.Errorf("Listener: got %s, want pid %d, user %s", h, pid, want)
				}
			})
		}
	}
}

// Whoever may not look into another's descriptors still learns the user.
func TestListenerOfAnotherUser(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, w := range users(t) {
		_, said := start(t, w, "ask", l.Addr().String())
		want := fmt.Sprintf("%.15s (pid %d, user ", filepath.Base(os.Args[0]), os.Getpid())
		if w.cred != nil {
			want = "a process of user root"
		}
		if !strings.HasPrefix(said, want) {
			t.Errorf("Listener, asked by %s: got %q, want %q…", w.name, said, want)
		}
	}
}

func TestListenerNobody(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	_, err = peer.Listener(netip.MustParseAddrPort(addr))
	if want := "listener on " + addr + ": nobody seen in /proc"; err == nil || err.Error() != want {
		t.Errorf("Listener: got %v, want %s", err, want)
	}
}

// A socket without a peer has no user, and not user 4294967295 either.
func TestOfUnixNobodyConnected(t *testing.T) {
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: fmt.Sprintf("@vendord-peer-%d-gram", os.Getpid()), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	p, err := ofUnix(c)
	if want := "peer of a unix socket: asking for SO_PEERGROUPS: no data available"; err == nil || err.Error() != want || p.User != "" {
		t.Errorf("OfUnix: got %+v, %v, want %s", p, err, want)
	}
}

// Where the process's first thread is in another network namespace than the one
// that asks, it is the latter's listeners that count.
func TestListenerOfTheThreadThatAsks(t *testing.T) {
	needRoot(t, "have a network of one's own")
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	addr := ln.Addr().(*net.TCPAddr).AddrPort()
	asked := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			asked <- err
			return
		}
		if h, err := peer.Listener(addr); err == nil {
			t.Errorf("Listener, in a network of its own: got %v, want nobody", h)
		}
		asked <- nil
	}()
	if err := <-asked; err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Listener(addr); err != nil {
		t.Errorf("Listener: got %v, want our own", err)
	}
}
