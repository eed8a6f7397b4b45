package main

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/sdkenv"
)

// firstSystem is the first configuration of a system service. Nothing of it is made
// from root's own files: what those can do is not for a service to have unasked.
//
//go:embed first/system.toml
var firstSystem string

func (p *program) initCommand() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use: "init", GroupID: "daemon", Args: exactly(0, ""),
		Short: "Print a first vendord.toml, made from the profiles of the AWS CLI",
		Long: `Print a first vendord.toml with comments. What ~/.aws/config and ~/.aws/credentials
have becomes sources and profiles; what cannot be taken over is a comment that says
why. No secret is copied: a source names the SDK's profile, which keeps its keys.

With --system it is that of a service for the whole machine, which vends nothing yet:
its comments say where keys belong, and who can be recognised how.

Nothing is written: you say where it goes.`,
		Example: `  mkdir -p ~/.config/vendord && vendord init > ~/.config/vendord/vendord.toml
  vendord init --system | sudo tee /etc/vendord/vendord.toml`,
		RunE: func(*cobra.Command, []string) error {
			files := sdkenv.FindFiles(p.getenv, p.home)
			if from != "" {
				var err error
				if files.Config, err = readableFile(from); err != nil {
					return err
				}
			}
			text, err := p.firstConfiguration(p.system, files)
			if err == nil {
				fmt.Fprint(p.stdout, text)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "read the profiles in this `file` instead of ~/.aws/config")
	return cmd
}

// firstConfiguration returns the text of a first vendord.toml, with comments: that of
// the system service, which vends nothing yet, or one for a user, made from the
// SDKs' files. It passes check as it is. Its error is a *session.Error.
func (p *program) firstConfiguration(system bool, files sdkenv.Files) (string, error) {
	if system {
		return firstSystem, nil
	}
	known, unclear, err := files.Profiles()
	if err != nil {
		return "", fail("name another file: vendord init --from FILE", "%w", err)
	}
	first := newFirst(known, files, profiles.Options{Path: filepath.Join(p.home, ".config", "vendord", "vendord.toml"), UID: p.uid, Home: p.home})
	first.unclear = unclear
	text := first.text()
	if _, err := profiles.LoadText(text, first.options); err != nil {
		return "", fail("write it by hand: examples/vendord.toml", "first configuration: %w", errors.Join(flatten(err)...))
	}
	return text, nil
}

// readableFile is the absolute path of a file that somebody named: one that is not
// there is a slip, other than ~/.aws/config.
func readableFile(path string) (string, error) {
	whole, err := filepath.Abs(path)
	if err == nil {
		_, err = os.Stat(whole)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", fail("name a file that is written like ~/.aws/config", "--from %s: no such file", path)
	}
	if err != nil {
		return "", fail("", "--from %s: %w", path, err)
	}
	return whole, nil
}
