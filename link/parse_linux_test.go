package link

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// message is what the kernel says of an address.
func message(attributes ...*nl.RtAttr) []byte {
	head := nl.NewIfAddrmsg(unix.AF_INET)
	head.Index = 7
	b := head.Serialize()
	for _, a := range attributes {
		b = append(b, a.Serialize()...)
	}
	return b
}

func TestParseAddress(t *testing.T) {
	one, two := netip.MustParseAddr("169.254.170.2"), netip.MustParseAddr("192.0.2.1")
	marked := nl.NewRtAttr(unix.IFA_RT_PRIORITY, nl.Uint32Attr(mark))
	for name, row := range map[string]struct {
		message []byte
		want    assigned
		ok      bool
	}{
		"an address of somebody's": {message(nl.NewRtAttr(unix.IFA_ADDRESS, one.AsSlice())), assigned{one, 7, false}, true},
		"of vendord's":             {message(nl.NewRtAttr(unix.IFA_ADDRESS, one.AsSlice()), marked), assigned{one, 7, true}, true},
		"of another priority":      {message(nl.NewRtAttr(unix.IFA_ADDRESS, one.AsSlice()), nl.NewRtAttr(unix.IFA_RT_PRIORITY, nl.Uint32Attr(mark+1))), assigned{one, 7, false}, true},
		"with a peer":              {message(nl.NewRtAttr(unix.IFA_ADDRESS, two.AsSlice()), nl.NewRtAttr(unix.IFA_LOCAL, one.AsSlice())), assigned{one, 7, false}, true},
		"with a peer, said first":  {message(nl.NewRtAttr(unix.IFA_LOCAL, one.AsSlice()), nl.NewRtAttr(unix.IFA_ADDRESS, two.AsSlice())), assigned{one, 7, false}, true},
		"of a wrong length":        {message(nl.NewRtAttr(unix.IFA_ADDRESS, []byte{1, 2, 3})), assigned{}, false},
		"without an address":       {message(marked), assigned{}, false},
		"cut off":                  {message()[:5], assigned{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := parseAddress(row.message)
			if ok != row.ok || ok && got != row.want {
				t.Errorf("parseAddress: got %v, %t, want %v, %t", got, ok, row.want, row.ok)
			}
		})
	}
}

func FuzzParseAddress(f *testing.F) {
	f.Add(message(nl.NewRtAttr(unix.IFA_LOCAL, []byte{169, 254, 170, 2}), nl.NewRtAttr(unix.IFA_RT_PRIORITY, nl.Uint32Attr(mark))))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if a, ok := parseAddress(b); ok && !a.addr.IsValid() {
			t.Errorf("parseAddress(%x): got no address, and no error", b)
		}
	})
}
