//go:build unix

package systemdtest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	maxMessage = 4096 // NOTIFY_BUFFER_MAX: more is dropped
	maxStored  = 8    // FileDescriptorStoreMax= of the unit
)

// Manager is a service manager.
type Manager struct {
	conn *net.UnixConn
	path string

	mu     sync.Mutex // guards the rest
	heard  []string
	news   chan struct{} // closed when something is heard
	stored []*os.File    // by name
	deaf   bool
}

// New returns a manager that listens until the test ends, on a path or, if abstract,
// in the abstract name space.
func New(t testing.TB, abstract bool) *Manager {
	t.Helper()
	dir, err := os.MkdirTemp("", "") // t.TempDir's can be too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "notify")
	if abstract {
		path = "@" + path
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	m := &Manager{conn: conn, path: path, news: make(chan struct{})}
	var listening sync.WaitGroup
	listening.Go(m.listen)
	t.Cleanup(func() {
		_ = conn.Close()
		listening.Wait()
		for _, f := range m.stored {
			_ = f.Close()
		}
		_ = os.RemoveAll(dir)
	})
	return m
}

// Address is NOTIFY_SOCKET.
func (m *Manager) Address() string { return m.path }

// Environ returns the variables for a process that gets these sockets, and then what
// is stored, from descriptor 3 on. LISTEN_PID, which nobody knows before the process
// runs, is not among them: a shell can set it, `LISTEN_PID=$$ exec …`.
func (m *Manager) Environ(sockets ...*os.File) []string {
	var names []string
	for _, f := range m.Files(sockets...) {
		names = append(names, f.Name())
	}
	for i := range sockets {
		names[i] = "vendord.socket"
	}
	return []string{"NOTIFY_SOCKET=" + m.path, "FDSTORE=" + fmt.Sprint(maxStored),
		"LISTEN_FDS=" + fmt.Sprint(len(names)), "LISTEN_FDNAMES=" + strings.Join(names, ":")}
}

// Files returns these sockets, and then what is stored: a process's descriptors from
// 3 on (exec.Cmd's ExtraFiles).
func (m *Manager) Files(sockets ...*os.File) []*os.File {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append(slices.Clone(sockets), m.stored...)
}

// Put puts something into the store, as a predecessor of whatever kind could have.
func (m *Manager) Put(name string, f *os.File) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.store(name, int(f.Fd()))
}

// Stored returns the names of what is stored.
func (m *Manager) Stored() []string {
	var names []string
	for _, f := range m.Files() {
		names = append(names, f.Name())
	}
	return names
}

// Deaf makes the manager read on, and do nothing of what it is told.
func (m *Manager) Deaf(deaf bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.deaf = deaf
}

// Heard returns all messages so far, barriers excepted.
func (m *Manager) Heard() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.heard)
}

// Await returns the first message that has a line, among all that came and come
// after the first so many, within a minute.
func (m *Manager) Await(t testing.TB, line string, after int) string {
	t.Helper()
	for end := time.After(time.Minute); ; {
		m.mu.Lock()
		heard, news := m.heard, m.news
		m.mu.Unlock()
		for _, message := range heard[min(after, len(heard)):] {
			if slices.Contains(strings.Split(message, "\n"), line) {
				return message
			}
		}
		select {
		case <-news:
		case <-end:
			t.Fatalf("the manager waited for %q: heard %q", line, heard)
		}
	}
}

func (m *Manager) listen() {
	message, rights := make([]byte, maxMessage+1), make([]byte, 1024)
	for {
		n, rn, _, _, err := m.conn.ReadMsgUnix(message, rights)
		if err != nil {
			return
		}
		fds := descriptors(rights[:rn])
		if n <= maxMessage {
			m.hear(string(message[:n]), fds)
		}
		for _, fd := range fds { // what is stored is a copy
			_ = syscall.Close(fd)
		}
	}
}

func descriptors(rights []byte) (all []int) {
	messages, _ := syscall.ParseSocketControlMessage(rights)
	for _, m := range messages {
		fds, _ := syscall.ParseUnixRights(&m)
		for _, fd := range fds {
			syscall.CloseOnExec(fd)
		}
		all = append(all, fds...)
	}
	return all
}

// hear does what a message says. The barrier's descriptor is closed by the caller,
// which is all its sender waits for; a deaf manager keeps a copy.
func (m *Manager) hear(message string, fds []int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lines := strings.Split(message, "\n")
	if m.deaf {
		for _, fd := range fds {
			_, _ = syscall.Dup(fd) // for the life of the test
		}
		return
	}
	if message == "BARRIER=1" {
		return
	}
	m.heard = append(m.heard, message)
	close(m.news)
	m.news = make(chan struct{})
	name := "stored"
	for _, line := range lines {
		if given, is := strings.CutPrefix(line, "FDNAME="); is {
			name = given
		}
	}
	switch {
	case slices.Contains(lines, "FDSTOREREMOVE=1"):
		m.stored = slices.DeleteFunc(m.stored, func(f *os.File) bool {
			if f.Name() == name {
				_ = f.Close()
			}
			return f.Name() == name
		})
	case slices.Contains(lines, "FDSTORE=1"):
		for _, fd := range fds {
			m.store(name, fd)
		}
	}
}

// store keeps a copy of a descriptor, if there is room.
func (m *Manager) store(name string, fd int) {
	if len(m.stored) >= maxStored {
		return
	}
	if own, err := syscall.Dup(fd); err == nil {
		syscall.CloseOnExec(own)
		m.stored = append(m.stored, os.NewFile(uintptr(own), name))
	}
}
