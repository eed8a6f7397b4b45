package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
)

// hold gives the daemon one more socket.
func (m *managed) hold(at string) {
	m.t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	l, err := config.Listen(m.t.Context(), "tcp", at)
	if err != nil {
		m.t.Fatal(err)
	}
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { _, _ = f.Close(), l.Close() })
	m.sockets = append(m.sockets, f)
}

// portOf is the port of a socket.
func portOf(t *testing.T, f *os.File) string {
	t.Helper()
	l, err := net.FileListener(f)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// unheard is a port at which nobody listens, nor will before the test ends.
func unheard(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	at, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(at.(*unix.SockaddrInet4).Port)
}

// A reload that brought an endpoint and took another, and then a crash: what the manager
// holds sockets for is served, and what is not is said wherever somebody looks.
func TestEndpointsThatTheManagerDoesNotHold(t *testing.T) {
	m := newManaged(t)
	m.hold("127.0.0.1:0")
	m.hold("127.0.0.1:0")
	held, gone, fresh := portOf(t, m.sockets[2]), portOf(t, m.sockets[3]), unheard(t)
	m.add("[endpoints.imds]\nlisten = [\"127.0.0.1:" + held + "\", \"127.0.0.1:" + fresh + "\"]\n")
	cmd := m.start()

	const anew = `hint="write the units anew: vendord service install --user"`
	for _, want := range []string{
		`level=ERROR msg="endpoints.imds.listen: 127.0.0.1:` + fresh + ` is not among the sockets that the service manager holds for vendord, and is not served" ` + anew,
		`level=WARN msg="127.0.0.1:` + gone + `: the service manager holds it for vendord, ` + m.dir + `/vendord.toml does not name it, and who asks there is turned away" ` + anew,
	} {
		// What it wrote before it was ready may still be on its way here.
		for end := time.Now().Add(time.Minute); !strings.Contains(m.log.String(), want) && time.Now().Before(end); {
			time.Sleep(10 * time.Millisecond)
		}
		if !strings.Contains(m.log.String(), want) {
			t.Errorf("log: got\n%s\nwant in it\n%s", m.log, want)
		}
	}
	const notServed = "is not served before: vendord service install --user"
	said := "endpoints.imds.listen: 127.0.0.1:" + fresh + " " + notServed
	m.Await(t, "STATUS=no sessions; "+said, 0)
	c, err := control.Dial(t.Context(), m.control())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if r, err := c.Ready(t.Context()); err != nil || !r.Ready || r.Well || r.Reason != said {
		t.Errorf("ready: got %+v, %v, want it ready, not well, and why", r, err)
	}
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := printedBy(t, func(p *program) { p.printDaemon(s, time.Now()) })
	for _, want := range []string{
		"            http://127.0.0.1:" + held + ", as EC2's metadata service\n",
		"            http://127.0.0.1:" + fresh + ", as EC2's metadata service: " + notServed + "\n",
		"  warning   127.0.0.1:" + gone + ": the service manager holds it for vendord, " + m.dir + "/vendord.toml does not name it, and who asks there is turned away, until: vendord service install --user\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("status: got\n%s\nwant in it\n%s", got, want)
		}
	}
	if _, err := metadataOf(control.Status{Endpoints: s.Endpoints[1:]}, "agent"); errorText(err) != "http://127.0.0.1:"+fresh+": "+notServed {
		t.Errorf("env --metadata: got %v, want no program led there", err)
	}
	if err := allServed(s.Endpoints); errorText(err) != "http://127.0.0.1:"+fresh+": vendord.socket as it is in force does not hold it" || hintOf(err) != "see the drop-ins: systemctl cat vendord.socket" {
		t.Errorf("an install: got %v (%s), want it failed", err, hintOf(err))
	}

	if code := askedAt(t, held); code != http.StatusUnauthorized {
		t.Errorf("the endpoint with a socket: got status %d, want it to answer", code)
	}
	if _, err := net.Dial("tcp", "127.0.0.1:"+fresh); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the endpoint without a socket: got %v, want %v", err, syscall.ECONNREFUSED)
	}
	turnedAway(t, gone)
	m.stop(cmd)

	// What the configuration names again is served again.
	m.replace(`"127.0.0.1:`+fresh+`"`, `"127.0.0.1:`+gone+`"`)
	from := len(m.Heard())
	cmd = m.start()
	m.Await(t, "STATUS=no sessions", from)
	if code := askedAt(t, gone); code != http.StatusUnauthorized {
		t.Errorf("the endpoint that is named again: got status %d, want it to answer", code)
	}
	m.stop(cmd)
}

// What is left must not take what is sent to an address of the configuration.
func TestSocketsThatAreLeft(t *testing.T) {
	config := &profiles.Config{Daemon: profiles.Daemon{Listen: "127.0.0.1:9797"}, Endpoints: []profiles.Endpoint{ecsAt("169.254.170.2:80")}}
	for at, want := range map[string]bool{
		"169.254.170.23:80": true, "169.254.170.2:8080": true, "127.0.0.1:9254": true, "127.0.0.2:9797": true, "0.0.0.0:9254": true,
		"127.0.0.1:9797": false, "169.254.170.2:80": false, "0.0.0.0:80": false, "[::]:80": false, "[::]:9797": false,
	} {
		if got := leftOut(config, netip.MustParseAddrPort(at)); got != want {
			t.Errorf("leftOut(%s): got %v, want %v", at, got, want)
		}
	}
	if leftOut(&profiles.Config{}, netip.MustParseAddrPort("127.0.0.1:9797")) {
		t.Error("without daemon.listen: got it left, want it refused, since programs may show tokens there")
	}
}

// askedAt is the status of a metadata service for who has no session token.
func askedAt(t *testing.T, port string) int {
	t.Helper()
	answer, err := http.Get("http://127.0.0.1:" + port + "/latest/meta-data/iam/security-credentials/")
	if err != nil {
		t.Error(err)
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// turnedAway is an error where a connection is neither ended nor refused: its program
// would wait.
func turnedAway(t *testing.T, port string) {
	t.Helper()
	c, err := net.Dial("tcp", "127.0.0.1:"+port)
	if errors.Is(err, syscall.ECONNRESET) {
		return
	}
	if err != nil {
		t.Errorf("the socket that is not named: %v", err)
		return
	}
	defer func() { _ = c.Close() }()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	if got, err := io.ReadAll(c); len(got) > 0 || err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the socket that is not named: got %q, %v, want the connection reset", got, err)
	}
}
