package peer_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/peer"
)

// The attacks of this file happen between the two looks at a socket's processes,
// where the kernel is asked again whether the socket is the same.

// between calls do where a look has seen the processes once, and may be taken in:
// every second time, since a look begins with the same question.
func between(do func()) func() error {
	asked := 0
	return func() error {
		if asked++; asked%2 == 0 {
			do()
		}
		return nil
	}
}

// A program that may have it connects, and becomes one that may not. Once: then
// what it is now counts. Again and again: then nothing does.
func TestAProgramThatChangesUnderOurEyes(t *testing.T) {
	for _, test := range []struct {
		name  string
		times int
		want  error
	}{
		{"once", 1, nil},
		{"again and again", 100, errors.New("those that hold the socket do not stay the same")},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, c := newStage(t).connected(who{})
			programs := []string{copySelf(t), copySelf(t)}
			changed := 0
			found, _, err := peer.HoldersOf(c.Socket, between(func() {
				if changed < test.times {
					p.do("exec", programs[changed%2])
					p.do("nothing")
					changed++
				}
			}))
			if fmt.Sprint(err) != fmt.Sprint(test.want) {
				t.Errorf("Processes: got %+v, %v, want %v", found, err, test.want)
			}
			if err == nil && (len(found) != 1 || found[0].Exe != programs[0]) {
				t.Errorf("Processes: got %+v, want %s", found, programs[0])
			}
		})
	}
}

// The client lets go of the socket when it was seen with it.
func TestAHolderThatLetsGo(t *testing.T) {
	p, c := newStage(t).connected(who{})
	found, _, err := peer.HoldersOf(c.Socket, between(func() { p.do("close") }))
	if want := "none that may be looked into holds the socket"; err == nil || err.Error() != want {
		t.Errorf("Processes: got %+v, %v, want the error %q", found, err, want)
	}
	_, err = c.Processes()
	want := regexp.MustCompile(`^user of 127.0.0.1:\d+: the kernel knows no such socket, or it is closed$`)
	if err == nil || !want.MatchString(err.Error()) {
		t.Errorf("Processes, of a client that has closed: got %v, want %s", err, want)
	}
}

// A program shares its socket with more processes than we could hold all of.
func TestASocketInTooManyHands(t *testing.T) {
	p, c := newStage(t).connected(who{})
	for range 31 {
		p.do("fork")
	}
	if found, err := c.Processes(); err != nil || len(found) != 32 {
		t.Errorf("Processes: got %d, %v, want 32", len(found), err)
	}
	p.do("fork")
	want := "processes of " + c.Addr.String() + ":"
	found, err := c.Processes()
	if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.HasSuffix(err.Error(), ": too many to tell who asks") {
		t.Errorf("Processes: got %d, %v, want an error", len(found), err)
	}
	if one, ok := c.Process(); !ok || one.UID != c.Socket.UID {
		t.Errorf("Process, for the record: got %+v, %v, want one of them", one, ok)
	}
}

// A process that was seen ends, and another gets its number, runs the same program
// and has the same socket as the same open file: all is as it was, but for when it
// began. The first look must not pass, and the second is about the new one.
func TestAProcessThatTakesAnothersNumber(t *testing.T) {
	needRoot(t, "choose the number of a process")
	s := newStage(t)
	conn, err := net.Dial("tcp4", s.ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	c, _ := s.next()
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()

	pid, end := holdWith(t, file)
	var before peer.Process
	swaps := 0
	found, _, err := peer.HoldersOf(c.Socket, between(func() {
		if swaps++; swaps > 1 {
			return
		}
		all, err := c.Processes()
		if err != nil {
			t.Fatal(err)
		}
		before = all[index(all, pid)]
		time.Sleep(20 * time.Millisecond) // two ticks of the clock that says when it began
		end()
		again(t, file, pid)
	}))
	i := index(found, pid)
	if err != nil || i < 0 || swaps != 2 {
		t.Fatalf("Processes: got %+v, %v after %d looks, want process %d at the second", found, err, swaps, pid)
	}
	after := found[i]
	if after.Started == before.Started {
		t.Errorf("Processes: got %+v before and %+v after, want another start", before, after)
	}
	if after.Started = before.Started; after != before {
		t.Errorf("Processes: got %+v before and %+v after, want nothing else to be different", before, after)
	}
}

func index(all []peer.Process, pid int) int {
	return slices.IndexFunc(all, func(p peer.Process) bool { return p.PID == pid })
}

// holdWith starts a process that holds a file until end is called.
func holdWith(t *testing.T, file *os.File) (pid int, end func()) {
	t.Helper()
	cmd := &exec.Cmd{Path: "/proc/self/exe", Args: []string{"peer-child", "hold", ""}, ExtraFiles: []*os.File{file}}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() { _ = in.Close(); _ = cmd.Wait() }
	t.Cleanup(end)
	return cmd.Process.Pid, end
}

// again starts such a process with a number that was another's.
func again(t *testing.T, file *os.File, pid int) {
	t.Helper()
	for range 300 { // others on this machine start processes as well
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(fmt.Sprint(pid-1)), 0); err != nil {
			t.Fatal(err)
		}
		got, end := holdWith(t, file)
		if got == pid {
			return
		}
		end()
	}
	t.Fatalf("no process got the number %d", pid)
}
