package main

import (
	"github.com/spf13/cobra"

	"github.com/vendord/vendord/mint"
)

func (p *program) whoamiCommand() *cobra.Command {
	return &cobra.Command{
		Use: "whoami PROFILE", GroupID: "look", Args: exactly(1, "a PROFILE"),
		Short: "Ask AWS who a profile's credentials are (GetCallerIdentity)",
		RunE: func(cmd *cobra.Command, args []string) error {
			credentials, issued, err := p.fetch(cmd.Context(), args[0], true)
			if err != nil {
				return err
			}
			caller, err := mint.WhoAmI(cmd.Context(), credentials, issued.Region, issued.STSEndpoint)
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(map[string]string{"Account": caller.Account, "Arn": caller.ARN, "UserId": caller.UserID})
			}
			say(p.stdout, "%s", caller.ARN)
			return nil
		},
	}
}
