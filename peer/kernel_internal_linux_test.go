package peer // with abilities that do not tell the truth

import (
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// liar says the same of everybody.
type liar struct{}

func (liar) Path(uint64) (string, error) { return "/elsewhere", nil }

func (liar) all(_ Socket, still func() error) ([]Process, int, error) {
	return []Process{{PID: 1}}, 0, still()
}

func (liar) one(Socket) (Process, bool) { return Process{PID: 1}, true }

func (liar) others() error { return nil }

// What does not know ourselves knows nobody, and is off.
func TestAbilitiesThatFailTheirTest(t *testing.T) {
	tcp, err := OpenTCP()
	if err != nil {
		t.Fatal(err)
	}
	k := &Kernel{tcp: tcp, cgroups: liar{}, holders: liar{}, off: map[Ability]error{}}
	defer func() { _ = k.Close() }()
	if err := k.test(); err != nil {
		t.Fatal(err)
	}
	own, err := ownCgroup()
	if err != nil && os.Getenv("CI") != "" {
		t.Fatal(err)
	}
	if err != nil {
		t.Skip(err)
	}
	for ability, want := range map[Ability]string{
		Cgroup:    "control groups: trying it: ours is said to be /elsewhere, and is " + own + ": unsupported operation",
		Processes: "processes: trying it: ours is not among those found: unsupported operation",
		Others:    "processes: trying it: ours is not among those found: unsupported operation",
	} {
		if got := k.Off(ability); got == nil || got.Error() != want || !errors.Is(got, errors.ErrUnsupported) {
			t.Errorf("Off(%s): got %v, want %s", ability, got, want)
		}
	}
	if err := k.Off(Users); err != nil {
		t.Errorf("Off(%s): got %v, though only the others do not work", Users, err)
	}
}

// All ports are used up, say: that is no reason to do without.
func TestAKernelThatCannotBeTried(t *testing.T) {
	tcp, err := OpenTCP()
	if err != nil {
		t.Fatal(err)
	}
	_ = tcp.Close()
	k := &Kernel{tcp: tcp, off: map[Ability]error{}}
	if err := k.test(); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("test: got %v, want an error that is none of what the system cannot do", err)
	}
	a, b := net.Pipe()
	defer func() { _, _ = a.Close(), b.Close() }()
	if c := k.Client(a); c.Still() == nil {
		t.Errorf("Still, of a pipe's client: got nil")
	}
}

// Where the administrator has chosen another number for users of other namespaces,
// who has that number would be all of them.
func TestAnotherOverflowUser(t *testing.T) {
	if err := checkOverflow([]byte("65534\n")); err != nil {
		t.Errorf("checkOverflow: got %v", err)
	}
	err := checkOverflow([]byte("1000\n"))
	if want := `kernel.overflowuid is "1000", and not 65534: unsupported operation`; err == nil || err.Error() != want || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("checkOverflow: got %v, want %s", err, want)
	}
}

// A look that takes forever keeps those of other users waiting, but not for long;
// and those of its own user, who wait for the next, as long.
func TestTurnsThatDoNotEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, release, began := newFinder(time.Now), make(chan struct{}), time.Now()
		f.foreign = nil
		f.cost = func(look func()) time.Duration { <-release; look(); return 0 }
		var all sync.WaitGroup
		all.Go(func() {
			if _, _, err := f.find(Socket{UID: 20001, Inode: 1}); err != errNobodySeen {
				t.Errorf("the first: got %v, want %v", err, errNobodySeen)
			}
		})
		synctest.Wait()
		for _, uid := range []uint32{20002, 20002, 20001} {
			all.Go(func() {
				_, _, err := f.find(Socket{UID: uid, Inode: 1})
				if took := time.Since(began); err != ErrBusy || took != longestTurn {
					t.Errorf("user %d: got %v after %v, want %v after %v", uid, err, took, ErrBusy, longestTurn)
				}
			})
		}
		time.Sleep(2 * longestTurn)
		close(release)
		all.Wait()
	})
}
