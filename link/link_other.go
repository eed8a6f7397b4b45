//go:build !linux

package link

import (
	"errors"
	"net/netip"
)

// Status says that it cannot be known: only Linux is asked.
func Status([]netip.Addr) ([]Address, error) { return nil, unsupported() }

// Add says that it cannot be done here.
func Add([]netip.Addr) (Change, error) { return Change{}, unsupported() }

// Up says the same.
func Up([]netip.Addr) (Change, error) { return Change{}, unsupported() }

// Ours says that it cannot be known.
func Ours() ([]netip.Addr, error) { return nil, unsupported() }

// Down says that it cannot be done here.
func Down([]netip.Addr) (Change, error) { return Change{}, unsupported() }

func unsupported() error {
	return problem("listen at a loopback address, and set AWS_EC2_METADATA_SERVICE_ENDPOINT or AWS_CONTAINER_CREDENTIALS_FULL_URI for programs",
		errors.ErrUnsupported, "AWS's link-local addresses: vendord puts them on Linux machines alone")
}
