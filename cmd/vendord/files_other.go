//go:build !unix

package main

// connections returns 0, for the server's own bound: there is no limit here that
// programs come near to.
func connections() int { return 0 }

// ownerOf does not know whose a file is.
func ownerOf(string) (uid int, ok bool) { return 0, false }
