//go:build !unix

package audit

import "os"

// noFollow is nothing here: the system has no such flags.
const noFollow = 0

// nameless is false: what is open cannot be removed here.
func nameless(*os.File) bool { return false }
