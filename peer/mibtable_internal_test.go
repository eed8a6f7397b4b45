package peer

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

// windowsRow is a socket of Windows: process 4711's since 2000, with a connection
// from victim to daemon, where a field is not said otherwise.
type windowsRow struct {
	local, remote string
	change        func(b []byte, row mibRow)
}

const since = 2000

// windowsTable writes a table of one family.
func windowsTable(row mibRow, rows ...windowsRow) []byte {
	little := binary.LittleEndian
	table := make([]byte, mibHead)
	little.PutUint32(table, uint32(len(rows)))
	for _, r := range rows {
		b := make([]byte, row.length)
		for i := range b {
			b[i] = 0xcc // what nobody wrote can be anything
		}
		put := func(text string, otherwise netip.AddrPort, address, port int) {
			if text != "" {
				otherwise = netip.MustParseAddrPort(text)
			}
			ip := otherwise.Addr().As16()
			copy(b[address:], ip[16-row.family:])
			binary.BigEndian.PutUint16(b[port:], otherwise.Port())
		}
		put(r.local, victim, row.local, row.localPort)
		put(r.remote, daemon, row.remote, row.remotePort)
		little.PutUint32(b[row.state:], 5)
		little.PutUint32(b[row.process:], 4711)
		little.PutUint64(b[row.created:], since)
		if r.change != nil {
			r.change(b, row)
		}
		table = append(table, b...)
	}
	return table
}

func TestWindowsTableOfSockets(t *testing.T) {
	little := binary.LittleEndian
	process := func(pid uint32) func([]byte, mibRow) {
		return func(b []byte, row mibRow) { little.PutUint32(b[row.process:], pid) }
	}
	in := func(state uint32) func([]byte, mibRow) {
		return func(b []byte, row mibRow) { little.PutUint32(b[row.state:], state) }
	}
	spoof := windowsRow{local: "127.0.0.2:40000", change: process(12)}
	one, daemon6 := netip.MustParseAddrPort("[::1]:40000"), netip.MustParseAddrPort("[::1]:9797")
	for _, test := range []struct {
		name  string
		row   mibRow
		table []windowsRow
		want  string // an error, or none for process 4711
	}{
		{"the connection", mibTCP4, []windowsRow{{}}, ""},
		{"its other end", mibTCP4, []windowsRow{{local: daemon.String(), remote: victim.String(), change: process(12)}, {}}, ""},
		{"a victim's port on another address", mibTCP4, []windowsRow{spoof}, errNoEntry.Error()},
		{"and with the victim", mibTCP4, []windowsRow{spoof, {}, spoof}, ""},
		{"the same ports to another address", mibTCP4, []windowsRow{{remote: "127.0.0.2:9797"}}, errNoEntry.Error()},
		{"one that listens", mibTCP4, []windowsRow{{change: in(2)}}, errNoEntry.Error()},
		{"closed, or half", mibTCP4, []windowsRow{{change: in(7)}}, errNoEntry.Error()},
		{"in TIME_WAIT", mibTCP4, []windowsRow{{change: in(11)}, {}}, ""},
		{"of a process that has ended", mibTCP4, []windowsRow{{change: process(0)}}, errNoOwner.Error()},
		{"of the system", mibTCP4, []windowsRow{{change: process(4)}}, errNoOwner.Error()},
		{"without a time", mibTCP4, []windowsRow{{change: func(b []byte, row mibRow) { little.PutUint64(b[row.created:], 0) }}}, errNoOwner.Error()},
		{"of a time that is none", mibTCP4, []windowsRow{{change: func(b []byte, row mibRow) { little.PutUint64(b[row.created:], 1<<63) }}}, errNoOwner.Error()},
		{"twice", mibTCP4, []windowsRow{{}, {change: process(12)}}, errSeveral.Error()},
		{"none", mibTCP4, nil, errNoEntry.Error()},
		{"a mapped address", mibTCP6, []windowsRow{{local: "[::ffff:127.0.0.1]:40000", remote: "[::ffff:127.0.0.1]:9797"}}, ""},
		{"IPv6 with the same last bytes", mibTCP6, []windowsRow{{local: "[::7f00:1]:40000", remote: "[::7f00:1]:9797"}}, errNoEntry.Error()},
	} {
		t.Run(test.name, func(t *testing.T) {
			table, err := parseMIB(windowsTable(test.row, test.table...), test.row)
			if err != nil {
				t.Fatalf("parseMIB: %v", err)
			}
			got, err := findConnected(table, victim, daemon)
			if text(err) != test.want || err == nil && (got.pid != 4711 || got.since != since) || err != nil && got != (entry{}) {
				t.Errorf("findConnected: got %+v, %v, want the error %q or process 4711", got, err, test.want)
			}
		})
	}
	table, err := parseMIB(windowsTable(mibTCP6, windowsRow{local: one.String(), remote: daemon6.String()}), mibTCP6)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := findConnected(table, one, daemon6); err != nil || got.pid != 4711 {
		t.Errorf("findConnected of IPv6: got %+v, %v, want process 4711", got, err)
	}
}

func TestWindowsTableRefused(t *testing.T) {
	whole := windowsTable(mibTCP4, windowsRow{}, windowsRow{})
	huge := windowsTable(mibTCP4, windowsRow{})
	binary.LittleEndian.PutUint32(huge, 1<<32-1)
	for _, test := range []struct {
		name  string
		table []byte
		want  string
	}{
		{"nothing", nil, "no head"},
		{"half a head", whole[:3], "no head"},
		{"a head alone", whole[:mibHead], "cut short"},
		{"cut in a row", whole[:len(whole)-1], "cut short"},
		{"a huge count", huge, "cut short"},
		{"rows of the other family", windowsTable(mibTCP4, windowsRow{}), "cut short"},
	} {
		t.Run(test.name, func(t *testing.T) {
			row := mibTCP4
			if test.name == "rows of the other family" {
				row = mibTCP6
			}
			got, err := parseMIB(test.table, row)
			if want := "the table of sockets is not as it is known: " + test.want; got != nil || text(err) != want {
				t.Errorf("parseMIB: got %+v, %v, want the error %q", got, err, want)
			}
		})
	}
	if got, err := parseMIB(make([]byte, 4), mibTCP4); err != nil || got != nil {
		t.Errorf("parseMIB of no sockets: got %+v, %v", got, err)
	}
}

// FuzzWindowsTable: no row is read that is not there, and the system's processes
// are nobody.
func FuzzWindowsTable(f *testing.F) {
	f.Add(windowsTable(mibTCP4, windowsRow{}, windowsRow{local: "127.0.0.2:40000"}), false)
	f.Add(windowsTable(mibTCP6, windowsRow{local: "[::1]:40000", remote: "[::1]:9797"}), true)
	f.Add(windowsTable(mibTCP4, windowsRow{})[:100], false)
	f.Fuzz(func(t *testing.T, b []byte, six bool) {
		row := mibTCP4
		if six {
			row = mibTCP6
		}
		table, err := parseMIB(b, row)
		if err != nil && table != nil {
			t.Fatalf("parseMIB: got %+v with %v", table, err)
		}
		if most := len(b) / row.length; len(table) > most {
			t.Fatalf("parseMIB: got %d rows of %d bytes, want %d at most", len(table), len(b), most)
		}
		for _, e := range table {
			if e.anybody && (e.pid == 0 || e.pid == 4 || e.since == 0) || e.local.Addr().Is4In6() {
				t.Fatalf("parseMIB: got %+v", e)
			}
		}
	})
}
