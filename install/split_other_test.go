//go:build !windows

package install_test

// split is argv where there is no Windows to ask.
func split(line string) []string { return argv(line) }
