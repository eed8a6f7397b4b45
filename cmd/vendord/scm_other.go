//go:build !windows

package main

// serveForWindows refuses: there is no such manager here.
func (p *program) serveForWindows() error {
	return usageError{"serve --windows-service: for Windows' service control manager alone", "vendord serve"}
}
