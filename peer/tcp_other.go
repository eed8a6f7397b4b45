//go:build !linux && !darwin

package peer

import "net/netip"

// TCP knows no users here, and there is none: OpenTCP says why.
type TCP struct{}

func openTCP() (*TCP, error) { return nil, untold(Users) }

func (*TCP) connected(_, _ netip.AddrPort) (Socket, error) { return Socket{}, untold(Users) }

func (*TCP) listening(netip.AddrPort) (Socket, error) { return Socket{}, untold(Users) }

// Close does nothing.
func (*TCP) Close() error { return nil }
