//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// ownSession keeps a browser from the Ctrl-C that is meant for us.
func ownSession(child *exec.Cmd) { child.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
