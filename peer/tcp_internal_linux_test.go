package peer

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

// answer makes the kernel's answer about a connection of user 1000.
func answer(seq uint32, client, server netip.AddrPort, change func(body []byte)) []byte {
	b := make([]byte, headerLen+msgLen)
	native := binary.NativeEndian
	native.PutUint32(b[0:], uint32(len(b)))
	native.PutUint16(b[4:], unix.SOCK_DIAG_BY_FAMILY)
	native.PutUint32(b[8:], seq)
	body := b[headerLen:]
	body[0], body[msgState] = family(client.Addr()), 1
	putID(body[msgID:], client, server)
	native.PutUint32(body[msgUID:], 1000)
	native.PutUint32(body[msgInode:], 4711)
	if change != nil {
		change(body)
	}
	return b
}

func TestAnswers(t *testing.T) {
	client, server := netip.MustParseAddrPort("127.0.0.1:40000"), netip.MustParseAddrPort("127.0.0.1:9797")
	native := binary.NativeEndian
	refusal := func(errno unix.Errno) []byte {
		b := make([]byte, headerLen+4)
		native.PutUint32(b[0:], uint32(len(b)))
		native.PutUint16(b[4:], unix.NLMSG_ERROR)
		native.PutUint32(b[8:], 7)
		native.PutUint32(b[headerLen:], uint32(-int32(errno)))
		return b
	}
	for _, test := range []struct {
		name string
		b    []byte
		ours bool
		err  string
	}{
		{"the connection", answer(7, client, server, nil), true, ""},
		{"with attributes after it", append(answer(7, client, server, nil), 1, 2, 3), true, ""},
		{"to another question", answer(6, client, server, nil), false, ""},
		{"nothing", nil, false, ""},
		{"cut short", answer(7, client, server, nil)[:80], true, "an answer that is none"},
		{"of another length than it says", answer(7, client, server, nil)[:headerLen+2], true, "an answer that is none"},
		{"closed", answer(7, client, server, func(b []byte) { native.PutUint32(b[msgInode:], 0) }), true, errGone.Error()},
		{"the overflow user", answer(7, client, server, func(b []byte) { native.PutUint32(b[msgUID:], overflowID) }), true, errForeign.Error()},
		{"none such", refusal(unix.ENOENT), true, errGone.Error()},
		{"not permitted", refusal(unix.EPERM), true, "operation not permitted"},
	} {
		d, ours, err := parseAnswer(test.b, 7)
		uid := uint32(0)
		if err == nil && ours {
			var found Socket
			found, err = d.socket()
			uid = found.UID
		}
		got, want := "", uint32(0)
		if err != nil {
			got = err.Error()
		} else if ours {
			want = 1000
		}
		if ours != test.ours || got != test.err || uid != want {
			t.Errorf("%s: got %d, %v, %q, want %d, %v, %q", test.name, uid, ours, got, want, test.ours, test.err)
		}
	}
	if d, _, _ := parseAnswer(answer(7, client, server, nil), 7); d.of != client || d.to != server || d.state != 1 {
		t.Errorf("the connection: got %+v", d)
	}
}

func FuzzAnswer(f *testing.F) {
	client, server := netip.MustParseAddrPort("127.0.0.1:40000"), netip.MustParseAddrPort("127.0.0.1:9797")
	six := netip.MustParseAddrPort("[::1]:40000")
	f.Add(answer(7, client, server, nil))
	f.Add(answer(7, six, netip.MustParseAddrPort("[::1]:9797"), nil))
	f.Add(answer(7, client, server, nil)[:30])
	f.Fuzz(func(t *testing.T, b []byte) {
		d, ours, err := parseAnswer(b, 7)
		if (err != nil || !ours) && d != (diagnosis{}) {
			t.Fatalf("parseAnswer(%x): got %+v, though %v, %v", b, d, ours, err)
		}
		if s, err := d.socket(); err == nil && (s.UID == overflowID || s.Inode == 0 || len(b) < headerLen+msgLen) {
			t.Fatalf("parseAnswer(%x): got %+v", b, s)
		}
	})
}
