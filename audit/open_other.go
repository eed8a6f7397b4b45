//go:build !unix

package audit

// noFollow is nothing here: the system has no such flags.
const noFollow = 0
