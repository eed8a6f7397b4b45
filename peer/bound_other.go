//go:build !linux

package peer

import (
	"errors"
	"net/netip"
)

// Bound returns the users of the sockets that are bound to an address and neither
// listen nor are connected. Where another user cannot bind what somebody listens on,
// there are none to be told of: errors.ErrUnsupported.
func Bound(netip.AddrPort) ([]uint32, error) { return nil, errors.ErrUnsupported }
