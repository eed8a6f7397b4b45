//go:build unix

package mint

import (
	"os/exec"
	"syscall"
)

// alone puts a command into a session of its own: it has no terminal, where it
// would wait for a person, and what it starts dies with it when time is up.
func alone(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

// shell is how the Go SDK runs the credential_process of a profile.
func shell(command string) []string { return []string{"sh", "-c", command} }
