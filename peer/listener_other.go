//go:build !linux

package peer

import (
	"fmt"
	"net/netip"
	"runtime"
)

// listener refuses: there is no /proc to read.
func listener(netip.AddrPort) (Holder, error) {
	return Holder{}, fmt.Errorf("%s does not tell without administrator's tools", runtime.GOOS)
}
