//go:build unix

package install

import (
	"os/exec"
	"syscall"
)

// apart gives a command a process group of its own, which is not the terminal's.
func apart(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
