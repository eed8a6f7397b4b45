package peer_test

import (
	"net"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/vendord/vendord/peer"
)

// accept returns the server's end of a connection that dial makes to a Unix
// socket.
func accept(t *testing.T, path string, dial func()) *net.UnixConn {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dial()
	c, err := l.AcceptUnix()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// ofUnix returns a connection's peer with its names.
func ofUnix(c *net.UnixConn) (peer.Peer, error) {
	p, err := peer.OfUnix(c)
	return p.Named(), err
}

func TestOfUnixOwnProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	c := accept(t, path, func() {
		client, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { client.Close() })
	})
	p, err := peer.OfUnix(c)
	if runtime.GOOS == "windows" {
		if want := "peer of a unix socket: windows does not tell who connected"; err == nil || err.Error() != want {
			t.Errorf("OfUnix: got %v, want %v", err, want)
		}
		return
	}
	if err != nil {
		t.Fatalf("OfUnix: %v", err)
	}
	if p.User != "" || p.Groups != nil {
		t.Errorf("OfUnix: got %+v, want no name to be asked for", p)
	}
	p = p.Named()
	if p.UID != uint32(os.Geteuid()) || p.PID != os.Getpid() || p.User != ourName() {
		t.Errorf("OfUnix: got %+v, want uid %d, user %s, pid %d", p, os.Geteuid(), ourName(), os.Getpid())
	}
	gid := strconv.Itoa(os.Getegid())
	if g, err := user.LookupGroupId(gid); err == nil && (len(p.Groups) == 0 || p.Groups[0] != g.Name) {
		t.Errorf("OfUnix: got groups %v, want %s first", p.Groups, g.Name)
	}
}

// ourName is what a peer with our own uid is called: CI runners and containers
// often have one that no user database knows.
func ourName() string {
	uid := strconv.Itoa(os.Geteuid())
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return "#" + uid
}

// Numbers that did not come from the kernel are nobody's: zeros would be root's.
func TestNamedUnknown(t *testing.T) {
	for _, p := range []peer.Peer{{}, {UID: 1, PID: 2, User: "eve", Groups: []string{"wheel"}}} {
		if got := p.Named(); got.User != "" || got.Groups != nil || got.PID != 0 {
			t.Errorf("Named of %+v: got %+v, want an unknown peer", p, got)
		}
	}
}

func TestOfUnixClosed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	c := accept(t, path, func() {
		client, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		client.Close()
	})
	c.Close()
	p, err := peer.OfUnix(c)
	if err == nil || !strings.HasPrefix(err.Error(), "peer of a unix socket: ") || p.User != "" {
		t.Errorf("OfUnix on a closed connection: got %+v, %v, want an unknown peer and an error", p, err)
	}
}

func TestHolderString(t *testing.T) {
	for _, row := range []struct {
		name   string
		holder peer.Holder
		want   string
	}{
		{"all known", peer.Holder{PID: 12, Command: "nginx", User: "www"}, "nginx (pid 12, user www)"},
		{"user unknown", peer.Holder{PID: 12, Command: "nginx"}, "nginx (pid 12)"},
		{"fds not readable", peer.Holder{User: "www"}, "a process of user www"},
		{"user without a name", peer.Holder{User: "#1234"}, "a process of user #1234"},
		{"gone between two looks", peer.Holder{PID: 12, User: "www"}, "a process (pid 12, user www)"},
		{"nothing", peer.Holder{}, "an unknown process"},
		{"terminal escapes", peer.Holder{PID: 12, Command: "\x1b[2Jx\n"}, "?[2Jx? (pid 12)"},
		{"a name that plays a pid", peer.Holder{PID: 12, Command: "a (pid 1, b)"}, "a ?pid 1? b? (pid 12)"},
	} {
		if got := row.holder.String(); got != row.want {
			t.Errorf("%s: got %q, want %q", row.name, got, row.want)
		}
	}
}
