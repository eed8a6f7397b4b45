package peer_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/peer"
)

// group is a control group of a test's.
type group struct {
	t     testing.TB
	mount string
	path  string // without the mount
}

// newGroup makes a control group below our own.
func newGroup(t testing.TB) group {
	t.Helper()
	c := openCgroups(t)
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	_, own, _ := strings.Cut("\n"+string(text), "\n0::")
	own, _, _ = strings.Cut(own, "\n")
	g := group{t, c.Root(), filepath.Join(own, fmt.Sprintf("vendord-test-%d-%d", os.Getpid(), time.Now().UnixNano()))}
	if err := os.Mkdir(g.mount+g.path, 0o755); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() { g.remove("") })
	return g
}

func openCgroups(t testing.TB) *peer.Cgroups {
	t.Helper()
	needRoot(t, "make control groups")
	c, err := peer.OpenCgroups()
	if errors.Is(err, errors.ErrUnsupported) && os.Getenv("CI") != "true" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// child makes one below it.
func (g group) child(name string) group {
	g.t.Helper()
	g.path += "/" + name
	if err := os.Mkdir(g.mount+g.path, 0o755); err != nil {
		g.t.Fatal(err)
	}
	return g
}

// remove removes one below it, and all that is below that, the deepest first.
func (g group) remove(name string) {
	g.t.Helper()
	var all []string
	_ = filepath.WalkDir(filepath.Join(g.mount, g.path, name), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			all = append(all, path)
		}
		return nil
	})
	for i := len(all) - 1; i >= 0; i-- {
		if err := syscall.Rmdir(all[i]); err != nil {
			g.t.Errorf("removing a control group of the test: %v", err)
		}
	}
}

// take moves a process into it.
func (g group) take(pid int) {
	g.t.Helper()
	if err := os.WriteFile(g.mount+g.path+"/cgroup.procs", []byte(strconv.Itoa(pid)), 0); err != nil {
		g.t.Fatal(err)
	}
}

// id is what the kernel calls it.
func (g group) id() uint64 {
	g.t.Helper()
	info, err := os.Stat(g.mount + g.path)
	if err != nil {
		g.t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// A socket is of the control group that it was made in, wherever its process goes.
func TestTheControlGroupOfASocket(t *testing.T) {
	g := newGroup(t)
	from, to := g.child("from.service"), g.child("to.service")
	s, p := newStage(t), puppetAs(t, userOf(20001))
	for _, test := range []struct {
		in   group
		want string
	}{{from, from.path}, {to, to.path}} {
		test.in.take(p.PID)
		p.do("connect", s.ln.Addr().String())
		c, _ := s.next()
		elsewhere := from
		if test.in == from {
			elsewhere = to
		}
		elsewhere.take(p.PID)
		for range 2 {
			if got, err := c.Cgroup(); err != nil || got != test.want {
				t.Errorf("Cgroup: got %s, %v, want %s", got, err, test.want)
			}
		}
	}
	p.exit()
}

// A unit has ended and its control group is gone, and a socket lives on. It is
// still that unit's where it was seen before. Where not, it is nobody's, and above
// all not that of another group by the same name.
func TestAControlGroupThatIsGone(t *testing.T) {
	g := newGroup(t)
	for _, test := range []struct {
		name string
		seen bool
	}{{"seen before", true}, {"never seen", false}} {
		t.Run(test.name, func(t *testing.T) {
			s, p := newStage(t), puppetAs(t, who{})
			unit := g.child("gone.service")
			unit.take(p.PID)
			p.do("connect", s.ln.Addr().String())
			p.do("connect", s.ln.Addr().String())
			first, _ := s.next()
			second, _ := s.next()
			if got, err := "", error(nil); test.seen {
				if got, err = first.Cgroup(); err != nil || got != unit.path {
					t.Errorf("Cgroup: got %s, %v, want %s", got, err, unit.path)
				}
			}
			g.take(p.PID)
			g.remove("gone.service")
			again := g.child("gone.service")
			if again.id() == second.Socket.Cgroup {
				t.Fatal("another group got the id")
			}
			again.take(p.PID) // and who comes from there has us look again
			p.do("connect", s.ln.Addr().String())
			third, _ := s.next()
			if got, err := third.Cgroup(); err != nil || got != unit.path {
				t.Errorf("Cgroup of the other by that name: got %q, %v, want %s", got, err, unit.path)
			}
			got, err := second.Cgroup()
			want := fmt.Sprintf("control group %d: no control group has this id, or it is gone", second.Socket.Cgroup)
			if test.seen && (err != nil || got != unit.path) {
				t.Errorf("Cgroup, though it is gone: got %q, %v, want %s", got, err, unit.path)
			}
			if !test.seen && (err == nil || err.Error() != want) {
				t.Errorf("Cgroup of one that is gone: got %q, %v, want the error %q", got, err, want)
			}
			g.take(p.PID)
			g.remove("gone.service")
		})
	}
}

func TestAThousandControlGroups(t *testing.T) {
	g, c := newGroup(t), openCgroups(t)
	ids := map[uint64]string{}
	for i := range 10 {
		slice := g.child(fmt.Sprint(i, ".slice"))
		for j := range 100 {
			unit := slice.child(fmt.Sprint(j, ".service"))
			ids[unit.id()] = unit.path
		}
	}
	began := time.Now()
	for id, want := range ids {
		if got, err := c.Path(id); err != nil || got != want {
			t.Fatalf("Path(%d): got %s, %v, want %s", id, got, err, want)
		}
	}
	t.Logf("1000 groups in %v", time.Since(began))
}

// A user fills the part of the tree that is theirs, in width and in depth. They
// are not found themselves; everybody else is.
func TestAUserWhoMakesTooManyControlGroups(t *testing.T) {
	g, c := newGroup(t), openCgroups(t)
	theirs, others := g.child("a"), g.child("b")
	for uid, of := range map[int]group{20001: theirs, 20002: others} {
		if err := os.Chown(of.mount+of.path, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	as(t, 20001, func() error {
		for i := range peer.MostBelow + 10 {
			if err := os.Mkdir(fmt.Sprint(theirs.mount, theirs.path, "/", i), 0o755); err != nil {
				return err
			}
		}
		return nil
	})
	deep := others
	for range 6 {
		deep = deep.child(strings.Repeat("x", 200))
	}
	last := others.child("unit.service")
	if got, err := c.Path(last.id()); err != nil || got != last.path {
		t.Errorf("Path of another user's: got %s, %v, want %s", got, err, last.path)
	}
	if got, err := c.Path(deep.id()); err == nil {
		t.Errorf("Path of one too deep: got %s, want an error", got)
	}
	missed := false
	for i := 0; i < peer.MostBelow+10 && !missed; i++ {
		one := theirs
		one.path += fmt.Sprint("/", i)
		got, err := c.Path(one.id())
		missed = err != nil
		if err == nil && got != one.path {
			t.Errorf("Path: got %s, want %s", got, one.path)
		}
	}
	if !missed {
		t.Errorf("found all %d of who has too many", peer.MostBelow+10)
	}
}

// A user makes a control group for each connection, and removes it. Each is a walk
// for us, and they come in short succession: a service that has just started waits
// for the next, and is found.
func TestAUserWhoMakesAndRemovesControlGroups(t *testing.T) {
	g, c := newGroup(t), openCgroups(t)
	theirs, stop := g.child("theirs"), make(chan struct{})
	var churn sync.WaitGroup
	for i := range 20 {
		churn.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				one := theirs.child(fmt.Sprint(i, "-", n))
				id := one.id()
				one.remove("")
				if got, err := c.Path(id); err == nil && got != one.path {
					t.Errorf("Path of one that is gone: got %s", got)
				}
			}
		})
	}
	for i := range 5 {
		unit, began := g.child(fmt.Sprint(i, ".service")), time.Now()
		if got, err := c.Path(unit.id()); err != nil || got != unit.path {
			t.Errorf("Path of a new service: got %s, %v, want %s", got, err, unit.path)
		}
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("Path of a new service: took %v", took)
		}
	}
	close(stop)
	churn.Wait()
}
