//go:build !windows

package install

// NewWindows is for Windows alone.
func NewWindows(Host) Manager { return nil }
