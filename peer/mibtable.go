package peer

import (
	"encoding/binary"
	"fmt"
	"net/netip"
)

// mibRow is where the fields of a row are in a table of GetExtendedTcpTable
// (Windows, iphlpapi), which is a count, four bytes to align, and the rows.
// Addresses are as they go over the wire, and so is a port, the first two bytes of
// its four: the others can be anything.
type mibRow struct {
	family, length                                                int // 4 or 16, of an address; of the row
	state, local, localPort, remote, remotePort, process, created int
}

// The two kinds of rows with an owner and a time (tcpmib.h), the same in programs
// of 32 and of 64 bits.
var (
	mibTCP4 = mibRow{family: 4, length: 160, state: 0, local: 4, localPort: 8, remote: 12, remotePort: 16, process: 20, created: 24}    // MIB_TCPROW_OWNER_MODULE
	mibTCP6 = mibRow{family: 16, length: 192, state: 48, local: 0, localPort: 20, remote: 24, remotePort: 44, process: 52, created: 56} // MIB_TCP6ROW_OWNER_MODULE
)

const mibHead = 8

// parseMIB reads a table of Windows. An error means that none of it is to be
// believed. It names processes, and no users.
func parseMIB(b []byte, row mibRow) ([]entry, error) {
	little := binary.LittleEndian
	if len(b) < 4 {
		return nil, fmt.Errorf("%w: no head", errTable)
	}
	count := uint64(little.Uint32(b))
	if count == 0 {
		return nil, nil
	}
	if uint64(len(b)) < mibHead+count*uint64(row.length) {
		return nil, fmt.Errorf("%w: cut short", errTable)
	}
	table := make([]entry, 0, count)
	for rows := b[mibHead:]; count > 0; count-- {
		table = append(table, row.entry(rows[:row.length]))
		rows = rows[row.length:]
	}
	return table, nil
}

// entry reads a row. Processes 0 and 4 are the system: of a socket whose process
// has ended, and of those that drivers have. Without a time nobody can say that
// the process of that number is still the one that made it.
func (r mibRow) entry(b []byte) entry {
	little := binary.LittleEndian
	at := func(address, port int) netip.AddrPort {
		a, _ := netip.AddrFromSlice(b[address : address+r.family])
		return netip.AddrPortFrom(a.Unmap(), binary.BigEndian.Uint16(b[port:]))
	}
	e := entry{
		local: at(r.local, r.localPort), remote: at(r.remote, r.remotePort),
		pid: little.Uint32(b[r.process:]), since: little.Uint64(b[r.created:]),
	}
	e.anybody = e.pid != 0 && e.pid != 4 && e.since != 0 && e.since < 1<<63 // a signed number
	switch little.Uint32(b[r.state:]) {
	case 2: // MIB_TCP_STATE_LISTEN
		e.state = listens
	case 5, 8: // MIB_TCP_STATE_ESTAB, _CLOSE_WAIT; of others it is not to be seen whether they are closed
		e.state = connected
	}
	return e
}
