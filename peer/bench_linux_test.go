package peer_test

import (
	"fmt"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/peer"
)

// BenchmarkRecognition is what it costs to know who asks, for a connection and for
// a request over one that is kept, by the number of sockets and of processes:
//
//	go test ./peer -run '^$' -bench Recognition
//
// The rows are what a rule needs: "user" alone, its "unit" as well, for the record
// the "process" that holds the socket, and for a rule of executables "all
// processes" that do. What has to be flat is "user", "unit" and "request".
func BenchmarkRecognition(b *testing.B) {
	needRoot(b, "look into processes of other users")
	s := newStage(b)
	raiseOpenFiles(b, 16_000)
	_, first := s.connected(userOf(20001))
	_, conn := s.ofUser(20001)
	run := func(name string) {
		for _, row := range s.rows(b, first, conn) {
			b.Run(name+"/"+row.name, row.measure)
		}
	}
	s.openSockets(50, 20002)
	run("100 sockets")
	sleep := sleepers(b, 2_000)
	run("100 sockets, 2000 processes")
	sleep()
	s.openSockets(8_000, 20003)
	run("16000 sockets")
}

// measure reports the processor's time beside the clock's, which is that of a
// machine with nothing else to do.
func (r row) measure(b *testing.B) {
	var before, after unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &before)
	b.ReportAllocs()
	for b.Loop() {
		if err := r.do(); err != nil {
			b.Fatal(err)
		}
	}
	_ = unix.Getrusage(unix.RUSAGE_SELF, &after)
	used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
	b.ReportMetric(float64(used)/float64(b.N), "cpu-ns/op")
}

type row struct {
	name string
	do   func() error
}

// rows are what is measured. Looks for all processes cost their user nothing here.
func (s *stage) rows(b *testing.B, first *peer.Client, conn net.Conn) []row {
	b.Helper()
	holders, _ := peer.CostlyHolders(time.Now, 0)
	return []row{
		{"user", func() error { return s.kernel.Client(conn).Err }},
		{"unit", func() error { _, err := s.kernel.Client(conn).Cgroup(); return err }},
		{"process", func() error {
			if _, ok := s.kernel.Client(conn).Process(); !ok {
				return fmt.Errorf("no process holds %+v", first.Socket)
			}
			return nil
		}},
		{"all processes", func() error { c := s.kernel.Client(conn); return holders(c.Socket, c.Still) }},
		{"request", first.Still},
	}
}

// ofUser returns a connection of a user's.
func (s *stage) ofUser(uid uint32) (*puppet, net.Conn) {
	s.t.Helper()
	p := puppetAs(s.t, userOf(uid))
	p.do("connect", s.ln.Addr().String())
	_, conn := s.next()
	return p, conn
}

// openSockets opens so many connections, in processes of 2,000 each.
func (s *stage) openSockets(n int, uid uint32) {
	s.t.Helper()
	for ; n > 0; n -= 2_000 {
		p, some := puppetAs(s.t, userOf(uid)), min(n, 2_000)
		done := make(chan struct{})
		go func() { p.do("connect-many", fmt.Sprintf("%s,%d", s.ln.Addr(), some)); close(done) }()
		for range some {
			c, err := s.ln.Accept()
			if err != nil {
				s.t.Fatal(err)
			}
			s.t.Cleanup(func() { _ = c.Close() })
		}
		<-done
	}
}

// sleepers starts so many processes, of users of their own, that do nothing until
// the function that it returns ends them.
func sleepers(t testing.TB, n int) func() {
	t.Helper()
	var all []*exec.Cmd
	for i := range n {
		cmd := exec.Command("sleep", "600")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(21_000 + i%10), Gid: 21_000}}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		all = append(all, cmd)
	}
	end := sync.OnceFunc(func() {
		for _, cmd := range all {
			_, _ = cmd.Process.Kill(), cmd.Wait()
		}
	})
	t.Cleanup(end)
	return end
}
