package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// program is one run of the command: its arguments, its surroundings and the
// flags that say how to run. What to vend is said by vendord.toml alone.
type program struct {
	args      []string
	environ   []string
	stdin     io.Reader
	stdinRead bool // by a policy that was to come from there
	stdout    *output
	stderr    io.Writer
	home      string
	user      string
	uid       int

	config, socket, stateDir, auditLog string
	logLevel, logFormat                string
	system, json                       bool
	whenReady                          func() // called once serve is; nil: nobody waits
}

func newProgram(args []string) *program {
	p := &program{args: args, environ: os.Environ(), stdin: os.Stdin, stdout: &output{File: os.Stdout}, stderr: os.Stderr, uid: os.Getuid()}
	p.home, _ = os.UserHomeDir()
	p.user = "#" + strconv.Itoa(p.uid) // no name in the user database: a number that no name can be
	if u, err := user.Current(); err == nil && u.Username != "" {
		p.user = u.Username
		if !filepath.IsAbs(p.home) {
			p.home = u.HomeDir
		}
	}
	return p
}

// needHome refuses to go on where no home directory is known and something
// would be looked for below it: that would be the working directory, and its
// vendord.toml, with the commands it names, is anybody's.
func (p *program) needHome(*cobra.Command, []string) error {
	if filepath.IsAbs(p.home) || p.system {
		return nil
	}
	return fail("set HOME to a directory of yours", "home directory: not known")
}

// getenv returns the variable as it was when the program started; serve
// empties the process's own environment of AWS's.
func (p *program) getenv(name string) string { return lookup(p.environ, name) }

// lookup returns the last value of name in environ, as the C library does.
func lookup(environ []string, name string) string {
	for _, pair := range slices.Backward(environ) {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// run executes one command line and returns its exit status: 0, 1 for a
// failure, 2 for a wrong command line, and for exec what exec.go says.
func run(ctx context.Context, p *program) int {
	root := p.root()
	root.SetArgs(p.args)
	root.SetIn(p.stdin)
	root.SetOut(p.stdout)
	root.SetErr(p.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = p.printed()
	}
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[exitError](err); ok {
		if e.err != nil {
			p.printError(e.err)
		}
		return e.code
	}
	p.printError(err)
	if _, ok := errors.AsType[usageError](err); ok {
		return 2
	}
	return 1
}

// exitError ends the program with a status of its own.
type exitError struct {
	code int
	err  error // printed, unless nil
}

func (e exitError) Error() string {
	if e.err == nil {
		return "exit status " + strconv.Itoa(e.code)
	}
	return e.err.Error()
}

func (e exitError) Unwrap() error { return e.err }

// usageError is a command line that cannot be meant.
type usageError struct{ problem, hint string }

func (e usageError) Error() string { return e.problem }

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "vendord",
		Short: "Hands each program on this machine the AWS credentials it may have, and no more",
		Long: `vendord hands each program on this machine the AWS credentials it may have, and
no more: short-lived, narrowed by a session policy, fresh before they expire, over
the endpoints that every AWS SDK already asks.

Try it without an AWS account:   vendord demo
With one:                        vendord init > ~/.config/vendord/vendord.toml
                                 vendord check
                                 vendord exec PROFILE -- aws sts get-caller-identity`,
		SilenceErrors: true, SilenceUsage: true, PersistentPreRunE: p.needHome, Version: versionText(),
		SuggestionsMinimumDistance: 2,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				hint := "see: vendord --help"
				if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
					hint = "did you mean " + near[0] + "? " + hint
				}
				return usageError{"no command " + strconv.Quote(args[0]), hint}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{named(cmd, err.Error()), "see: " + cmd.CommandPath() + " --help"}
	})
	f := root.PersistentFlags()
	f.StringVar(&p.config, "config", p.getenv("VENDORD_CONFIG"), "the configuration `file` ($VENDORD_CONFIG)")
	f.StringVar(&p.socket, "socket", p.getenv("VENDORD_SOCKET"), "the control socket's `path` ($VENDORD_SOCKET)")
	f.BoolVar(&p.system, "system", false, "system mode: one daemon for every user of the machine")
	f.BoolVar(&p.json, "json", false, "print data as JSON")
	root.AddGroup(&cobra.Group{ID: "run", Title: "Run programs with credentials:"},
		&cobra.Group{ID: "person", Title: "Sign in, and where identities come from:"}, &cobra.Group{ID: "daemon", Title: "The daemon:"}, &cobra.Group{ID: "look", Title: "Look:"})
	root.AddCommand(p.completing(p.execCommand(), profileNames), p.completing(p.envCommand(), appAndProfileNames),
		p.completing(p.credentialsCommand(), profileNames), p.completing(p.whoamiCommand(), profileNames),
		p.completing(p.loginCommand(), sourceAndProfileNames), p.completing(p.logoutCommand(), sourceAndProfileNames),
		p.lockCommand(), p.unlockCommand(), p.sourceCommand(),
		p.initCommand(), p.checkCommand(), p.serveCommand(), p.serviceCommand(), p.netCommand(), p.reloadCommand(), p.tokenCommand(), p.demoCommand(),
		p.useCommand(), p.statusCommand(), p.completing(p.appsCommand(), appNames), p.whyCommand(), p.listCommand(),
		p.auditCommand(), p.metricsCommand(), p.policyCommand(), p.debugCommand(), p.versionCommand())
	root.SetHelpCommandGroupID("look")
	root.SetCompletionCommandGroupID("look")
	return root
}

// exactly returns a check for a number of arguments that says which are meant.
func exactly(n int, names string) cobra.PositionalArgs { return between(n, n, names) }

// between is exactly for a range.
func between(least, most int, names string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) >= least && len(args) <= most {
			return nil
		}
		what := "takes " + names
		if names == "" {
			what = "takes no arguments"
		}
		return usageError{named(cmd, what), "see: " + cmd.CommandPath() + " --help"}
	}
}

// named puts a command's name before a problem, but for "vendord" itself, which
// stands before every error.
func named(cmd *cobra.Command, problem string) string {
	if name := strings.TrimPrefix(cmd.CommandPath(), "vendord "); name != cmd.CommandPath() {
		return name + ": " + problem
	}
	return problem
}
