package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
)

// The exit statuses of exec, as env(1) and the shells have them.
const (
	execFailed     = 125 // vendord itself
	execNotAllowed = 126 // the command is no program, or may not be run
	execNotFound   = 127 // there is no such command
	execSignal     = 128 // plus the signal that ended the command
)

func (p *program) execCommand() *cobra.Command {
	var keepFiles bool
	cmd := &cobra.Command{
		Use: "exec PROFILE [-- COMMAND [ARG...]]", GroupID: "run",
		Short: "Run a command with a profile's credentials",
		Long: `Run a command with a profile's credentials, or $SHELL without a command. What
the command gets is a token that dies with it; its SDK fetches credentials with
that and renews them, however long it runs. Variables and files of AWS's that
would come first are out of its way: it sees copies of ~/.aws/config and
~/.aws/credentials without credentials.

Exit status: the command's; 125 if vendord failed, 126 if the command cannot be
run, 127 if it cannot be found, 128+n if signal n ended it.`,
		Example: `  vendord exec company1-hr-readonly -- aws s3 ls s3://company1-hr
  vendord exec company1-hr-upload`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exitError{execFailed, usageError{"exec: takes a PROFILE, and a command after --", "see: vendord list"}}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			command := args[1:]
			if len(command) > 0 && command[0] == "--" {
				command = command[1:]
			}
			return p.exec(cmd.Context(), args[0], command, keepFiles)
		},
	}
	cmd.Flags().BoolVar(&keepFiles, "keep-aws-files", false, "let the command see AWS's own files with their credentials")
	cmd.Flags().SetInterspersed(false) // what follows PROFILE is the command's
	return cmd
}

func (p *program) exec(ctx context.Context, profile string, command []string, keepFiles bool) error {
	if len(command) == 0 {
		command = []string{p.shell()}
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return startError(command[0], err)
	}
	c, stop, err := p.connectOrServe(ctx)
	if err != nil {
		return exitError{execFailed, err}
	}
	defer stop()
	defer c.Close()
	secret, spec := newToken(control.TokenSpec{App: profiles.CLI, Profile: profile, Warm: true})
	held, err := c.Hold(ctx, spec)
	if err != nil {
		return exitError{execFailed, err}
	}
	defer held.Close()

	vars := vending(p.environ, held.URL, held.Region, variable{"AWS_CONTAINER_AUTHORIZATION_TOKEN", secret})
	vars = append(vars, variable{"VENDORD_PROFILE", profile}) // for prompts
	if !keepFiles {
		dir, err := os.MkdirTemp(p.getenv("XDG_RUNTIME_DIR"), "vendord-exec-")
		if err != nil {
			return exitError{execFailed, fail("free some space in "+os.TempDir()+", or use --keep-aws-files", "copying AWS's files: %w", err)}
		}
		defer os.RemoveAll(dir)
		files, err := p.awsFiles().copyWithoutCredentials(dir)
		if err != nil {
			return exitError{execFailed, err}
		}
		vars = append(vars, files...)
	}
	child := &exec.Cmd{Path: path, Args: command, Env: environment(p.environ, vars),
		Stdin: p.stdin, Stdout: p.stdout.File, Stderr: p.stderr}
	return p.runChild(child, held.Gone())
}

// runChild runs the command, passing signals on, and turns how it ended into
// an exit status.
func (p *program) runChild(child *exec.Cmd, gone <-chan struct{}) error {
	stopSignals := holdSignals()
	if err := child.Start(); err != nil {
		stopSignals(nil)
		return startError(child.Args[0], err)
	}
	stop := stopSignals(child.Process)
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-gone:
		// The token is gone with the daemon, and is not offered to the
		// next that listens there: it could be anybody's.
		p.warn(fail("start the command again once vendord runs", "the daemon has stopped: %s gets no more credentials", filepath.Base(child.Path)))
		err = <-ended
	}
	stop()
	if err == nil {
		return nil
	}
	if state, ok := errors.AsType[*exec.ExitError](err); ok {
		return exitError{code: exitStatus(state.ProcessState)}
	}
	return exitError{execFailed, fail("", "%s: %w", child.Args[0], err)}
}

// startError says why a command did not start, with the status that shells
// have for it.
func startError(name string, err error) error {
	switch {
	case errors.Is(err, exec.ErrNotFound), errors.Is(err, fs.ErrNotExist):
		return exitError{execNotFound, fail("check its name and $PATH", "%s: no such command", name)}
	case errors.Is(err, exec.ErrDot):
		return exitError{execNotAllowed, fail("write ./"+name+" if you mean the one in this directory", "%s: only found in the current directory", name)}
	}
	return exitError{execNotAllowed, fail("check that it is a program and may be executed", "%s: cannot run it: %w", name, err)}
}

// shell is what exec runs without a command.
func (p *program) shell() string {
	if runtime.GOOS == "windows" {
		return cmp.Or(p.getenv("COMSPEC"), "cmd.exe")
	}
	return cmp.Or(p.getenv("SHELL"), "/bin/sh")
}
