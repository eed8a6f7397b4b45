package server_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/server"
)

// network is a network namespace, by a thread that is in it. It is gone with that.
type network struct {
	tid  int
	jobs chan func()
}

// newNetwork makes a network of its own, with a loopback interface.
func newNetwork(t *testing.T) *network {
	t.Helper()
	needsRoot(t, "have a network of one's own")
	if _, err := exec.LookPath("ip"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI must run this: it takes iproute2")
		}
		t.Skip("it takes iproute2")
	}
	n := &network{jobs: make(chan func())}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		err := unix.Unshare(unix.CLONE_NEWNET)
		n.tid = unix.Gettid()
		ready <- err
		for job := range n.jobs {
			job()
		}
	}()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(n.jobs) })
	n.ip(t, "link set lo up")
	return n
}

// in runs f in the network. Sockets that f makes stay there.
func (n *network) in(t *testing.T, f func() error) {
	t.Helper()
	done := make(chan error)
	n.jobs <- func() { done <- f() }
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// ip runs ip(8) in the network.
func (n *network) ip(t *testing.T, commands ...string) {
	t.Helper()
	for _, command := range commands {
		n.in(t, func() error {
			if said, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput(); err != nil {
				return fmt.Errorf("ip %s: %w: %s", command, err, said)
			}
			return nil
		})
	}
}

// dial connects from an address in the network, or from any if it is empty.
func (n *network) dial(t *testing.T, from, to string) net.Conn {
	t.Helper()
	var c net.Conn
	n.in(t, func() (err error) {
		d := net.Dialer{Timeout: 30 * time.Second}
		if from != "" {
			d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
		}
		c, err = d.Dial("tcp", to)
		return err
	})
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second)) // for a test that fails
	return c
}

// listen listens in the network.
func (n *network) listen(t *testing.T, address string) (ln net.Listener) {
	t.Helper()
	n.in(t, func() (err error) { ln, err = net.Listen("tcp", address); return err })
	return ln
}

// island is a machine with an ECS address and a container in a network of its own,
// which has 172.18.0.5, 172.18.0.6 and 172.19.0.5.
func island(t *testing.T) (machine, container *network) {
	machine, container = newNetwork(t), newNetwork(t)
	machine.ip(t, "addr add 169.254.170.2/32 dev lo", "addr add fd00:ec2::23/128 dev lo",
		fmt.Sprintf("link add ours type veth peer name theirs netns %d", container.tid),
		"addr add 172.18.0.1/16 dev ours", "addr add 172.19.0.1/16 dev ours", "link set ours up")
	container.ip(t, "addr add 172.18.0.5/16 dev theirs", "addr add 172.18.0.6/16 dev theirs", "addr add 172.19.0.5/16 dev theirs",
		"link set theirs up", "route add 169.254.170.2 via 172.18.0.1")
	return machine, container
}

// startIn starts a server on an address of a machine.
func startIn(t *testing.T, machine *network, address, apps string, most int) *world {
	t.Helper()
	var kernel *peer.Kernel
	machine.in(t, func() (err error) { kernel, err = peer.OpenKernel(); return err })
	t.Cleanup(func() { _ = kernel.Close() })
	return startOn(t, machine.listen(t, address), always(credentials(nil)), func(c *server.Config) { c.Who, c.MaxConns = kernel.Client, most }, apps)
}
