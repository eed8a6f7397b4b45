//go:build !unix

package server

import (
	"net/netip"
	"syscall"
)

// bindTo does nothing here: where a connection comes from is known once it is there,
// which is before anything is asked over it, but can be after it was let in.
func bindTo(netip.Addr, func(netip.AddrPort)) func(network, address string, c syscall.RawConn) error {
	return nil
}
