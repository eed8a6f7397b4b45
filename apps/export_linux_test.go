package apps

import "testing"

// FileOf returns the device and the inode of a file.
func FileOf(t testing.TB, path string) (device, inode uint64) {
	t.Helper()
	f, err := stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return f.device, f.inode
}
