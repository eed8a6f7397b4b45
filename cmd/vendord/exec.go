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
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/sdkenv"
)

// profileVariable tells a command, and its prompt, which profile it has.
const profileVariable = "VENDORD_PROFILE"

// The exit statuses of exec, as env(1) and the shells have them.
const (
	execFailed     = 125 // vendord itself
	execNotAllowed = 126 // the command is no program, or may not be run
	execNotFound   = 127 // there is no such command
	execSignal     = 128 // plus the signal that ended the command
)

func (p *program) execCommand() *cobra.Command {
	var keepFiles bool
	var n narrowing
	cmd := &cobra.Command{
		Use: "exec PROFILE [--policy-file FILE] [-- COMMAND [ARG...]]", GroupID: "run",
		Short: "Run a command with a profile's credentials",
		Long: `Run a command with a profile's credentials, or $SHELL without a command. What
the command gets is a token that dies with it; its SDK fetches credentials with
that and renews them, however long it runs. Variables and files of AWS's that
would come first are out of its way: it sees copies of ~/.aws/config and
~/.aws/credentials without credentials. The token is its user's: what the command
starts as another user, by sudo for example, gets nothing.

With --policy-file or --policy-arn this one command gets less than the profile
has: a session of its own, narrowed by that session policy, and gone with it. A
profile that has session policies cannot be narrowed so, since a second one would
let through more.

Exit status: the command's; 125 if vendord failed, 126 if the command cannot be
run, 127 if it cannot be found, 128+n if signal n ended it, or vendord before it.`,
		Example: `  vendord exec company1-hr-readonly -- aws s3 ls s3://company1-hr
  vendord exec company1-hr-upload
  vendord exec company1-hr-upload --policy-file readonly.json -- ./report.sh`,
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			if err := p.needHome(cmd, args); err != nil {
				return exitError{execFailed, err}
			}
			return nil
		},
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exitError{execFailed, usageError{"exec: takes a PROFILE, and a command after --", "see: vendord list"}}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			command, help, err := afterProfile(cmd, args[1:])
			if err != nil {
				return err
			}
			if help {
				return cmd.Help()
			}
			return p.exec(cmd.Context(), args[0], command, n, keepFiles)
		},
	}
	cmd.Flags().BoolVar(&keepFiles, "keep-aws-files", false, "let the command see AWS's own files with their credentials")
	n.flags(cmd)
	cmd.Flags().SetInterspersed(false) // what follows the command is its own
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return exitError{execFailed, cmd.Root().FlagErrorFunc()(cmd, err)}
	})
	return cmd
}

// afterProfile reads the flags between PROFILE and the command, which begins
// after -- or with the first argument that is no flag.
func afterProfile(cmd *cobra.Command, args []string) (command []string, help bool, err error) {
	if len(args) == 0 || !strings.HasPrefix(args[0], "-") {
		return args, false, nil
	}
	if err := cmd.Flags().Parse(args); err != nil {
		return nil, false, cmd.FlagErrorFunc()(cmd, err)
	}
	help, _ = cmd.Flags().GetBool("help")
	return cmd.Flags().Args(), help, nil
}

func (p *program) exec(ctx context.Context, profile string, command []string, n narrowing, keepFiles bool) error {
	if len(command) == 0 {
		command = []string{p.shell()}
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return startError(command[0], err)
	}
	ctx, release := interruptible(ctx)
	defer release()
	child := &exec.Cmd{Path: path, Args: command, Stdin: p.stdin, Stdout: p.stdout.File, Stderr: p.stderr}
	spec, err := p.narrowed(control.TokenSpec{App: profiles.CLI, Profile: profile, Warm: true, Exec: true}, n)
	if err != nil {
		return exitError{execFailed, err}
	}
	return orSignal(ctx, p.runWith(ctx, release, spec, child, keepFiles))
}

// runWith runs the command with the credentials that a token is asked for. Until it
// runs ctx ends with a signal; release leaves signals to the command.
func (p *program) runWith(ctx context.Context, release func(), spec control.TokenSpec, child *exec.Cmd, keepFiles bool) error {
	c, stop, err := p.connectOrServe(ctx)
	if err != nil {
		return exitError{execFailed, err}
	}
	defer stop()
	secret, spec := newToken(spec)
	held, err := c.Hold(ctx, spec)
	if err != nil {
		c.Close()
		return exitError{execFailed, err}
	}
	h := newHolder(c, held, spec)
	defer h.close()
	if err := refuseSquatter(c, held.URL); err != nil {
		return exitError{execFailed, err}
	}

	vars := sdkenv.Vending(p.environ, held.URL, held.Region, sdkenv.Variable{Name: sdkenv.ContainerToken, Value: secret})
	vars = append(vars, sdkenv.Variable{Name: profileVariable, Value: spec.Profile})
	if !keepFiles {
		files, remove, err := p.copyAWSFiles()
		if err != nil {
			return exitError{execFailed, err}
		}
		defer remove()
		vars = append(vars, files...)
	}
	// The loop that inside guards against is the daemon's, not the command's.
	child.Env = sdkenv.Environ(p.environ, vars, inside)
	return p.runChild(ctx, release, child, h.keep)
}

// copyAWSFiles puts copies of AWS's files without credentials into a directory
// that remove removes.
func (p *program) copyAWSFiles() (vars []sdkenv.Variable, remove func(), err error) {
	dir, err := p.scratch("vendord-exec-")
	if err != nil {
		return nil, nil, err
	}
	remove = func() { os.RemoveAll(dir) }
	vars, err = sdkenv.FindFiles(p.getenv, p.home).Copy(dir)
	if err != nil {
		remove()
		return nil, nil, fail("mend that, or use --keep-aws-files", "AWS's files: cannot be copied without their credentials: %w", err)
	}
	return vars, remove, nil
}

// runChild runs the command, passing signals on, and turns how it ended into an exit
// status. Meanwhile keep keeps its token, or returns why that is over.
func (p *program) runChild(ctx context.Context, release func(), child *exec.Cmd, keep func(context.Context, string) error) error {
	stopSignals := holdSignals()
	if ctx.Err() != nil { // a signal was first
		stopSignals(nil)
		return ctx.Err()
	}
	release()
	if err := child.Start(); err != nil {
		stopSignals(nil)
		return startError(child.Args[0], err)
	}
	stop := stopSignals(child.Process)
	ended := make(chan error, 1)
	go func() { ended <- child.Wait() }()
	keeping, enough := context.WithCancel(context.WithoutCancel(ctx))
	var kept sync.WaitGroup
	kept.Go(func() {
		if problem := keep(keeping, filepath.Base(child.Path)); problem != nil {
			p.warn(problem)
		}
	})
	err := <-ended
	enough()
	kept.Wait()
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
