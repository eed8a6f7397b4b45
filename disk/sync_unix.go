//go:build unix

package disk

import "os"

// syncDir makes names in a directory last.
func syncDir(d *os.File) error { return d.Sync() }
