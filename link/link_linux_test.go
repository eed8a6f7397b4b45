package link_test

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vendord/vendord/link"
	"github.com/vendord/vendord/session"
)

var (
	metadata = netip.MustParseAddr("169.254.169.254")
	task     = netip.MustParseAddr("169.254.170.2")
	pod      = netip.MustParseAddr("fd00:ec2::23")
)

// inNetwork runs f in a network of its own, with a loopback link that is up, after
// commands of ip(8).
func inNetwork(t *testing.T, prepare []string, f func()) {
	t.Helper()
	if os.Getuid() != 0 || !has("ip") {
		if os.Getenv("CI") != "" {
			t.Fatal("CI must run this: it takes root and iproute2")
		}
		t.Skip("it takes root and iproute2")
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		runtime.LockOSThread() // and never unlocked: the network goes with the thread
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			t.Error(err)
			return
		}
		for _, command := range slices.Concat([]string{"link set lo up"}, prepare) {
			ip(t, command)
		}
		f()
	})
	wg.Wait()
}

func has(program string) bool { _, err := exec.LookPath(program); return err == nil }

// ip runs ip(8) in the network of the calling thread.
func ip(t *testing.T, command string) string {
	t.Helper()
	out, err := exec.Command("ip", strings.Fields(command)...).CombinedOutput()
	if err != nil {
		t.Errorf("ip %s: %v: %s", command, err, out)
	}
	return string(out)
}

// states are those of the addresses, with who has them.
func states(t *testing.T, of ...netip.Addr) (all []string) {
	t.Helper()
	found, err := link.Status(of)
	if err != nil {
		t.Errorf("Status: %v", err)
	}
	for _, a := range found {
		all = append(all, strings.TrimSpace(string(a.State)+" "+a.By))
	}
	return all
}

func TestUpAndDown(t *testing.T) {
	inNetwork(t, nil, func() {
		before := ip(t, "addr") + ip(t, "route show table all") + ip(t, "-6 route show table all")
		for round, want := range [][]netip.Addr{{metadata, task, pod}, nil} {
			done, err := link.Up([]netip.Addr{metadata, task, pod})
			if err != nil || !slices.Equal(done.Added, want) || len(done.Removed) > 0 {
				t.Errorf("Up, time %d: got %v, %v, want %v added", round+1, done, err, want)
			}
			if got := states(t, metadata, task, pod); !slices.Equal(got, []string{"own", "own", "own"}) {
				t.Errorf("Status: got %v, want all its own", got)
			}
		}
		if shown := ip(t, "addr show dev lo"); !strings.Contains(shown, "inet6 fd00:ec2::23/128") || strings.Contains(shown, "tentative") ||
			!strings.Contains(shown, "169.254.170.2/32 metric 1986358884 scope host") {
			t.Errorf("ip addr: got %s, want the addresses, of scope host, with the mark and without duplicate address detection", shown)
		}
		if done, err := link.Add([]netip.Addr{task}); err != nil || done.Added != nil || done.Removed != nil {
			t.Errorf("Add of fewer: got %v, %v, want nothing done", done, err)
		}
		done, err := link.Up([]netip.Addr{task})
		if err != nil || done.Added != nil || !slices.Equal(done.Removed, []netip.Addr{metadata, pod}) {
			t.Errorf("Up of fewer: got %v, %v, want the others removed", done, err)
		}
		for _, want := range [][]netip.Addr{{task}, nil} {
			if ours, err := link.Ours(); err != nil || !slices.Equal(ours, want) {
				t.Errorf("Ours: got %v, %v, want %v", ours, err, want)
			}
			if done, err := link.Down([]netip.Addr{metadata}); err != nil || done.Removed != nil {
				t.Errorf("Down of another: got %v, %v, want nothing removed", done, err)
			}
			if done, err := link.Down([]netip.Addr{metadata, task}); err != nil || !slices.Equal(done.Removed, want) {
				t.Errorf("Down: got %v, %v, want %v removed", done, err, want)
			}
		}
		if after := ip(t, "addr") + ip(t, "route show table all") + ip(t, "-6 route show table all"); after != before {
			t.Errorf("after Down: got\n%s\nwant it as before:\n%s", after, before)
		}
	})
}

func TestWhatIsInTheWay(t *testing.T) {
	bridge := []string{"link add br0 type bridge", "link set br0 up"}
	for name, row := range map[string]struct {
		prepare []string
		want    string // of the state
		err     string // of Up, if it is refused
	}{
		"nothing":                      {nil, "missing", ""},
		"a default route":              {[]string{"addr add 10.0.0.1/24 dev br0", "route add default via 10.0.0.2"}, "missing", ""},
		"zeroconf":                     {[]string{"addr add 169.254.7.7/16 dev br0"}, "missing", ""},
		"a route to another address":   {[]string{"route add 169.254.170.3 dev br0"}, "missing", ""},
		"it is there already":          {[]string{"addr add 169.254.170.2/32 dev lo"}, "given", ""},
		"it is there, as zeroconf's":   {[]string{"addr add 169.254.170.2/16 dev lo"}, "given", ""},
		"another link has it":          {[]string{"addr add 169.254.170.2/32 dev br0"}, "taken br0", "169.254.170.2: link br0 has this address"},
		"both have it":                 {[]string{"addr add 169.254.170.2/32 dev br0", "addr add 169.254.170.2/32 dev lo"}, "taken br0", "169.254.170.2: link br0 has this address"},
		"another link has it, of many": {[]string{"addr add 169.254.170.2/24 dev br0"}, "taken br0", "169.254.170.2: link br0 has this address"},
		"a route": {[]string{"addr add 10.0.0.1/24 dev br0", "route add 169.254.170.2 via 10.0.0.2"}, "routed 169.254.170.2/32 via 10.0.0.2 dev br0",
			"169.254.170.2: a route of this machine leads elsewhere: 169.254.170.2/32 via 10.0.0.2 dev br0"},
		"a network": {[]string{"addr add 169.254.170.1/24 dev br0"}, "routed 169.254.170.0/24 dev br0",
			"169.254.170.2: a route of this machine leads elsewhere: 169.254.170.0/24 dev br0"},
		"a route of another table": {[]string{"route add 169.254.170.2 dev br0 table 77"}, "routed 169.254.170.2/32 dev br0 table 77",
			"169.254.170.2: a route of this machine leads elsewhere: 169.254.170.2/32 dev br0 table 77"},
		"an administrator who forbids it": {[]string{"route add prohibit 169.254.170.2"}, "routed prohibit 169.254.170.2/32",
			"169.254.170.2: a route of this machine leads elsewhere: prohibit 169.254.170.2/32"},
		"all addresses of a network are the machine's": {[]string{"route add local 169.254.170.0/24 dev br0"}, "routed local 169.254.170.0/24 dev br0 table 255",
			"169.254.170.2: a route of this machine leads elsewhere: local 169.254.170.0/24 dev br0 table 255"},
		"loopback is down": {[]string{"link set lo down"}, "missing", "link lo: is down"},
	} {
		t.Run(name, func(t *testing.T) {
			inNetwork(t, slices.Concat(bridge, row.prepare), func() {
				before := ip(t, "addr")
				if got := states(t, task); got[0] != row.want {
					t.Errorf("Status: got %s, want %s", got[0], row.want)
				}
				_, err := link.Up([]netip.Addr{metadata, task, pod})
				switch after := ip(t, "addr"); {
				case row.err == "" && err != nil:
					t.Errorf("Up: got %v, want it done", err)
				case row.err != "" && (err == nil || err.Error() != row.err || hintOf(err) == ""):
					t.Errorf("Up: got %v (%s), want %s, and what to do", err, hintOf(err), row.err)
				case row.want == "missing" && row.err != "" && after != before:
					t.Errorf("Up: it was refused and left\n%s\nwant it as before:\n%s", after, before)
				}
				if got := states(t, metadata, task, pod); row.err != "" && row.want != "missing" && !slices.Equal(got, []string{"own", row.want, "own"}) {
					t.Errorf("Status: got %v, want the others its own", got)
				}
				if _, err := link.Down([]netip.Addr{metadata, task, pod}); err != nil {
					t.Errorf("Down: %v", err)
				}
				if after := ip(t, "addr"); after != before {
					t.Errorf("after Down: got\n%s\nwant what was there by others:\n%s", after, before)
				}
			})
		})
	}
}

func hintOf(err error) string {
	if e, ok := errors.AsType[*session.Error](err); ok {
		return e.Hint
	}
	return ""
}

// What fails keeps nothing else away.
func TestUpOfWhatTheKernelRefuses(t *testing.T) {
	inNetwork(t, nil, func() {
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/lo/disable_ipv6", []byte("1"), 0); err != nil {
			t.Error(err)
		}
		if _, err := link.Up([]netip.Addr{metadata}); err != nil {
			t.Error(err)
		}
		done, err := link.Up([]netip.Addr{pod, task})
		if want := "fd00:ec2::23: IPv6 is switched off on this machine"; err == nil || err.Error() != want || hintOf(err) == "" {
			t.Errorf("Up: got %v, want %s", err, want)
		}
		if !slices.Equal(done.Added, []netip.Addr{task}) || !slices.Equal(done.Removed, []netip.Addr{metadata}) {
			t.Errorf("Up: got %v, want the other one added, and the one that is not named removed", done)
		}
		if got := states(t, metadata, task, pod); !slices.Equal(got, []string{"missing", "own", "missing"}) {
			t.Errorf("Status: got %v, want the one that can be had", got)
		}
	})
}

// Several at once: each has done it, or found it done.
func TestUpSeveralAtOnce(t *testing.T) {
	inNetwork(t, nil, func() {
		network, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = network.Close() }()
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				runtime.LockOSThread()
				if err := unix.Setns(int(network.Fd()), unix.CLONE_NEWNET); err != nil {
					t.Error(err)
				} else if _, err := link.Up([]netip.Addr{metadata, task, pod}); err != nil {
					t.Errorf("Up: %v", err)
				}
			})
		}
		all.Wait()
		if got := states(t, metadata, task, pod); !slices.Equal(got, []string{"own", "own", "own"}) {
			t.Errorf("Status: got %v, want all its own", got)
		}
	})
}

// CAP_NET_ADMIN is what it takes, and nothing else.
func TestTheRightsThatItTakes(t *testing.T) {
	for name, row := range map[string]struct {
		caps uint32
		err  string
	}{
		"CAP_NET_ADMIN alone": {1 << unix.CAP_NET_ADMIN, ""},
		"all but that":        {^uint32(1 << unix.CAP_NET_ADMIN), "169.254.170.2: needs root, or CAP_NET_ADMIN"},
		"none":                {0, "169.254.170.2: needs root, or CAP_NET_ADMIN"},
	} {
		t.Run(name, func(t *testing.T) {
			inNetwork(t, nil, func() {
				// Of this thread alone, which dies with it.
				if err := keep(row.caps); err != nil {
					t.Error(err)
					return
				}
				_, err := link.Up([]netip.Addr{task})
				if got := text(err); got != row.err {
					t.Errorf("Up: got %q, want %q", got, row.err)
				}
			})
		})
	}
}

// keep leaves the calling thread, as another user, with some capabilities.
func keep(caps uint32) error {
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil {
		return err
	}
	if _, _, errno := syscall.RawSyscall(unix.SYS_SETRESUID, 65533, 65533, 65533); errno != 0 {
		return errno
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	data := [2]unix.CapUserData{{Effective: caps, Permitted: caps}}
	var has [2]unix.CapUserData
	if err := unix.Capget(&header, &has[0]); err != nil {
		return err
	}
	data[0].Effective, data[0].Permitted = caps&has[0].Permitted, caps&has[0].Permitted
	return unix.Capset(&header, &data[0])
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
