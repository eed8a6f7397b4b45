package peer

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
)

var (
	victim = netip.MustParseAddrPort("127.0.0.1:40000")
	daemon = netip.MustParseAddrPort("127.0.0.1:9797")
)

// macRow is a socket of macOS: one of user 501 with a connection from victim to
// daemon, where a field is not said otherwise.
type macRow struct {
	local, remote string
	change        func(pcb, socket, tcp []byte)
}

// records writes what the kernel writes for a socket, in its order.
func (r macRow) records() []byte {
	native, big := binary.NativeEndian, binary.BigEndian
	record := func(kind uint32) []byte {
		b := make([]byte, (pcbLengths[kind]+7)&^7)
		native.PutUint32(b, uint32(pcbLengths[kind]))
		native.PutUint32(b[4:], kind)
		return b
	}
	pcb, socket, tcp := record(kindPCB), record(kindSocket), record(kindTCP)
	put := func(text string, otherwise netip.AddrPort, address, port int) {
		if text != "" {
			otherwise = netip.MustParseAddrPort(text)
		}
		big.PutUint16(pcb[port:], otherwise.Port())
		if a := otherwise.Addr(); a.Is4() {
			pcb[pcbFamilies] = forIPv4
			copy(pcb[address+12:], a.AsSlice())
		} else {
			pcb[pcbFamilies] = forIPv6
			copy(pcb[address:], a.AsSlice())
		}
	}
	put(r.local, victim, pcbLocal, pcbLocalPort)
	put(r.remote, daemon, pcbRemote, pcbRemotePort)
	native.PutUint64(pcb[pcbGeneration:], 77)
	native.PutUint64(socket[soHandle:], 0xabcdef)
	native.PutUint16(socket[soState:], 2) // SS_ISCONNECTED
	native.PutUint32(socket[soUID:], 501)
	native.PutUint32(socket[soLastPID:], 4711)
	native.PutUint32(tcp[tcpState:], 4)
	if r.change != nil {
		r.change(pcb, socket, tcp)
	}
	whole := append(pcb, socket...)
	buffers := []uint32{kindReceive, kindSend}
	if native.Uint64(socket[soHandle:]) == 0 {
		buffers = []uint32{0, 0}
	}
	for _, kind := range append(buffers, kindStats) {
		whole = append(whole, record(kind)...)
	}
	return append(whole, tcp...)
}

// macTable writes a whole table.
func macTable(rows ...macRow) []byte {
	head := make([]byte, pcbHeadLen)
	binary.NativeEndian.PutUint32(head, pcbHeadLen)
	binary.NativeEndian.PutUint32(head[pcbHeadCount:], uint32(len(rows)))
	b := append([]byte{}, head...)
	for _, r := range rows {
		b = append(b, r.records()...)
	}
	return append(b, head...)
}

func TestMacTableOfSockets(t *testing.T) {
	native := binary.NativeEndian
	socket := func(at int, value uint32) func(_, socket, _ []byte) {
		return func(_, socket, _ []byte) { native.PutUint32(socket[at:], value) }
	}
	in := func(state uint32) func(_, _, tcp []byte) {
		return func(_, _, tcp []byte) { native.PutUint32(tcp[tcpState:], state) }
	}
	anotherUser := socket(soUID, 502)
	spoof := macRow{local: "127.0.0.2:40000", change: anotherUser}
	for _, test := range []struct {
		name  string
		table []macRow
		want  string // an error, or none for user 501
	}{
		{"the connection", []macRow{{}}, ""},
		{"its other end is another's", []macRow{{local: daemon.String(), remote: victim.String(), change: anotherUser}, {}}, ""},
		{"a victim's port on another address", []macRow{spoof}, errNoEntry.Error()},
		{"and with the victim", []macRow{spoof, {}, spoof}, ""},
		{"the same ports to another address", []macRow{{remote: "127.0.0.2:9797"}}, errNoEntry.Error()},
		{"to another port", []macRow{{remote: "127.0.0.1:9798"}}, errNoEntry.Error()},
		{"a mapped address", []macRow{{local: "[::ffff:127.0.0.1]:40000", remote: "[::ffff:127.0.0.1]:9797"}}, ""},
		{"IPv6 with the same last bytes", []macRow{{local: "[::7f00:1]:40000", remote: "[::7f00:1]:9797"}}, errNoEntry.Error()},
		{"one that listens", []macRow{{remote: "0.0.0.0:0", change: in(1)}}, errNoEntry.Error()},
		{"one that listens, says the state", []macRow{{change: in(1)}}, errNoEntry.Error()},
		{"not connected yet", []macRow{{change: in(2)}}, errNoEntry.Error()},
		{"in TIME_WAIT", []macRow{{change: in(10)}}, errNoEntry.Error()},
		{"in TIME_WAIT, and the next", []macRow{{change: in(10)}, {}}, ""},
		{"half closed", []macRow{{change: in(9)}}, ""},
		{"closed", []macRow{{change: func(_, socket, tcp []byte) {
			native.PutUint16(socket[soState:], soClosed)
			native.PutUint32(tcp[tcpState:], 9)
		}}}, errNoEntry.Error()},
		{"defunct", []macRow{{change: func(_, socket, _ []byte) { native.PutUint16(socket[soState:], soDefunct) }}}, errNoEntry.Error()},
		{"without a generation", []macRow{{change: func(pcb, _, _ []byte) { clear(pcb[pcbGeneration:][:8]) }}}, errNoOwner.Error()},
		{"outside the kernel, whose user reads 0", []macRow{{change: func(pcb, socket, _ []byte) {
			clear(pcb[pcbGeneration:][:8])
			clear(socket[soHandle:][:8])
			clear(socket[soUID:][:4])
		}}}, errNoOwner.Error()},
		{"being taken down, whose user reads 0", []macRow{{change: func(_, socket, _ []byte) { clear(socket[8:]) }}}, errNoOwner.Error()},
		{"made by the kernel for another", []macRow{{change: socket(soFlags, soSubflow)}}, errNoOwner.Error()},
		{"the kernel's own", []macRow{{change: socket(soFlags1, soInKernel)}}, errNoOwner.Error()},
		{"nobody's", []macRow{{change: socket(soUID, noID)}}, errNoOwner.Error()},
		{"twice", []macRow{{}, {change: anotherUser}}, errSeveral.Error()},
		{"none", nil, errNoEntry.Error()},
	} {
		t.Run(test.name, func(t *testing.T) {
			table, err := parsePCBList(macTable(test.table...))
			if err != nil {
				t.Fatalf("parsePCBList: %v", err)
			}
			got, err := findConnected(table, victim, daemon)
			if text(err) != test.want || err == nil && (got.uid != 501 || got.cookie != 77 || got.pid != 4711) || err != nil && got != (entry{}) {
				t.Errorf("findConnected: got %+v, %v, want the error %q or user 501", got, err, test.want)
			}
		})
	}
}

// A table that is not as it is known is not read at all: what looks like a user in
// it could be anything.
func TestMacTableRefused(t *testing.T) {
	native := binary.NativeEndian
	change := func(f func(b []byte)) []byte {
		b := macTable(macRow{}, macRow{local: "127.0.0.1:40001"})
		f(b)
		return b
	}
	whole := macTable(macRow{})
	const second = pcbHeadLen + 104 // its xsocket_n
	for _, test := range []struct {
		name  string
		table []byte
		want  string
	}{
		{"nothing", nil, "no head"},
		{"a head of another size", change(func(b []byte) { native.PutUint32(b, 32) }), "no head"},
		{"a record of macOS 12", change(func(b []byte) { native.PutUint32(b[second:], 76) }), "a record of kind 0x1 and 76 bytes"},
		{"a record of a later macOS", change(func(b []byte) { native.PutUint32(b[second:], 112) }), "a record of kind 0x1 and 112 bytes"},
		{"a record of no length", change(func(b []byte) { native.PutUint32(b[second:], 0) }), "a record of kind 0x1 and 0 bytes"},
		{"a record of a huge length", change(func(b []byte) { native.PutUint32(b[second:], 1<<32-1) }), "a record of kind 0x1 and 4294967295 bytes"},
		{"a record of an unknown kind", change(func(b []byte) { native.PutUint32(b[second+4:], 0x40) }), "a record of kind 0x40 and 104 bytes"},
		{"no socket", change(func(b []byte) { copy(b[second:], b[second+104:second+104+32]) }), "a record of kind 0x2 where none belongs"},
		{"a socket without a beginning", append(slices.Clone(whole[:pcbHeadLen]), whole[second:]...), "a record of kind 0x1 where none belongs"},
		{"the second head within a socket", append(slices.Clone(whole[:second+104]), whole[len(whole)-pcbHeadLen:]...), "cut short"},
		{"two sockets in one", change(func(b []byte) { copy(b[second-104:], b[second:second+104]) }), "a record of kind 0x1 where none belongs"},
		{"fewer counted than there are", change(func(b []byte) { native.PutUint32(b[pcbHeadCount:], 1) }), "cut short"},
		{"cut in a record", whole[:pcbHeadLen+50], "cut short"},
		{"cut after a record", whole[:second], "cut short"},
		{"no second head", whole[:len(whole)-pcbHeadLen], "cut short"},
		{"half a second head", whole[:len(whole)-8], "cut short"},
		{"something after the second head", append(macTable(macRow{}), make([]byte, 8)...), "a record of kind 0x1 and 24 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := parsePCBList(test.table)
			if want := "the table of sockets is not as it is known: " + test.want; got != nil || text(err) != want {
				t.Errorf("parsePCBList: got %+v, %v, want the error %q", got, err, want)
			}
		})
	}
	huge := change(func(b []byte) { native.PutUint32(b[pcbHeadCount:], 1<<32-1) })
	if got, err := parsePCBList(huge); err != nil || len(got) != 2 {
		t.Errorf("parsePCBList with a huge count, which is a bound alone: got %d, %v, want 2", len(got), err)
	}
	if got, err := parsePCBList(whole[len(whole)-pcbHeadLen:]); err == nil {
		t.Errorf("parsePCBList of a head that announces a socket: got %+v", got)
	}
	if got, err := parsePCBList(macTable()[:pcbHeadLen]); err != nil || got != nil {
		t.Errorf("parsePCBList of no sockets: got %+v, %v", got, err)
	}
}

// A connection reaches the socket that is bound most closely.
func TestListeners(t *testing.T) {
	row := func(at string, uid uint32, dual bool) macRow {
		return macRow{local: at, remote: map[bool]string{true: "[::]:0", false: "0.0.0.0:0"}[at[0] == '['],
			change: func(pcb, socket, tcp []byte) {
				if dual {
					pcb[pcbFamilies] = forIPv4 | forIPv6
				}
				binary.NativeEndian.PutUint32(socket[soUID:], uid)
				binary.NativeEndian.PutUint32(tcp[tcpState:], 1)
			}}
	}
	for _, test := range []struct {
		name, addr string
		table      []macRow
		uid        uint32
		want       string
	}{
		{"the address itself", "127.0.0.1:9797", []macRow{row("127.0.0.1:9797", 501, false)}, 501, ""},
		{"before all addresses", "127.0.0.1:9797", []macRow{row("0.0.0.0:9797", 502, false), row("127.0.0.1:9797", 501, false), row("[::]:9797", 503, true)}, 501, ""},
		{"all addresses", "127.0.0.1:9797", []macRow{row("[::]:9797", 503, true), row("0.0.0.0:9797", 502, false)}, 502, ""},
		{"IPv6 for both", "127.0.0.1:9797", []macRow{row("[::]:9797", 503, true)}, 503, ""},
		{"IPv6 alone", "127.0.0.1:9797", []macRow{row("[::]:9797", 503, false)}, 0, errNoEntry.Error()},
		{"IPv6", "[::1]:9797", []macRow{row("[::]:9797", 503, false), row("0.0.0.0:9797", 502, false)}, 503, ""},
		{"another address", "127.0.0.1:9797", []macRow{row("127.0.0.2:9797", 501, false)}, 0, errNoEntry.Error()},
		{"another port", "127.0.0.1:9797", []macRow{row("127.0.0.1:9798", 501, false)}, 0, errNoEntry.Error()},
		{"a connection", "127.0.0.1:40000", []macRow{{}}, 0, errNoEntry.Error()},
		{"shared by two users", "127.0.0.1:9797", []macRow{row("127.0.0.1:9797", 501, false), row("127.0.0.1:9797", 502, false)}, 0, errSeveral.Error()},
		{"shared by one user's", "127.0.0.1:9797", []macRow{row("127.0.0.1:9797", 501, false), row("127.0.0.1:9797", 501, false)}, 501, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			table, err := parsePCBList(macTable(test.table...))
			if err != nil {
				t.Fatal(err)
			}
			got, err := findListening(table, netip.MustParseAddrPort(test.addr))
			if text(err) != test.want || got.uid != test.uid {
				t.Errorf("findListening(%s): got %+v, %v, want user %d or %q", test.addr, got, err, test.uid, test.want)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// FuzzMacTable: a table is read whole or not at all, and a socket that has no
// handle is nobody's.
func FuzzMacTable(f *testing.F) {
	f.Add(macTable())
	f.Add(macTable(macRow{}, macRow{local: "[::1]:40000", remote: "[::1]:9797"}))
	f.Add(macTable(macRow{})[:300])
	f.Fuzz(func(t *testing.T, b []byte) {
		table, err := parsePCBList(b)
		if err != nil && table != nil {
			t.Fatalf("parsePCBList: got %+v with %v", table, err)
		}
		if most := len(b) / 616; len(table) > most {
			t.Fatalf("parsePCBList: got %d sockets of %d bytes, want %d at most", len(table), len(b), most)
		}
		for _, e := range table {
			if e.anybody && (e.cookie == 0 || e.uid == noID) || e.local.Addr().Is4In6() || e.remote.Addr().Is4In6() {
				t.Fatalf("parsePCBList: got %+v", e)
			}
		}
		if e, err := findConnected(table, victim, daemon); err == nil && (e.local != victim || e.remote != daemon || !e.anybody) {
			t.Fatalf("findConnected: got %+v", e)
		}
	})
}
