//go:build !linux

package main

import (
	"net"

	"github.com/vendord/vendord/profiles"
)

// bindLocal leaves a listener as it is: to bind it to a link is Linux's.
func bindLocal(_ profiles.Endpoint, _ net.Listener, _, _ bool) error { return nil }
