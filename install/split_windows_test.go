package install_test

import "golang.org/x/sys/windows"

// split has Windows split a command line.
func split(line string) []string {
	words, err := windows.DecomposeCommandLine(line)
	if err != nil {
		return []string{err.Error()}
	}
	return words
}
