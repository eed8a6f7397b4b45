package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/session"
)

func (p *program) credentialsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "credentials PROFILE", GroupID: "run", Args: exactly(1, "a PROFILE"),
		Short: "Print a profile's credentials, for credential_process",
		Long: `Print a profile's credentials in the format that the SDKs' credential_process
setting reads. Prefer exec or env: what this prints is a secret on your screen.`,
		Example: `  # ~/.aws/config
  [profile readonly]
  credential_process = vendord credentials company1-hr-readonly`,
		RunE: func(cmd *cobra.Command, args []string) error {
			credentials, _, err := p.fetch(cmd.Context(), args[0], false)
			if err != nil {
				return err
			}
			return p.printJSON(processFormat(credentials))
		},
	}
}

// processCredentials is the output that credential_process asks for (AWS SDKs
// and Tools Reference Guide, "Process credential provider").
type processCredentials struct {
	Version         int
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
	AccountID       string `json:"AccountId,omitempty"`
}

func processFormat(c *session.Credentials) processCredentials {
	secret, token := c.Reveal()
	return processCredentials{Version: 1, AccessKeyID: c.KeyID, SecretAccessKey: secret, SessionToken: token,
		Expiration: c.Expires.UTC().Format(time.RFC3339), AccountID: c.AccountID}
}
