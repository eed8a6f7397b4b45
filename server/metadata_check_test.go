package server_test

import (
	"net"
	"testing"

	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/server"
)

// TestACheckOfMetadataLeavesNoTrace, for users of all kinds; and finds out another
// program at the address.
func TestACheckOfMetadataLeavesNoTrace(t *testing.T) {
	for name, who := range map[string]func(*server.Config){
		"a daemon that is known": is(us()),
		"a system that tells nobody's user": func(c *server.Config) {
			c.Who = func(net.Conn) *peer.Client { return &peer.Client{Err: peer.ErrNobody} }
		},
	} {
		t.Run(name, func(t *testing.T) {
			ln := listening(t)
			w := startAs(t, ln, server.Endpoint{Kind: server.Metadata}, nil, who, self("imdsv1 = true"))
			for range 150 {
				if doubt, err := w.check(ln); doubt != nil || err != nil {
					t.Fatalf("Check: got %v, %v", doubt, err)
				}
			}
			if got := w.record() + w.log.String(); got != "" || len(w.audit.Refusals("")) != 0 || len(w.audit.Counts()) != 0 {
				t.Errorf("after 150 checks: got %s, %v, want nothing", got, w.audit.Refusals(""))
			}
			// Who says the same is on record.
			if got := w.ask("GET /latest/meta-data/ HTTP/1.1\nHost: ADDR\nX-aws-ec2-metadata-token: " + w.server.CheckToken() + "\n\n"); got.status != 401 {
				t.Errorf("a stranger after the checks: got %d, want 401, with a reason", got.status)
			}
			if got := len(w.audit.Refusals("")); got != 1 {
				t.Errorf("a stranger after the checks: got %d on record, want 1", got)
			}
		})
	}
}

// TestACheckOfMetadataWithoutAConnection puts the same to the handler alone.
func TestACheckOfMetadataWithoutAConnection(t *testing.T) {
	away := &net.TCPAddr{IP: net.IPv4(169, 254, 169, 254), Port: 80} // not one of this machine's
	on := &odd{Listener: listening(t), addr: away}
	w := startAs(t, on, server.Endpoint{Kind: server.Metadata}, nil, is(us()))
	if doubt, err := w.check(on); !begins(doubt, "this machine has no connection left for it: dial tcp 169.254.169.254:80: ") || err != nil {
		t.Errorf("Check: got %v, %v, want a doubt", doubt, err)
	}
}
