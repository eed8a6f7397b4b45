package main

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/fakeaws"
)

// A program that opens a connection for each request, and never tries again, notices
// nothing of a restart but a moment's wait.
func TestTenRestartsRefuseNobody(t *testing.T) {
	m := newManaged(t)
	cmd := m.start()
	token := m.token(true)
	var asking sync.WaitGroup
	var done atomic.Bool
	var asked, kept, keptLost atomic.Int64
	var slowest atomic.Int64
	for range 4 {
		asking.Go(func() {
			once := &http.Transport{DisableKeepAlives: true}
			for !done.Load() {
				began := time.Now()
				if problem := m.ask(once, token); problem != "" {
					t.Errorf("a request over a connection of its own: %s", problem)
				}
				asked.Add(1)
				if took := int64(time.Since(began)); took > slowest.Load() {
					slowest.Store(took)
				}
			}
		})
	}
	asking.Go(func() { keptClient(t, m.at, token, &done, &kept, &keptLost) })
	for range 10 {
		before := asked.Load()
		m.stop(cmd)
		cmd = m.start()
		for end := time.Now().Add(10 * time.Second); asked.Load() < before+20 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
	}
	done.Store(true)
	asking.Wait()
	m.stop(cmd)
	t.Logf("%d requests over connections of their own, the slowest %s; %d over kept ones, of which %d were lost",
		asked.Load(), time.Duration(slowest.Load()).Round(time.Millisecond), kept.Load(), keptLost.Load())
	if keptLost.Load() > 2 {
		t.Errorf("%d of %d requests over kept connections were lost in ten restarts", keptLost.Load(), kept.Load())
	}
}

// keptClient asks over one connection as long as it is told that it may, without
// looking whether the other end has hung up, and never tries again.
func keptClient(t *testing.T, at, token string, done *atomic.Bool, asked, lost *atomic.Int64) {
	for !done.Load() {
		c, err := net.Dial("tcp", at)
		if err != nil {
			t.Errorf("dialling: %v", err)
			return
		}
		_ = c.SetDeadline(time.Now().Add(30 * time.Second))
		for in, answered := bufio.NewReader(c), time.Now(); !done.Load(); answered = time.Now() {
			asked.Add(1)
			late := time.Since(answered) > 100*time.Millisecond // a busy machine: it was away for most of the time in which it is told
			fmt.Fprintf(c, "GET /v1/credentials HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\n\r\n", at, token)
			answer, err := http.ReadResponse(in, nil)
			if err != nil || answer.StatusCode != http.StatusOK {
				if !late {
					lost.Add(1)
				}
				break
			}
			_, _ = bufio.NewReader(answer.Body).WriteTo(&strings.Builder{})
			if answer.Close {
				break
			}
			time.Sleep(5 * time.Millisecond) // as a program that does something with it
		}
		_ = c.Close()
	}
}

// Who waits for AWS when the daemon is told to end gets credentials; who comes then
// waits for its successor.
func TestTheEndAnswersWhoWaitsForAWS(t *testing.T) {
	m := newManaged(t)
	cmd := m.start()
	token := m.token(false)
	m.aws.Inject(fakeaws.Fault{Operation: "AssumeRole", Kind: fakeaws.Latency, Latency: 500 * time.Millisecond, Count: 1})
	waiting, late := make(chan string, 1), make(chan string, 1)
	go func() { waiting <- m.ask(&http.Transport{DisableKeepAlives: true}, token) }()
	<-m.assumed
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	m.Await(t, "STOPPING=1", 0)
	if problem := <-waiting; problem != "" {
		t.Errorf("a request that waited for AWS when the daemon was told to end: %s\n%s", problem, m.log)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("serve: %v", err)
	}
	go func() { late <- m.ask(&http.Transport{DisableKeepAlives: true}, token) }()
	cmd = m.start()
	if problem := <-late; problem != "" { // before it ends: who came at the end would wait for another
		t.Errorf("a request while there was no daemon: %s", problem)
	}
	m.stop(cmd)
}

// steps is what the manager heard without the lines of status in between, which come
// whenever there is news.
func steps(heard []string) []string {
	return slices.DeleteFunc(slices.Clone(heard), func(s string) bool { return strings.HasPrefix(s, "STATUS=") })
}

func TestWhatTheServiceManagerIsTold(t *testing.T) {
	m := newManaged(t)
	cmd := m.start()
	ready := steps(m.Heard())[0]
	if !strings.HasPrefix(ready, "READY=1\nSTATUS=") {
		t.Errorf("at the start the manager heard %q, want READY=1 with a status", ready)
	}
	for name, spoil := range map[string]bool{"a good file": false, "a bad file": true} {
		before := len(m.Heard())
		if spoil {
			m.configure("nonsense = 1\n")
		}
		if err := cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		m.Await(t, "READY=1", before)
		m.Await(t, "RELOADING=1", before)
		heard := steps(m.Heard()[before:])
		if !strings.HasPrefix(heard[0], "RELOADING=1\nMONOTONIC_USEC=") {
			t.Errorf("a reload of %s: the manager heard %q, want it to begin with RELOADING=1", name, heard)
		}
	}
	before := len(m.Heard())
	m.stop(cmd)
	if heard := m.Heard()[before:]; !slices.Contains(heard, "STOPPING=1") {
		t.Errorf("at the end the manager heard %q, want STOPPING=1", heard)
	}
	if _, err := os.Stat(m.control()); err != nil {
		t.Errorf("the path of an inherited control socket: %v, want it still there", err)
	}
}

// Commands that people and scripts type while vendord is restarted wait a moment, and
// none of them fails.
func TestTenRestartsFailNoCommand(t *testing.T) {
	m := newManaged(t)
	cmd := m.start()
	var asking sync.WaitGroup
	var done atomic.Bool
	var asked atomic.Int64
	for _, line := range [][]string{{"status"}, {"list"}, {"use", "--app", "agent", "company1-hr-readonly"}} {
		asking.Go(func() {
			for !done.Load() {
				c := m.vendord(line...)
				if out, err := c.CombinedOutput(); err != nil {
					t.Errorf("vendord %s: %v: %s", strings.Join(line, " "), err, out)
				}
				asked.Add(1)
			}
		})
	}
	for range 10 {
		before := asked.Load()
		m.stop(cmd)
		cmd = m.start()
		for end := time.Now().Add(20 * time.Second); asked.Load() < before+4 && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
	}
	done.Store(true)
	asking.Wait()
	m.stop(cmd)
	t.Logf("%d commands", asked.Load())
}

// vendord is a command of the service's user.
func (m *managed) vendord(args ...string) *exec.Cmd {
	m.t.Helper()
	path, err := exec.LookPath("vendord")
	if err != nil {
		m.t.Fatal(err)
	}
	cmd := exec.CommandContext(m.t.Context(), path, args...)
	cmd.Env = []string{"HOME=" + m.dir, "PATH=" + os.Getenv("PATH"), "VENDORD_SOCKET=" + m.control(), "GORACE=atexit_sleep_ms=0"}
	return cmd
}
