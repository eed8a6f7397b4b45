package peer

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// FuzzParseDump reads what a kernel might answer, and must not fail otherwise than
// with an error.
func FuzzParseDump(f *testing.F) {
	at := netip.MustParseAddrPort("127.0.0.1:9797")
	one := answer(1, at, netip.MustParseAddrPort("0.0.0.0:0"), nil)
	f.Add(one)
	f.Add(append(one, one...))
	f.Add(one[:20])
	f.Add([]byte{16, 0, 0, 0, unix.NLMSG_DONE, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		all, done, err := parseDump(b)
		if err != nil && !done || len(all) > len(b)/headerLen {
			t.Errorf("parseDump: got %d sockets of %d bytes, done: %t, %v", len(all), len(b), done, err)
		}
	})
}
