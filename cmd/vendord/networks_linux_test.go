package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// network is a network namespace, by a thread that is in it, and a descriptor. It is
// gone with both.
type network struct {
	t    *testing.T
	tid  int
	file *os.File
	jobs chan func()
}

// newNetwork makes a network of its own, with a loopback link that is up.
func newNetwork(t *testing.T) *network {
	t.Helper()
	needsRoot(t, "have a network of one's own")
	if _, err := exec.LookPath("ip"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI must run this: it takes iproute2")
		}
		t.Skip("it takes iproute2")
	}
	n := &network{t: t, jobs: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		n.tid = unix.Gettid()
		file, bad := os.Open("/proc/thread-self/ns/net")
		n.file = file
		ready <- errors.Join(err, bad)
		for job := range n.jobs {
			job()
		}
	}()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(n.jobs); _ = n.file.Close() })
	n.ip("link set lo up")
	return n
}

// in runs f in the network. Sockets that f makes stay there.
func (n *network) in(f func() error) {
	n.t.Helper()
	done := make(chan error)
	n.jobs <- func() { done <- f() }
	if err := <-done; err != nil {
		n.t.Fatal(err)
	}
}

// ip runs commands of ip(8) in the network, one after the other.
func (n *network) ip(commands ...string) {
	n.t.Helper()
	n.in(func() error {
		batch := exec.Command("ip", "-batch", "-")
		batch.Stdin = strings.NewReader(strings.Join(commands, "\n") + "\n")
		if said, err := batch.CombinedOutput(); err != nil {
			return fmt.Errorf("ip: %w: %s, of %q", err, said, commands)
		}
		return nil
	})
}

// set sets variables of the kernel's, each "net/ipv4/…=1".
func (n *network) set(variables ...string) {
	n.t.Helper()
	for _, variable := range variables {
		name, value, _ := strings.Cut(variable, "=")
		n.in(func() error { return os.WriteFile("/proc/sys/"+name, []byte(value), 0) })
	}
}

// dial connects from an address in the network, or from any if it is empty. Many may
// do so at once: each has a thread of its own.
func (n *network) dial(from, to string) (c net.Conn, err error) {
	return n.dialWithin(2*time.Second, from, to)
}

// dialWithin is dial with another time for an answer to come.
func (n *network) dialWithin(patience time.Duration, from, to string) (c net.Conn, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked
		if err = unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return
		}
		d := net.Dialer{Timeout: patience}
		if from != "" {
			d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
		}
		c, err = d.Dial("tcp", to)
	}()
	<-done
	return c, err
}

// joined waits until an address answers, if only by a refusal: a link that is up passes
// nothing on for up to a second.
func (n *network) joined(at ...string) {
	n.t.Helper()
	for _, at := range at {
		end := time.Now().Add(time.Minute)
		for {
			c, err := n.dial("", at)
			if err == nil {
				_ = c.Close()
			}
			if err == nil || errors.Is(err, syscall.ECONNREFUSED) {
				break
			}
			if time.Now().After(end) {
				n.t.Fatalf("%s: got %v, want it reached", at, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}
