package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
)

func (p *program) policyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "policy", GroupID: "look", Args: exactly(0, "one of check, explain, diff and fetch"),
		Short: "Check, explain and compare session policies",
		Long: `Check, explain and compare session policies. A session policy only narrows: a
program gets what the role allows and the policy lets through. Nothing here asks
AWS what the role allows; see docs/policies.md.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.policyCheckCommand(), p.policyExplainCommand(), p.policyDiffCommand(), p.policyFetchCommand())
	return cmd
}

// maxPolicyFile is how many bytes of a policy are read: its 2,048 characters,
// and any white space.
const maxPolicyFile = 1 << 20

// configured is a configuration as the policy commands see it, and what the
// daemon that runs with it says, if one does.
type configured struct {
	*profiles.Config
	path   string // of vendord.toml
	daemon *control.Status
	err    error // why Config is nil
}

// configuration loads the file that profiles are looked up in: the one named,
// else the one that the daemon which answers runs with, else this mode's own.
func (p *program) configuration(ctx context.Context) configured {
	var c configured
	options := p.profileOptions()
	options.Authors = true
	if status, err := p.askStatus(ctx); err == nil {
		c.daemon = &status
		if status.Config != "" {
			options.Path, options.System = status.Config, status.Mode == control.SystemMode
		}
	}
	c.path = options.Path
	c.Config, c.err = profiles.Load(options)
	if c.err == nil && c.daemon != nil && c.daemon.Changed {
		p.warn(fail("vendord reload", "%s: the daemon runs with what it was before it was changed; this is about the file as it is now", c.Path))
	}
	return c
}

// profile returns a profile by its name.
func (c configured) profile(name string) (profiles.Profile, error) {
	if c.err != nil {
		return profiles.Profile{}, c.err
	}
	profile, ok := c.Profiles[name]
	if !ok {
		return profiles.Profile{}, unknownName("profile", name, c.Profiles)
	}
	return profile, nil
}

// profileOrFile tells which of the two a name is. Where it is both, the profile is
// meant, and a warning says so. The error is for one that is neither; it is the
// configuration's own where that is broken.
func (p *program) profileOrFile(config configured, name string) (profile profiles.Profile, isFile bool, err error) {
	isFile = regular(name)
	profile, err = config.profile(name)
	switch {
	case err == nil && isFile:
		p.warn(fail("./"+name+" is the file", "%s: a profile and a file; this is about the profile", name))
		return profile, false, nil
	case isFile:
		return profile, true, nil
	case config.err != nil && !configExists(config):
		return profile, false, fail("name a file, or a profile of your vendord.toml", "%s: no such file, and there is no configuration with profiles", name)
	case err != nil && config.err == nil:
		return profile, false, neither(name, err)
	}
	return profile, false, err
}

// neither says that a name is no file's and no profile's.
func neither(name string, unknown error) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return fail("name the files in it: "+filepath.Join(name, "*.json"), "%s: a directory", name)
	}
	return fail(hintOf(unknown), "%s: no such file and no such profile", name)
}

// configExists reports whether there is a configuration that could be wrong.
func configExists(c configured) bool {
	if errors.Is(c.err, os.ErrNotExist) {
		return false
	}
	problems := profiles.Problems(c.err)
	return len(problems) != 1 || regular(problems[0].File) || problems[0].Line > 0
}

// shown returns the path of a file that a problem names, such that an editor in
// this directory finds it.
func (c configured) shown(file string) string {
	if !filepath.IsAbs(file) {
		file = filepath.Join(filepath.Dir(c.path), file)
	}
	here, err := os.Getwd()
	if err != nil {
		return file
	}
	if inside, err := filepath.Rel(here, file); err == nil && filepath.IsLocal(inside) {
		return inside
	}
	return file
}

// stdinName is what findings in a policy from stdin are said to be in.
const stdinName = "stdin"

// readPolicy reads the policy in a file, or with "-" the one on stdin.
func (p *program) readPolicy(file string) ([]byte, error) {
	if file == "-" && p.stdinRead {
		return nil, fail("name a file for the other", "stdin: was read already, and is there once")
	}
	if file == "-" {
		p.stdinRead = true
		return readBounded(p.stdin, stdinName)
	}
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, fail("check its name and the directory that you are in", "%s: no such file", file)
	case err != nil:
		return nil, fail("", "%s: %w", file, bare(err))
	case !info.Mode().IsRegular(): // a pipe would hang, a directory reads as nothing
		return nil, fail("name a file, or - for stdin", "%s: not a regular file", file)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fail("", "%s: %w", file, bare(err))
	}
	defer f.Close()
	return readBounded(f, file)
}

func readBounded(r io.Reader, name string) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxPolicyFile+1))
	switch {
	case err != nil:
		return nil, fail("", "%s: %w", name, bare(err))
	case len(text) > maxPolicyFile:
		return nil, fail("a session policy has about 2,048 characters", "%s: larger than %d bytes", name, maxPolicyFile)
	}
	return text, nil
}

// bare is an error without the path and the call around it.
func bare(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// looksLikeFile tells an argument that can be no profile's name.
func looksLikeFile(arg string) bool {
	return arg == "-" || strings.HasPrefix(arg, ".") || strings.ContainsAny(arg, `/\`)
}

// regular reports whether an argument names a file that is there.
func regular(arg string) bool {
	info, err := os.Stat(arg)
	return err == nil && info.Mode().IsRegular()
}
