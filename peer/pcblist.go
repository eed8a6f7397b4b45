package peer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
)

// The table of macOS, sysctl net.inet.tcp.pcblist_n, is a head, six records for
// each socket, and the head again (xnu, bsd/netinet/in_pcblist.c, get_pcblist_n).
// A record begins with its length and kind, and the next begins at a multiple of
// eight. It is no interface that Apple has promised: the lengths changed once
// (macOS 13), and a length that is not known here is refused, for what is behind
// it could be anything. Offsets are from the beginning of a record.
const (
	pcbHeadLen   = 24 // struct xinpgen (bsd/netinet/in_pcb.h)
	pcbHeadCount = 4

	// struct xinpcb_n (bsd/netinet/in_pcb.h): ports are in network order, an
	// IPv4 address is the last four of its sixteen bytes.
	pcbRemotePort = 16
	pcbLocalPort  = 18
	pcbGeneration = 28 // of the socket: no other gets it until the machine starts again
	pcbFamilies   = 44
	pcbRemote     = 48
	pcbLocal      = 64

	// struct xsocket_n (bsd/sys/socketvar.h)
	soHandle  = 8
	soState   = 26
	soUID     = 64
	soLastPID = 68
	soFlags   = 84
	soFlags1  = 88

	tcpState = 36 // struct xtcpcb_n (bsd/netinet/tcp_var.h), t_state

	// Kinds of records (bsd/sys/socketvar.h, XSO_*).
	kindSocket  = 0x001
	kindReceive = 0x002
	kindSend    = 0x004
	kindStats   = 0x008
	kindPCB     = 0x010
	kindTCP     = 0x020

	// inp_vflag (bsd/netinet/in_pcb.h)
	forIPv4 = 1
	forIPv6 = 2

	// Bits of so_state, so_flags and so_flags1 (bsd/sys/socketvar.h).
	soClosed   = 0x0001     // SS_NOFDREF: no process has it open
	soDefunct  = 0x8000     // SS_DEFUNCT
	soSubflow  = 0x01000000 // SOF_MP_SUBFLOW: made by the kernel for another socket
	soInKernel = 0x00100000 // SOF1_IN_KERNEL_SOCKET
)

// pcbLengths are those of the records since macOS 13. A socket that has lost its
// other half has buffers of kind 0.
var pcbLengths = map[uint32]int{
	kindPCB: 104, kindSocket: 104, kindReceive: 32, kindSend: 32, 0: 32, kindStats: 136, kindTCP: 204,
}

var errTable = errors.New("the table of sockets is not as it is known")

// parsePCBList reads the table of macOS. An error means that none of it is to be
// believed.
func parsePCBList(b []byte) ([]entry, error) {
	native := binary.NativeEndian
	if len(b) < pcbHeadLen || native.Uint32(b) != pcbHeadLen {
		return nil, fmt.Errorf("%w: no head", errTable)
	}
	count, rest := native.Uint32(b[pcbHeadCount:]), b[pcbHeadLen:]
	if count == 0 && len(rest) == 0 {
		return nil, nil // there is no second head then
	}
	var table []entry
	var one pcb
	for len(rest) > pcbHeadLen {
		record, kind, after, err := cutRecord(rest)
		if err != nil {
			return nil, err
		}
		if !one.add(record, kind) {
			return nil, fmt.Errorf("%w: a record of kind %#x where none belongs", errTable, kind)
		}
		if rest = after; kind == kindTCP { // the last of a socket
			table = append(table, one.entry())
			one = pcb{}
		}
	}
	if len(rest) != pcbHeadLen || native.Uint32(rest) != pcbHeadLen || one.pcb != nil || uint64(len(table)) > uint64(count) {
		return nil, fmt.Errorf("%w: cut short", errTable)
	}
	return table, nil
}

// cutRecord returns the first record of b, and what is after it.
func cutRecord(b []byte) (record []byte, kind uint32, after []byte, err error) {
	native := binary.NativeEndian
	length, kind := native.Uint32(b), native.Uint32(b[4:])
	want, known := pcbLengths[kind]
	if !known || uint64(length) != uint64(want) {
		return nil, 0, nil, fmt.Errorf("%w: a record of kind %#x and %d bytes", errTable, kind, length)
	}
	whole := (want + 7) &^ 7
	if len(b) < whole {
		return nil, 0, nil, fmt.Errorf("%w: cut short", errTable)
	}
	return b[:want], kind, b[whole:], nil
}

// pcb is the records of one socket.
type pcb struct{ pcb, socket, tcp []byte }

// add takes the next record, and reports whether it may come here: one of another
// socket must never get between.
func (p *pcb) add(record []byte, kind uint32) bool {
	switch {
	case kind == kindPCB && p.pcb == nil:
		p.pcb = record
	case p.pcb == nil || kind == kindPCB:
		return false
	case kind == kindSocket && p.socket == nil:
		p.socket = record
	case p.socket == nil || kind == kindSocket:
		return false
	case kind == kindTCP:
		p.tcp = record
	}
	return true
}

// entry returns what the records say. A socket without a handle has a user 0 that
// nobody wrote there: one that is being taken down, and those that a program runs
// by itself, outside the kernel (Network.framework), which the table shows as well.
func (p *pcb) entry() entry {
	native := binary.NativeEndian
	e := entry{
		uid:    native.Uint32(p.socket[soUID:]),
		pid:    native.Uint32(p.socket[soLastPID:]),
		cookie: native.Uint64(p.pcb[pcbGeneration:]),
	}
	e.local, e.remote, e.dual = p.addresses()
	e.state = xnuState(native.Uint32(p.tcp[tcpState:]), native.Uint16(p.socket[soState:]))
	e.anybody = native.Uint64(p.socket[soHandle:]) != 0 && e.cookie != 0 && e.uid != noID &&
		native.Uint32(p.socket[soFlags:])&soSubflow == 0 && native.Uint32(p.socket[soFlags1:])&soInKernel == 0
	return e
}

// addresses reads the four numbers. A socket of IPv6 that is connected to
// ::ffff:127.0.0.1, as Java does it, is one for IPv4 from then on.
func (p *pcb) addresses() (local, remote netip.AddrPort, dual bool) {
	read := func(address, port int) netip.AddrPort {
		a := netip.AddrFrom16([16]byte(p.pcb[address:])).Unmap()
		if p.pcb[pcbFamilies]&forIPv6 == 0 {
			a = netip.AddrFrom4([4]byte(p.pcb[address+12:]))
		}
		return netip.AddrPortFrom(a, binary.BigEndian.Uint16(p.pcb[port:]))
	}
	dual = p.pcb[pcbFamilies]&(forIPv4|forIPv6) == forIPv4|forIPv6
	return read(pcbLocal, pcbLocalPort), read(pcbRemote, pcbRemotePort), dual
}

// xnuState reads a state of bsd/netinet/tcp_fsm.h. One that only sends no more
// (FIN_WAIT) is connected, as long as a process has it open.
func xnuState(tcp uint32, socket uint16) state {
	switch tcp {
	case 1: // LISTEN
		return listens
	case 4, 5, 6, 9: // ESTABLISHED, CLOSE_WAIT, FIN_WAIT_1, FIN_WAIT_2
		if socket&(soClosed|soDefunct) == 0 {
			return connected
		}
	}
	return other
}
