package peer

import (
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/windows"
)

// recorded returns the process that made the client's end of a connection, for
// the record (Windows; not run there yet). It may have passed the socket on.
func recorded(client, server netip.AddrPort) (Process, bool) {
	family, row := uint32(windows.AF_INET), mibTCP4
	if client.Addr().Is6() {
		family, row = windows.AF_INET6, mibTCP6
	}
	e, err := inTable(family, row, client, server)
	if errors.Is(err, errNoEntry) && family == windows.AF_INET { // Java's, which are of IPv6
		e, err = inTable(windows.AF_INET6, mibTCP6, client, server)
	}
	if err != nil {
		return Process{}, false
	}
	return processOf(e)
}

// inTable looks for a connection in the table of a family.
func inTable(family uint32, row mibRow, client, server netip.AddrPort) (entry, error) {
	b, err := mibTable(family)
	if err != nil {
		return entry{}, err
	}
	table, err := parseMIB(b, row)
	if err != nil {
		return entry{}, err
	}
	return findConnected(table, client, server)
}

// mibTable reads a table of all TCP sockets. It can grow between the question of
// how large it is and the next.
func mibTable(family uint32) ([]byte, error) {
	const (
		allWithModule = 8 // TCP_TABLE_OWNER_MODULE_ALL (iprtrmib.h)
		mostTries     = 10
		mostBytes     = 10 << 20
	)
	ask := windows.NewLazySystemDLL("iphlpapi.dll").NewProc("GetExtendedTcpTable")
	if err := ask.Find(); err != nil {
		return nil, fmt.Errorf("table of sockets: %w", err)
	}
	size := uint32(64 << 10)
	for range mostTries {
		b := make([]byte, size)
		code, _, _ := ask.Call(uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&size)), 0, uintptr(family), allWithModule, 0)
		switch errno := windows.Errno(code); {
		case errno == 0:
			return b[:min(int(size), len(b))], nil
		case errno != windows.ERROR_INSUFFICIENT_BUFFER:
			return nil, fmt.Errorf("table of sockets: %w", errno)
		case size > mostBytes:
			return nil, fmt.Errorf("table of sockets: %d bytes are more than are read", size)
		}
	}
	return nil, errors.New("table of sockets: it grows too fast to be read")
}

// processOf returns the process of a line, if it is still the one that made the
// socket: numbers are used again, and one that is younger than the socket did not.
// The handle keeps the number from being given away meanwhile.
func processOf(e entry) (Process, bool) {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, e.pid)
	if err != nil {
		return Process{}, false
	}
	defer func() { _ = windows.CloseHandle(h) }()
	var created, ended, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(h, &created, &ended, &kernel, &user); err != nil {
		return Process{}, false
	}
	started := uint64(created.HighDateTime)<<32 | uint64(created.LowDateTime)
	if pid, err := windows.GetProcessId(h); err != nil || pid != e.pid || started > e.since {
		return Process{}, false
	}
	return Process{PID: int(e.pid), Started: started, UID: noID, Exe: image(h)}, true
}

// image returns the path of a process's executable, or "".
func image(h windows.Handle) string {
	path := make([]uint16, windows.MAX_LONG_PATH)
	size := uint32(len(path))
	if err := windows.QueryFullProcessImageName(h, 0, &path[0], &size); err != nil {
		return ""
	}
	return windows.UTF16ToString(path[:size])
}
