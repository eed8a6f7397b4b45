package peer // the parser is not exported: its input is a file of the kernel's

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
)

// captured is /proc/net/tcp and tcp6 of Linux 6.18 on a little-endian machine,
// shortened: 0.0.0.0:2024 and 127.0.0.1:9797 listen, one connection is open and
// one half closed (which shows uid 0 and inode 0, whoever it was), and so do
// [::]:8080, [::1]:9797 and the mapped 127.0.0.1:7070.
const captured = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1603 1 0000000089323da4 100 0 0 10 0
   1: 0100007F:2645 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0000000000000000 100 0 0 10 0
   2: 0100007F:2645 0100007F:B3D2 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0000000000000000 20 4 30 10 -1
   3: 0100007F:B3D4 0100007F:2645 05 00000000:00000000 00:00000000 00000000     0        0 0 1 0000000000000000 20 4 30 10 -1
  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 65534        0 5000 1 0000000000000000 100 0 0 10 0
   1: 00000000000000000000000001000000:2645 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 5001 1 0000000000000000 100 0 0 10 0
   2: 0000000000000000FFFF00000100007F:1B9E 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000    33        0 5002 1 0000000000000000 100 0 0 10 0
`

func TestListening(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return // the table above was captured on a little-endian machine
	}
	for _, row := range []struct {
		name, addr string
		want       []uint64 // inodes
	}{
		{"the very address", "127.0.0.1:9797", []uint64{4711}},
		{"another loopback address is free", "127.0.0.2:9797", nil},
		{"IPv6 loopback", "[::1]:9797", []uint64{5001}},
		{"covered by 0.0.0.0", "127.0.0.1:2024", []uint64{1603}},
		{"0.0.0.0 does not cover IPv6", "[::1]:2024", nil},
		{"covered by [::]", "127.0.0.1:8080", []uint64{5000}},
		{"a mapped address", "127.0.0.1:7070", []uint64{5002}},
		{"all of IPv4", "0.0.0.0:9797", []uint64{4711}},
		{"all of both", "[::]:9797", []uint64{4711, 5001}},
		{"a client's port is not a listener", "127.0.0.1:46036", nil},
	} {
		var got []uint64
		for _, s := range listening(captured, netip.MustParseAddrPort(row.addr)) {
			got = append(got, s.inode)
		}
		if len(got) != len(row.want) || len(got) > 0 && got[0] != row.want[0] {
			t.Errorf("%s: listening(%s): got %v, want %v", row.name, row.addr, got, row.want)
		}
	}
}

func TestListenersAt(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return // as above
	}
	for addr, want := range map[string]string{"127.0.0.1": "[127.0.0.1:9797 127.0.0.1:7070]", "::1": "[[::1]:9797]", "127.0.0.2": "[]", "0.0.0.0": "[0.0.0.0:2024]"} {
		if got := fmt.Sprint(listeningAt(captured, netip.MustParseAddr(addr))); got != want {
			t.Errorf("listeningAt(%s): got %s, want %s", addr, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	at := func(s string) socket { return socket{local: netip.MustParseAddrPort(s)} }
	addr := netip.MustParseAddrPort("127.0.0.1:9797")
	for i, local := range []string{"127.0.0.1:9797", "0.0.0.0:9797", "[::]:9797"} {
		if got := at(local).distance(addr); got != i {
			t.Errorf("distance of %s: got %d, want %d", local, got, i)
		}
	}
}

func FuzzProcNetTCP(f *testing.F) {
	f.Add(captured)
	f.Add("   0: 0100007F:2645 0 0A 0 0 0 99999999999 0 1")
	f.Add("0: 0100007F 0 0A 0 0 0 1 0 1\n0: :2645 0 0A 0 0 0 1 0 1\n0: 01:2645 0 0A 0 0 0 1 0 x")
	addr := netip.MustParseAddrPort("127.0.0.1:9797")
	f.Fuzz(func(t *testing.T, table string) {
		for _, s := range listening(table, addr) {
			if !s.local.IsValid() || s.local.Port() != 9797 || !s.covers(addr) {
				t.Errorf("listening: got %v, which does not cover %v", s, addr)
			}
		}
	})
}

func TestName(t *testing.T) {
	answer := func(s string) func(string) (string, error) { return func(string) (string, error) { return s, nil } }
	for _, row := range []struct{ why, says, want string }{
		{"known", "www", "www"},
		{"no name", "", "#33"},
		{"a name that plays another's number", "#0", "#33"},
	} {
		if got := name(33, answer(row.says)); got != row.want {
			t.Errorf("%s: name(33): got %q, want %q", row.why, got, row.want)
		}
	}
}
