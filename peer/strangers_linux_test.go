package peer_test

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"regexp"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/peer"
)

var address = regexp.MustCompile(`127\.0\.0\.1:\d+`)

// expectLines expects a puppet to say these, where ADDRESS stands for any.
func expectLines(t *testing.T, p *puppet, want ...string) {
	t.Helper()
	for _, want := range want {
		if got := address.ReplaceAllString(p.line(), "ADDRESS"); got != want {
			t.Errorf("a daemon says: got %q, want %q", got, want)
		}
	}
}

// In a user namespace most users look like nobody: one that the daemon has a
// number for is known, all others are not, and they are not taken for one.
func TestADaemonInAUserNamespace(t *testing.T) {
	needRoot(t, "map users")
	d := startPuppet(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}, {ContainerID: 1000, HostID: int(ourOwn().cred.Uid), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}})
	for _, test := range []struct {
		name string
		as   who
		want string
	}{
		{"mapped", ourOwn(), `user 1000, <nil>; [], 1 hidden, processes of CLIENT: none that may be looked into holds the socket`},
		{"not mapped", userOf(20002), `user 0, user of CLIENT: user 65534, nobody: users of other namespaces look the same; [], 0 hidden, ` +
			`user of CLIENT: user 65534, nobody: users of other namespaces look the same`},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := d.do("kernel"); got != "users: <nil>" {
				t.Errorf("a daemon says: got %q, want users to be known", got)
			}
			expectLines(t, d, "control groups: <nil>", "processes: <nil>", "processes of other users: <nil>")
			puppetAs(t, test.as).do("connect", d.line())
			expectLines(t, d, test.want)
		})
	}
}

// A daemon that is nobody itself finds out, and tells nobody from then on.
func TestADaemonWithoutAUserOfItsOwn(t *testing.T) {
	needRoot(t, "make a user namespace wherever CI runs")
	d := startPuppet(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUSER})
	why := "users of loopback connections: trying it: user of ADDRESS: user 65534, nobody: users of other namespaces look the same: unsupported operation"
	_, _ = fmt.Fprintln(d.tell, "kernel")
	expectLines(t, d, "users: "+why, "control groups: "+why, "processes: "+why, "processes of other users: "+why)
	puppetAs(t, userOf(20001)).do("connect", d.line())
	expectLines(t, d, "user 0, "+why+"; [], 0 hidden, "+why)
}

// A container hides the control groups that are not its own, and mounts all the
// same: a path there would not be the one that it is called by. What does not take
// control groups goes on.
func TestADaemonThatSeesNoControlGroups(t *testing.T) {
	g := newGroup(t).child("container")
	d := puppetAs(t, who{})
	g.take(d.PID)
	d.do("hide-control-groups")
	if got := d.do("kernel"); got != "users: <nil>" {
		t.Errorf("a daemon says: got %q, want users to be known", got)
	}
	expectLines(t, d, "control groups: control groups: version 2 is not mounted whole: unsupported operation", "processes: <nil>", "processes of other users: <nil>")
	p := puppetAs(t, userOf(20001))
	p.do("connect", d.line())
	expectLines(t, d, fmt.Sprintf(`user 20001, <nil>; [%q], 0 hidden, <nil>`, holder(p.PID, 20001)))
	d.exit()
}

// A connection of another network namespace, of a container for example, is none
// of this machine's to the kernel, though it knows whose it is over there.
func TestAClientOfAnotherNetworkNamespace(t *testing.T) {
	needRoot(t, "make a network namespace")
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	p := startPuppet(t, &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET})
	if got := p.do("connect-to-itself", path); got != "user 0, <nil>" {
		t.Errorf("asked over there: got %s, want user 0", got)
	}
	from, err := ln.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	file, err := receive(from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	c := openKernel(t).Client(conn)
	if want := "user of " + conn.RemoteAddr().String() + ": the kernel knows no such socket, or it is closed"; c.Err == nil || c.Err.Error() != want {
		t.Errorf("Client: got user %d, %v, want the error %q", c.Socket.UID, c.Err, want)
	}
}

// A client resets its connection, and before we notice, somebody else connects from
// its address: the kernel's answer for the old connection is about them.
func TestAnAddressThatAnotherHasByNow(t *testing.T) {
	other := anotherUser(t)
	s := newStage(t)
	first, was, err := s.exchanged(t, other)
	for range 20 { // somebody else's test may have been given the port meanwhile
		if !errors.Is(err, syscall.EADDRINUSE) {
			break
		}
		first, was, err = s.exchanged(t, other)
	}
	if err != nil {
		t.Fatal(err)
	}
	is, _ := s.next()
	want := "user of " + first.String() + ": it is another one by now"
	if err := was.Still(); err == nil || err.Error() != want {
		t.Errorf("Still of the first: got %v, want %s", err, want)
	}
	if _, err := was.Processes(); err == nil || err.Error() != want {
		t.Errorf("Processes of the first: got %v, want %s", err, want)
	}
	if is.Socket.UID != other || is.Still() != nil {
		t.Errorf("Client of the second: got user %d, %v, want %d", is.Socket.UID, is.Still(), other)
	}
}

// exchanged has a client connect and reset its connection, and then another user
// connect from the same address. It returns that, and the first client.
func (s *stage) exchanged(t *testing.T, other uint32) (net.Addr, *peer.Client, error) {
	t.Helper()
	first, err := net.Dial("tcp4", s.ln.Addr().String())
	if err != nil {
		return nil, nil, err
	}
	was, _ := s.next()
	if err := first.(*net.TCPConn).SetLinger(0); err != nil {
		return nil, nil, err
	}
	_ = first.Close()
	var dialled error
	as(t, other, func() error {
		var c net.Conn
		if c, dialled = (&net.Dialer{LocalAddr: first.LocalAddr()}).Dial("tcp4", s.ln.Addr().String()); dialled == nil {
			t.Cleanup(func() { _ = c.Close() })
		}
		return nil
	})
	return first.LocalAddr(), was, dialled
}

// A relay asks for whoever asks it, and is seen in their place: it is often
// root's, as those of containers are. Nothing in this package sees through it, and
// no rule may take root for whoever is behind.
func TestARelay(t *testing.T) {
	needRoot(t, "be somebody behind it")
	s := newStage(t)
	relay := puppetAs(t, who{})
	at := relay.do("relay", s.ln.Addr().String())
	puppetAs(t, userOf(20001)).do("connect", at)
	c, _ := s.next()
	if c.Socket.UID != 0 || c.Err != nil {
		t.Errorf("Client: got user %d, %v, want the relay's, 0", c.Socket.UID, c.Err)
	}
	expect(t, "Processes", holders(t, c), holder(relay.PID, 0))
}

// All at once, and each is who they are, and in the hands of its own process.
func TestManyConnectionsAtOnce(t *testing.T) {
	needRoot(t, "be several users")
	const each, users = 500, 4
	raiseOpenFiles(t, 2*each*users)
	s := newStage(t)
	var all, puppets sync.WaitGroup
	var mu sync.Mutex
	got, want := map[string]int{}, map[string]int{}
	for i := range users {
		uid := 20001 + i
		p := puppetAs(t, userOf(uint32(uid)))
		want[fmt.Sprintf("user %d: [%q], <nil>", uid, holder(p.PID, uid))] = each
		puppets.Go(func() { p.do("connect-many", fmt.Sprintf("%s,%d", s.ln.Addr(), each)) })
	}
	var clients []*peer.Client
	for range each * users {
		c, _ := s.next()
		clients = append(clients, c)
	}
	puppets.Wait()
	for _, c := range clients {
		all.Go(func() {
			found, err := c.Processes()
			mu.Lock()
			defer mu.Unlock()
			got[fmt.Sprintf("user %d: %q, %v", c.Socket.UID, described(found), err)]++
		})
	}
	all.Wait()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%d connections of %d users: got %v, want %v", each*users, users, got, want)
	}
}

// raiseOpenFiles lets us have so many files open.
func raiseOpenFiles(t testing.TB, n uint64) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if n += 100; limit.Cur >= n {
		return
	}
	limit.Cur, limit.Max = n, max(n, limit.Max)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatalf("it takes %d open files: %v", n, err)
	}
}
