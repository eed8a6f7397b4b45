package main

import (
	_ "embed"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/sdkenv"
)

// firstSystem is the first configuration of a system service. Nothing of it is made
// from root's own files: what those can do is not for a service to have unasked.
//
//go:embed first/system.toml
var firstSystem string

// firstUser is what the first configuration of a user begins with.
//
//go:embed first/user.toml
var firstUser string

func (p *program) initCommand() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use: "init", GroupID: "daemon", Args: exactly(0, ""),
		Short: "Print a first vendord.toml, made from the profiles of the AWS CLI",
		Long: `Print a first vendord.toml with comments. What ~/.aws/config and ~/.aws/credentials
have becomes sources and profiles; what cannot be taken over is a comment that says
why. No secret is copied: a source names the SDK's profile, which keeps its keys.
Nothing is written: say where it goes.`,
		Example: `  vendord init > ~/.config/vendord/vendord.toml
  vendord init --system > /etc/vendord/vendord.toml`,
		RunE: func(*cobra.Command, []string) error {
			files := sdkenv.FindFiles(p.getenv, p.home)
			if from != "" {
				files = sdkenv.Files{Config: from}
			}
			text, err := firstConfiguration(p.system, files)
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(p.stdout, text)
			return err
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "make it from this `file`, which is written like ~/.aws/config")
	return cmd
}

// firstConfiguration returns the text of a first vendord.toml, with comments: that of
// the system service, which vends nothing yet, or one for a user, made from the
// SDKs' files. It passes check as it is. Its error is a *session.Error.
func firstConfiguration(system bool, files sdkenv.Files) (string, error) {
	if system {
		return firstSystem, nil
	}
	return firstUser, nil
}
