package systemd_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vendord/vendord/systemd"
	"github.com/vendord/vendord/systemd/systemdtest"
)

// A process that is given descriptors is this program, started again.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "inherit" {
		inherit()
		return
	}
	os.Exit(m.Run())
}

// inherit prints what it was given, and which descriptors a child of its own gets.
func inherit() {
	m, err := systemd.Open(os.Environ())
	if err != nil {
		fmt.Println("error:", err)
	}
	for _, l := range m.Sockets() {
		fmt.Println("socket", l.Addr().Network(), l.Addr())
	}
	if data := m.Stored("sessions"); data != nil {
		fmt.Printf("sessions %q\n", data)
	}
	left, err := exec.Command("sh", "-c", `for fd in 3 4 5 6 7 8 9; do [ -e /proc/$$/fd/$fd ] && echo "$fd left"; done; true`).CombinedOutput()
	if err != nil {
		fmt.Println("sh:", err)
	}
	fmt.Print(string(left))
	for _, l := range m.Sockets() {
		_ = l.Close()
	}
}

// given starts a process with descriptors from 3 on and returns what it printed.
func given(t *testing.T, files []*os.File, environ ...string) string {
	t.Helper()
	// The shell's number is the program's: exec keeps it.
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `case $LISTEN_PID in self) export LISTEN_PID=$$;; esac; exec "$0" inherit`, os.Args[0])
	cmd.Env = append(append(os.Environ(), "LISTEN_PID=self", "GORACE=atexit_sleep_ms=0"), environ...)
	cmd.ExtraFiles = files
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("the process: %v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

func TestInheritedSockets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	tcp, unix := listenTCP(t, "tcp4", "127.0.0.1:0"), listenUnix(t, path)
	got := given(t, []*os.File{fileOf(t, tcp), fileOf(t, unix)}, "LISTEN_FDS=2", "LISTEN_FDNAMES=vendord.socket:vendord.socket")
	want := "socket tcp " + tcp.Addr().String() + "\nsocket unix " + path
	if got != want {
		t.Errorf("the process got %q, want %q", got, want)
	}
	// The process has closed its listeners, and others go on.
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the path of an inherited socket: got %v, want it still there", err)
	}
	_ = c.Close()
}

func TestWhatIsNotInherited(t *testing.T) {
	ln := fileOf(t, listenTCP(t, "tcp4", "127.0.0.1:0"))
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = read.Close(), write.Close() }()
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for name, row := range map[string]struct {
		file    *os.File
		environ []string
		want    string
	}{
		"of somebody else":    {ln, []string{"LISTEN_PID=1", "LISTEN_FDS=1"}, "3 left"},
		"of nobody":           {ln, []string{"LISTEN_PID=", "LISTEN_FDS=1"}, "3 left"},
		"none":                {ln, []string{"LISTEN_FDS=0"}, "3 left"},
		"not a process":       {ln, []string{"LISTEN_PID=0x1", "LISTEN_FDS=1"}, "error: LISTEN_PID=\"0x1\": not the number of a process\n3 left"},
		"not a number":        {ln, []string{"LISTEN_FDS=one"}, "error: LISTEN_FDS=\"one\": not a number of descriptors\n3 left"},
		"below nothing":       {ln, []string{"LISTEN_FDS=-1"}, "error: LISTEN_FDS=\"-1\": not a number of descriptors\n3 left"},
		"more than there are": {ln, []string{"LISTEN_FDS=2147483647"}, "error: LISTEN_FDS=\"2147483647\": not a number of descriptors\n3 left"},
		// Go's runtime may have opened something of its own there.
		"more than were given":       {ln, []string{"LISTEN_FDS=2", "LISTEN_FDNAMES=a:b"}, `error: inherited descriptor 4 ("b"): `},
		"a pipe":                     {read, []string{"LISTEN_FDS=1"}, `error: inherited descriptor 3 (""): not a listening socket`},
		"a file":                     {file, []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=log"}, `error: inherited descriptor 3 ("log"): a file, and neither a listening socket nor something stored`},
		"a connection":               {connection(t), []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=connection"}, `error: inherited descriptor 3 ("connection"): not a listening socket`},
		"a socket for datagrams":     {datagrams(t), []string{"LISTEN_FDS=1"}, `error: inherited descriptor 3 (""): not a listening socket`},
		"packets over a Unix socket": {packets(t), []string{"LISTEN_FDS=1"}, `error: inherited descriptor 3 (""): not a stream`},
	} {
		t.Run(name, func(t *testing.T) {
			got := given(t, []*os.File{row.file}, row.environ...)
			if got != row.want && !(strings.HasSuffix(row.want, ": ") && strings.HasPrefix(got, row.want)) {
				t.Errorf("the process got %q, want %q", got, row.want)
			}
		})
	}
}

// Multipath TCP can outlive the addresses that the kernel is asked about.
func TestMultipathTCPIsRefused(t *testing.T) {
	var config net.ListenConfig
	config.SetMultipathTCP(true)
	ln, err := config.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	f := fileOf(t, ln)
	if protocol, _ := syscall.GetsockoptInt(int(f.Fd()), syscall.SOL_SOCKET, syscall.SO_PROTOCOL); protocol == syscall.IPPROTO_TCP {
		t.Skip("this kernel has no Multipath TCP") // and so nobody can hand one over
	}
	want := `error: inherited descriptor 3 (""): neither a TCP nor a Unix socket`
	if got := given(t, []*os.File{f}, "LISTEN_FDS=1"); got != want {
		t.Errorf("the process got %q, want %q", got, want)
	}
}

func TestBadAddressOfTheManager(t *testing.T) {
	want := `NOTIFY_SOCKET="vsock:2:1": neither a path nor an abstract socket`
	if _, err := systemd.Open([]string{"NOTIFY_SOCKET=vsock:2:1"}); message(err) != want {
		t.Errorf("Open: got %q, want %q", message(err), want)
	}
}

func TestStoredForASuccessor(t *testing.T) {
	whole := func(number uint64, data string) []byte {
		return slices.Concat(systemd.Header(number, []byte(data)), []byte(data))
	}
	type left struct {
		name string
		text []byte
	}
	for name, row := range map[string]struct {
		left []left
		want string
	}{
		"one":                           {[]left{{"sessions.3", whole(3, "a")}}, `sessions "a"`},
		"nothing in it":                 {[]left{{"sessions.3", whole(3, "")}}, `sessions ""`},
		"the newest of two":             {[]left{{"sessions.10", whole(10, "new")}, {"sessions.9", whole(9, "old")}}, `sessions "new"`},
		"the newest is damaged":         {[]left{{"sessions.3", whole(3, "old")}, {"sessions.4", whole(4, "new")[:60]}}, `sessions "old"`},
		"two of one name, one is whole": {[]left{{"sessions.3", []byte("x")}, {"sessions.3", whole(3, "a")}}, `sessions "a"`},
		"another's number":              {[]left{{"sessions.4", whole(3, "a")}}, ""},
		"another name":                  {[]left{{"sessionsx.4", whole(4, "a")}}, ""},
		"a name of no version":          {[]left{{"sessions", whole(0, "a")}, {"stored", whole(0, "b")}}, ""},
		"more than its length":          {[]left{{"sessions.4", append(whole(4, "a"), 'b')}}, ""},
		"empty":                         {[]left{{"sessions.4", nil}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			manager := systemdtest.New(t, false)
			for _, l := range row.left {
				manager.Put(l.name, memory(t, l.text))
			}
			if got := given(t, manager.Files(), manager.Environ()...); got != row.want {
				t.Errorf("the process got %q, want %q", got, row.want)
			}
		})
	}
}

// What one process stored, the next one gets, and replaces.
func TestStoreAndRestart(t *testing.T) {
	manager := systemdtest.New(t, false)
	m := open(t, manager.Environ()...)
	if err := m.Store("sessions", []byte("living")); err != nil {
		t.Fatal(err)
	}
	ln := listenTCP(t, "tcp4", "127.0.0.1:0")
	f := fileOf(t, ln)
	want := "socket tcp " + ln.Addr().String() + "\nsessions \"living\""
	if got := given(t, manager.Files(f), manager.Environ(f)...); got != want {
		t.Errorf("the process got %q, want %q", got, want)
	}
}

func listenTCP(t *testing.T, network, address string) net.Listener {
	t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	ln, err := config.Listen(t.Context(), network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

func listenUnix(t *testing.T, path string) net.Listener {
	t.Helper()
	ln, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return ln
}

// fileOf is a copy of a socket's descriptor.
func fileOf(t *testing.T, socket any) *os.File {
	t.Helper()
	f, err := socket.(interface{ File() (*os.File, error) }).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func connection(t *testing.T) *os.File {
	t.Helper()
	c, err := net.Dial("tcp", listenTCP(t, "tcp4", "127.0.0.1:0").Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return fileOf(t, c)
}

func datagrams(t *testing.T) *os.File {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return fileOf(t, c)
}

func packets(t *testing.T) *os.File {
	t.Helper()
	ln, err := net.Listen("unixpacket", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	return fileOf(t, ln)
}

func streamOf(t *testing.T, f *os.File) string {
	t.Helper()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return fmt.Sprintf("%d:%d", stat.Dev, stat.Ino)
}
