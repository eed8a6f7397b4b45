//go:build !linux

package peer

import (
	"fmt"
	"net/netip"
	"runtime"
)

// listenersAt refuses, as listener does.
func listenersAt(netip.Addr) ([]netip.AddrPort, error) {
	_, err := listener(netip.AddrPort{})
	return nil, err
}

// listener refuses: there is no /proc to read.
func listener(netip.AddrPort) (Holder, error) {
	return Holder{}, fmt.Errorf("%s does not tell without administrator's tools", runtime.GOOS)
}
