//go:build unix

package mint

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// alone puts a command into a session of its own: it has no terminal, where it
// would wait for a person, and what it starts dies with it when time is up.
func alone(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		if errors.Is(err, syscall.ESRCH) {
			return os.ErrProcessDone // Run would take any other error for a failure of the command
		}
		return err
	}
}

// shell is how the Go SDK runs the credential_process of a profile.
func shell(command string) []string { return []string{"sh", "-c", command} }
