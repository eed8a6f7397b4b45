package peer

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// listener finds the socket in the kernel's tables and then, as far as we are
// permitted to look, a process that has it open. Not by /proc/net, which systemd's
// ProcSubset=pid hides, nor by /proc/self, which is the first thread: another can
// be in another network namespace.
func listener(addr netip.AddrPort) (Holder, error) {
	var found []socket
	for _, table := range []string{"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"} {
		text, err := os.ReadFile(table)
		if errors.Is(err, fs.ErrNotExist) {
			continue // no IPv6 here
		}
		if err != nil {
			return Holder{}, err // it names the file
		}
		found = append(found, listening(string(text), addr)...)
	}
	if len(found) == 0 {
		return Holder{}, errors.New("nobody seen in /proc")
	}
	s := slices.MinFunc(found, func(a, b socket) int { return cmp.Compare(a.distance(addr), b.distance(addr)) })
	h := Holder{}
	if s.uid != overflowID && s.inode != 0 { // without an inode its uid says 0, whoever has it
		h.User = name(s.uid, userName)
		h.PID, h.Command = holder(s.inode)
	}
	return h, nil
}

// listenersAt lists the sockets that listen at an address itself, of whatever port.
func listenersAt(addr netip.Addr) (found []netip.AddrPort, err error) {
	for _, table := range []string{"/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"} {
		text, err := os.ReadFile(table)
		if errors.Is(err, fs.ErrNotExist) {
			continue // no IPv6 here
		}
		if err != nil {
			return nil, err // it names the file
		}
		found = append(found, listeningAt(string(text), addr)...)
	}
	return found, nil
}

// listeningAt returns the sockets of a table that listen at an address, each once.
func listeningAt(table string, addr netip.Addr) (found []netip.AddrPort) {
	for line := range strings.Lines(table) {
		if s, err := parseSocket(line); err == nil && s.local.Addr() == addr && !slices.Contains(found, s.local) {
			found = append(found, s.local)
		}
	}
	return found
}

// socket is a line of /proc/net/tcp: one that listens.
type socket struct {
	local netip.AddrPort
	uid   uint32
	inode uint64
}

// covers says whether s keeps others from listening on addr. A socket on ::
// takes IPv4 too unless it was told not to, which the table does not show.
func (s socket) covers(addr netip.AddrPort) bool {
	a, l := addr.Addr(), s.local.Addr()
	return s.local.Port() == addr.Port() &&
		(a == l || wild(l, a) || wild(a, l))
}

// wild says whether a is a wildcard and b one of its addresses.
func wild(a, b netip.Addr) bool { return a.IsUnspecified() && (a.Is6() || b.Is4()) }

// distance ranks sockets that cover addr: one on that very address, on a
// wildcard of its family, on another.
func (s socket) distance(addr netip.AddrPort) int {
	switch {
	case s.local.Addr() == addr.Addr():
		return 0
	case s.local.Addr().Is4() == addr.Addr().Is4():
		return 1
	}
	return 2
}

// listening returns the sockets of a table that listen where addr is. Lines it
// cannot read are left out: the result ends up in a message and decides
// nothing.
func listening(table string, addr netip.AddrPort) []socket {
	var found []socket
	for line := range strings.Lines(table) {
		if s, err := parseSocket(line); err == nil && s.covers(addr) {
			found = append(found, s)
		}
	}
	return found
}

var errNotListening = errors.New("not a listening socket")

// parseSocket reads a line of /proc/net/tcp or tcp6 whose state is LISTEN
// (Linux, proc_net_tcp; columns sl, local, remote, st, queues, timer, retries,
// uid, timeout, inode).
func parseSocket(line string) (socket, error) {
	f := strings.Fields(line)
	if len(f) < 10 || f[3] != "0A" {
		return socket{}, errNotListening
	}
	local, err := parseAddr(f[1])
	if err != nil {
		return socket{}, err
	}
	uid, err := strconv.ParseUint(f[7], 10, 32)
	if err != nil {
		return socket{}, err
	}
	inode, err := strconv.ParseUint(f[9], 10, 64)
	if err != nil {
		return socket{}, err
	}
	return socket{local, uint32(uid), inode}, nil
}

// parseAddr reads "0100007F:2645". The kernel prints the address as 32-bit
// words of the machine's own byte order, the port as a number.
func parseAddr(text string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(text, ":")
	words, err := hex.DecodeString(host)
	if err != nil || len(words) != 4 && len(words) != 16 {
		return netip.AddrPort{}, fmt.Errorf("address %q: not one of /proc/net/tcp", text)
	}
	for i := 0; i < len(words); i += 4 {
		binary.NativeEndian.PutUint32(words[i:], binary.BigEndian.Uint32(words[i:]))
	}
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("port %q: not one of /proc/net/tcp", text)
	}
	a, _ := netip.AddrFromSlice(words)
	return netip.AddrPortFrom(a.Unmap(), uint16(number)), nil
}

// holder returns the process with the lowest id that has the socket open:
// servers that fork keep it in the parent. Without permission, or when it goes
// away meanwhile, it returns nothing.
func holder(inode uint64) (pid int, command string) {
	want := fmt.Sprintf("socket:[%d]", inode)
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // a well-formed pattern: no error
	for _, link := range links {
		if target, err := os.Readlink(link); err != nil || target != want {
			continue
		}
		p, err := strconv.Atoi(strings.Split(link, "/")[2])
		if err == nil && (pid == 0 || p < pid) {
			pid = p
		}
	}
	if pid == 0 {
		return 0, ""
	}
	comm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return pid, strings.TrimSuffix(string(comm), "\n")
}
