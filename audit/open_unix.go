//go:build unix

package audit

import "syscall"

// noFollow refuses a symbolic link as the last element, and does not wait for
// a reader where somebody put a pipe, if either came after we looked.
const noFollow = syscall.O_NOFOLLOW | syscall.O_NONBLOCK
