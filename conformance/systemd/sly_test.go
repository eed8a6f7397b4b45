//go:build machine

package systemd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/vendord/vendord/conformance/machine"
)

// TestSockets: a connection is its maker's, whatever becomes of it.
func TestSockets(t *testing.T) {
	m := newMachine(t)
	web := func(args ...string) func() machine.Answer {
		return func() machine.Answer { return m.Unit("web", "User=web", args...) }
	}
	t.Cleanup(m.Start("relay", "User=root", "probe", "-relay", "127.0.0.1:9000"))
	t.Cleanup(m.Start("relayed", "User=root", "probe", "-relay", "127.0.0.1:9001"))
	m.Within("the relays", func() bool { return strings.Contains(m.Do("ss -Hltn"), ":9001") })
	through := func(port string) []string { return []string{"-via", "127.0.0.1:" + port} }
	m.Run(
		machine.Caller("an IPv6 socket, connected to the mapped address, as Java's are", "web", web("-mapped")),
		machine.Caller("another user's IPv6 socket", "", func() machine.Answer { return m.As("mallory", "-mapped") }),
		machine.Caller("a child that outlives the parent who connected", "web", func() machine.Answer { return m.Unit("web", "User=web KillMode=process", "-orphan") }),
		machine.Caller("a program that closes its end before it is answered", "", func() machine.Answer {
			return m.Paused(web("-hang-up"), func() bool { return false })
		}).Silent(),
		machine.Caller("another user, from a port of the unit's but at 127.0.0.2", "", func() machine.Answer { return borrow(t, m) }),
		machine.Caller("another user, through a socket that the unit passed on: it stays the unit's", "web", func() machine.Answer { return pass(m, "web", "web", "mallory") }),
		machine.Caller("the unit, through a socket that another user passed on", "", func() machine.Answer { return pass(m, "cron", "mallory", "web") }),
		machine.Caller("the unit, through a relay of root's, as docker-proxy and ssh -L are", "", web(through("9000")...)),
		machine.Caller("another user, through a relay of root's", "", func() machine.Answer { return m.As("mallory", through("9000")...) }),
		machine.Caller("anybody, through a relay that has an app of root's: whom it lets in is its own affair", "relayed", func() machine.Answer { return m.As("mallory", through("9001")...) }),
	)
}

// borrow asks as mallory from the port that a program of the unit is connected by.
func borrow(t *testing.T, m *machine.Machine) machine.Answer {
	file := filepath.Join(place(t), "port")
	var victim machine.Answer
	var done sync.WaitGroup
	done.Go(func() { victim = m.Unit("web", "User=web", "-hold", file) })
	m.Within("the victim's port", func() bool { _, err := os.Stat(file); return err == nil })
	port, _ := os.ReadFile(file)
	a := m.As("mallory", "-from", "127.0.0.2:"+string(port))
	_ = os.Remove(file)
	done.Wait()
	if victim.Status != 200 || fmt.Sprint(a.Port) != string(port) {
		t.Errorf("the victim: got %+v, want it vended; the borrower: %+v, want its port", victim, a)
	}
	return a
}

// place is a directory that all users may write to.
func place(t *testing.T) string {
	dir, err := os.MkdirTemp("/tmp", "place")
	if err == nil {
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// pass asks as one user through a socket that the program of a unit made and passes
// on. Both hold it meanwhile.
func pass(m *machine.Machine, unit, from, to string) machine.Answer {
	path := filepath.Join("/tmp", "passed-"+unit)
	var done sync.WaitGroup
	done.Go(func() { _ = m.Unit(unit, "User="+from, "-pass", path) })
	a := m.As(to, "-take", path)
	done.Wait()
	return a
}

// TestExecutables: the rule holds for programs that do not know of it. Whoever
// has the same user can get around it; what is here is refused all the same.
func TestExecutables(t *testing.T) {
	m := machine.New(t, users, "", apps+executables, "")
	m.Do("cp /usr/local/bin/probe /usr/local/bin/other")
	tool := func(args ...string) func() machine.Answer {
		return func() machine.Answer { return m.As("tool", args...) }
	}
	m.Run(
		machine.Caller("the executable", "tool", tool()),
		machine.Caller("the executable, under another user", "", func() machine.Answer { return m.As("mallory") }),
		machine.Caller("a copy of the executable at another path", "", func() machine.Answer { return m.With("/usr/local/bin/other", "tool") }),
		machine.Caller("another file, mounted at the executable's path in a namespace of its own", "", func() machine.Answer { return m.Disguised("tool", "/usr/local/bin/other") }),
		machine.Caller("the executable, which becomes another before it is answered", "", func() machine.Answer {
			become := func() machine.Answer { return m.As("tool", "-become", "/usr/local/bin/other") }
			return m.Paused(become, func() bool { return exec.Command("pgrep", "-x", "other").Run() == nil })
		}),
		machine.Caller("a socket of the executable's, which another executable holds as well", "", func() machine.Answer { return passTo(m, "/usr/local/bin/other") }),
	)
}

// passTo asks as another executable of the same user, to which the first passes its
// socket.
func passTo(m *machine.Machine, executable string) machine.Answer {
	const path = "/tmp/passed-tool"
	var done sync.WaitGroup
	done.Go(func() { _ = m.As("tool", "-pass", path) })
	a := m.With(executable, "tool", "-take", path)
	done.Wait()
	return a
}

// TestBoth: where a token and a match are wanted, one of them is nothing.
func TestBoth(t *testing.T) {
	m := newMachine(t)
	token := strings.TrimSpace(m.Do("vendord token issue both --user both"))
	both := func(unit string, args ...string) func() machine.Answer {
		return func() machine.Answer { return m.Unit(unit, "User=both", append(args, "-url", machine.Token)...) }
	}
	m.Run(
		machine.Caller("the unit, with its token", "both", both("both", "-token", token)),
		machine.Caller("the unit, without its token", "", both("both")),
		machine.Caller("another unit of the user, with the token", "", both("cron", "-token", token)),
		machine.Caller("another user, with the token", "", func() machine.Answer { return m.As("mallory", "-token", token, "-url", machine.Token) }),
		machine.Caller("root, with the token", "", func() machine.Answer { return m.As("root", "-token", token, "-url", machine.Token) }),
		machine.Caller("the unit, with the token where no token is asked for", "", func() machine.Answer { return m.Unit("both", "User=both", "-token", token) }),
		machine.Caller("a unit without a token, where one is asked for", "", func() machine.Answer { return m.Unit("web", "User=web", "-url", machine.Token) }),
	)
}
