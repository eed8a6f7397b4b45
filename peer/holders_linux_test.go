package peer_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"github.com/vendord/vendord/peer"
)

// userOf is somebody whom no user database knows.
func userOf(uid uint32) who {
	return who{fmt.Sprint("user ", uid), &syscall.Credential{Uid: uid, Gid: uid}}
}

// ourOwn is a user of this run's, of whom nobody else has processes.
func ourOwn() who { return userOf(1_000_000 + uint32(os.Getpid())) }

// stage is a kernel, a place to connect to, and what comes there.
type stage struct {
	t      testing.TB
	kernel *peer.Kernel
	ln     net.Listener
}

func newStage(t testing.TB) *stage {
	t.Helper()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return &stage{t, openKernel(t), ln}
}

// next returns the client of the next connection.
func (s *stage) next() (*peer.Client, net.Conn) {
	s.t.Helper()
	c, err := s.ln.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return s.kernel.Client(c), c
}

// connected returns a puppet of a user, and its connection as it is seen.
func (s *stage) connected(w who) (*puppet, *peer.Client) {
	s.t.Helper()
	p := puppetAs(s.t, w)
	p.do("connect", s.ln.Addr().String())
	c, _ := s.next()
	if c.Err != nil {
		s.t.Fatalf("Client: %v", c.Err)
	}
	return p, c
}

// holders are the processes that hold a client's socket: pid and user of each.
func holders(t testing.TB, c *peer.Client) []string {
	t.Helper()
	found, err := c.Processes()
	if err != nil {
		t.Fatalf("Processes: %v", err)
	}
	return described(found)
}

func described(found []peer.Process) []string {
	var all []string
	for _, p := range found {
		all = append(all, holder(p.PID, int(p.UID)))
	}
	slices.Sort(all)
	return all
}

func holder(pid, uid int) string { return fmt.Sprintf("%d of %d", pid, uid) }

func expect(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// A child inherits the socket, and lives on after the process that connected: who
// asks for the one that connected gets nobody, or who has its number by then.
func TestAChildThatOutlivesItsParent(t *testing.T) {
	s := newStage(t)
	p, c := s.connected(who{})
	expect(t, "before the fork", holders(t, c), holder(p.PID, os.Geteuid()))
	child, err := strconv.Atoi(p.do("fork"))
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "both", holders(t, c), holder(p.PID, os.Geteuid()), holder(child, os.Geteuid()))
	p.exit()
	expect(t, "after it", holders(t, c), holder(child, os.Geteuid()))
	if err := c.Still(); err != nil {
		t.Errorf("Still, of a socket that one process less holds: %v", err)
	}
}

// Where a rule has had all holders looked for, the record has one of them at once: who
// has thousands of processes would wait for that as long again.
func TestTheRecordAfterARule(t *testing.T) {
	s := newStage(t)
	p, c := s.connected(who{})
	found, listed, err := peer.ForRecord(c.Socket, c.Still)
	if err != nil || found.PID != p.PID {
		t.Errorf("for the record: got %+v, %v, want process %d", found, err, p.PID)
	}
	if listed > 0 {
		t.Errorf("for the record: %d processes were listed, want none", listed)
	}
}

// Somebody of another user gets the socket: it is still the socket of who made it,
// and the process is seen to be another's. Then the first lets go of it.
func TestASocketPassedToAnotherUser(t *testing.T) {
	needRoot(t, "act as two users")
	s := newStage(t)
	from, c := s.connected(userOf(20001))
	to := puppetAs(t, userOf(20002))
	path := fmt.Sprintf("@vendord-peer-%d-pass", os.Getpid())
	to.do("take", path)
	from.do("pass", path)
	if got := to.line(); got != "taken" {
		t.Fatalf("take: %s", got)
	}
	expect(t, "both", holders(t, c), holder(from.PID, 20001), holder(to.PID, 20002))
	from.do("close")
	expect(t, "the other", holders(t, c), holder(to.PID, 20002))
	if err := c.Still(); c.Socket.UID != 20001 || err != nil {
		t.Errorf("Still: got %v, user %d, want user 20001 all the time", err, c.Socket.UID)
	}
	if p, ok := c.Process(); ok {
		t.Errorf("Process, for the record: got %+v, want none of the socket's user", p)
	}
}

// A server that starts as root and drops it: a socket made before is root's.
func TestAProcessThatChangesItsUser(t *testing.T) {
	needRoot(t, "have something to drop")
	s := newStage(t)
	p, c := s.connected(who{})
	p.do("setuid", "20001")
	expect(t, "after it", holders(t, c), holder(p.PID, 20001))
	p.do("close")
	p.do("connect", s.ln.Addr().String())
	later, _ := s.next()
	if c.Socket.UID != 0 || later.Socket.UID != 20001 {
		t.Errorf("Client: got users %d and %d, want 0 before, and 20001 after", c.Socket.UID, later.Socket.UID)
	}
}

// A program connects, and becomes another: what was found out before is not true
// any more, and the socket is the same.
func TestAProcessThatBecomesAnotherProgram(t *testing.T) {
	s := newStage(t)
	p, c := s.connected(who{})
	before, err := c.Processes()
	if err != nil {
		t.Fatal(err)
	}
	other := copySelf(t)
	if got := p.do("exec", other); got != "executing" {
		t.Fatalf("exec: %s", got)
	}
	p.do("nothing") // the other program says so
	after, err := c.Processes()
	if err != nil || after[0].Exe != other || after[0].Inode == before[0].Inode || after[0].Started != before[0].Started {
		t.Errorf("Processes: got %+v, %v, want %s, and the process that it was, %+v", after, err, other, before)
	}
	if err := c.Still(); err != nil {
		t.Errorf("Still: %v", err)
	}
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	if after, err := c.Processes(); err != nil || after[0].Exe != other+" (deleted)" {
		t.Errorf("Processes, of a program that was removed: got %+v, %v", after, err)
	}
}

// copySelf is another program that does the same.
func copySelf(t testing.TB) string {
	t.Helper()
	self := openSelf(t)
	defer func() { _ = self.Close() }()
	other, err := os.OpenFile(filepath.Join(t.TempDir(), "other"), os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(other, self)
	if err2 := other.Close(); err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return other.Name()
}

// A process that cannot be dumped is not seen by its own user, and counted: it
// can hold what is seen in another's hands. Root sees it, and whose it is.
func TestAProcessThatCannotBeDumped(t *testing.T) {
	needRoot(t, "act as another user")
	s := newStage(t)
	p, c := s.connected(ourOwn())
	uid := int(c.Socket.UID)
	p.do("undumpable")
	expect(t, "seen by root", holders(t, c), holder(p.PID, uid))

	daemon := puppetAs(t, ourOwn())
	if got := daemon.do("kernel"); got != "users: <nil>" {
		t.Errorf("a daemon of its user: got %q", got)
	}
	for _, want := range []string{"control groups: <nil>", "processes: <nil>",
		"processes of other users: it takes the capabilities CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH: unsupported operation"} {
		if got := daemon.line(); got != want {
			t.Errorf("a daemon of its user: got %q, want %q", got, want)
		}
	}
	p.do("connect", daemon.line())
	if got, want := daemon.line(), fmt.Sprintf("user %d, <nil>; [], 1 hidden, processes of CLIENT: none that may be looked into holds the socket", uid); got != want {
		t.Errorf("seen by its own user: got %q, want %q", got, want)
	}
}
