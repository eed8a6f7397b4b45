//go:build !linux

package peer

import (
	"errors"
	"net/netip"
)

// TCP knows the users of loopback connections on Linux alone, so far.
type TCP struct{}

func openTCP() (*TCP, error) { return nil, errors.ErrUnsupported }

func (*TCP) connected(_, _ netip.AddrPort) (Socket, error) { return Socket{}, errors.ErrUnsupported }

func (*TCP) listening(netip.AddrPort) (Socket, error) { return Socket{}, errors.ErrUnsupported }

// Close does nothing.
func (*TCP) Close() error { return nil }
