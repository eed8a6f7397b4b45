//go:build !unix

package mint

import "os/exec"

// alone leaves a command as it is: without process groups, only the command
// itself is ended when time is up.
func alone(*exec.Cmd) {}

// shell is how the Go SDK runs the credential_process of a profile.
func shell(command string) []string { return []string{"cmd.exe", "/C", command} }
