//go:build !darwin

package main

// systemSocket is where a system daemon's control socket is.
const systemSocket = "/run/vendord/control.sock"
