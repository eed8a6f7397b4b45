package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/systemd"
	"github.com/vendord/vendord/systemd/systemdtest"
)

// The unit and the configuration have to agree on where vendord listens.
func TestSocketsThatTheConfigurationDoesNotName(t *testing.T) {
	const anew = "\nhint: write the units anew: vendord service install --user\n"
	for name, row := range map[string]struct {
		change func(*managed)
		want   string
	}{
		"another port is configured": {func(m *managed) { m.relisten("127.0.0.1:1") },
			"vendord: daemon.listen: 127.0.0.1:1 is not among the sockets that the service manager holds for vendord" + anew},
		"another family is configured": {func(m *managed) { m.relisten("[::1]:" + m.at[strings.LastIndex(m.at, ":")+1:]) },
			"vendord: daemon.listen: [::1]:PORT is not among the sockets that the service manager holds for vendord" + anew},
		"one too many, and no address to show tokens at": {func(m *managed) { m.replace("listen = \""+m.at+"\"", "") },
			"vendord: 127.0.0.1:PORT: the service manager holds it for vendord, and DIR/vendord.toml does not name it" + anew},
		"one too many": {func(m *managed) { m.sockets = append(m.sockets, m.sockets[0]) },
			"vendord: 127.0.0.1:PORT: the service manager holds it for vendord, and DIR/vendord.toml does not name it" + anew},
		"a pipe": {func(m *managed) { m.sockets = append(m.sockets, pipeEnd(m.t)) },
			"vendord: service manager: inherited descriptor 5 (\"vendord.socket\"): not a listening socket\n" +
				"hint: see the unit: vendord takes listening sockets alone, and needs no OpenFile=\n"},
		"the control socket's path is gone": {func(m *managed) { _ = os.Remove(m.control()) },
			"vendord: control socket DIR/run/control.sock: inherited, but nothing is at its path any more\nhint: systemctl restart vendord.socket\n"},
		"something else is at its path": {func(m *managed) { _ = os.Remove(m.control()); _ = os.WriteFile(m.control(), nil, 0o600) },
			"vendord: control socket DIR/run/control.sock: inherited, but there is something else of that name now\nhint: systemctl restart vendord.socket\n"},
		"others may write to its directory": {func(m *managed) { _ = os.Chmod(filepath.Join(m.dir, "run"), 0o777) },
			"vendord: control socket DIR/run/control.sock: DIR/run: others may write it (owner OWNER, mode 0777)\nhint: chmod 755 DIR/run, or choose another place: --socket PATH\n"},
	} {
		t.Run(name, func(t *testing.T) {
			m := newManaged(t)
			row.change(m)
			err := m.command().Run()
			port := m.at[strings.LastIndex(m.at, ":")+1:]
			got := strings.NewReplacer(m.dir, "DIR", ":"+port, ":PORT", "owner "+peer.UserName(uint32(os.Getuid())), "owner OWNER").Replace(m.log.String())
			if err == nil || !strings.HasSuffix(got, row.want) {
				t.Errorf("serve: got %v and %q, want it to end with %q", err, got, row.want)
			}
		})
	}
}

// A service manager starts again what has failed, for as long as it takes: a start
// that fails says why at once, and then takes its time. Who wants it to end does not
// wait.
func TestAStartThatFailsTakesItsTime(t *testing.T) {
	broken := func(t *testing.T) (*managed, *exec.Cmd, time.Time) {
		m := newManaged(t)
		m.configure("nonsense = 1\n")
		cmd, began := m.command(), time.Now()
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
		return m, cmd, began
	}
	said := func(m *managed) bool { return strings.Count(m.log.String(), "nonsense") == 1 }
	t.Run("nobody is in a hurry", func(t *testing.T) {
		t.Parallel()
		m, cmd, began := broken(t)
		err := cmd.Wait()
		if took := time.Since(began); took < time.Second || cmd.ProcessState.ExitCode() != 1 || !said(m) {
			t.Errorf("serve: got %v after %s and %q, want it to say once what is wrong, and exit status 1 after a second", err, took, m.log)
		}
	})
	t.Run("SIGTERM", func(t *testing.T) {
		t.Parallel()
		m, cmd, began := broken(t)
		for !said(m) && time.Since(began) < 30*time.Second {
			time.Sleep(time.Millisecond)
		}
		early := time.Since(began) < time.Second // it is told before it ends
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil && early {
			t.Errorf("serve: got %v and %q, want it to have ended as it was told to", err, m.log)
		}
	})
}

// relisten changes daemon.listen.
func (m *managed) relisten(to string) { m.replace("listen = \""+m.at+"\"", "listen = \""+to+"\"") }

// add adds to the configuration.
func (m *managed) add(text string) { m.replace("[sources.john]", text+"[sources.john]") }

func (m *managed) replace(old, new string) {
	m.t.Helper()
	path := filepath.Join(m.dir, "vendord.toml")
	text, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(text, []byte(old)) {
		m.t.Fatalf("%s: %v, or without %q", path, err, old)
	}
	if err := os.WriteFile(path, bytes.Replace(text, []byte(old), []byte(new), 1), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// Commands that the daemon runs must not be able to speak for it.
func TestTheManagersVariablesAreTakenOut(t *testing.T) {
	manager := systemdtest.New(t, false)
	p := &program{environ: []string{"HOME=/x", "NOTIFY_SOCKET=" + manager.Address(), "PATH=/bin"}}
	for _, name := range systemd.Variables {
		if name != "NOTIFY_SOCKET" {
			p.environ = append(p.environ, name+"=")
		}
		t.Setenv(name, "x")
	}
	m, err := p.underManager()
	if err != nil || m == nil {
		t.Fatalf("underManager: got %v, %v, want a manager", m, err)
	}
	if want := []string{"HOME=/x", "PATH=/bin"}; !slices.Equal(p.environ, want) {
		t.Errorf("what sources get: %q, want %q", p.environ, want)
	}
	for _, name := range systemd.Variables {
		if value, set := os.LookupEnv(name); set {
			t.Errorf("%s=%s is still set", name, value)
		}
	}
}

func pipeEnd(t *testing.T) *os.File {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = read.Close(), write.Close() })
	return read
}

// Where another user was quicker: their socket was bound to the port before the manager
// listened there, with SO_REUSEADDR, which systemd sets as Go does.
func TestAnInheritedPortThatAnotherUserHasBound(t *testing.T) {
	needsRoot(t, "be another user")
	address := mustListen(t)
	at := netip.MustParseAddrPort(address.Addr().String())
	if err := heldAlone(at); err != nil {
		t.Errorf("heldAlone, where nobody else is: got %v", err)
	}
	_ = address.Close()
	var fd int
	asStranger(t, func() (err error) {
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
			return err
		}
		return unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()})
	})
	defer func() { _ = unix.Close(fd) }()
	ln, err := net.Listen("tcp", at.String())
	if err != nil {
		t.Fatalf("listening beside a socket that is only bound: %v, want it let in, as systemd is", err)
	}
	defer func() { _ = ln.Close() }()
	users, err := peer.Bound(at)
	if errors.Is(err, errors.ErrUnsupported) {
		if os.Getenv("CI") != "" {
			t.Fatalf("CI must run this on a kernel that tells: %v", err)
		}
		t.Skip(err)
	}
	if want := []uint32{stranger}; err != nil || !slices.Equal(users, want) {
		t.Errorf("Bound: got %v, %v, want %v", users, err, want)
	}
	err = heldAlone(at)
	want := fmt.Sprintf("%s: user %s has a socket bound there, from which it could be reached instead of vendord", at, peer.UserName(stranger))
	if err == nil || err.Error() != want || hintOf(err) != "end that user's programs, then restart vendord" {
		t.Errorf("heldAlone: got %v, hint %q, want %q", err, hintOf(err), want)
	}
}
