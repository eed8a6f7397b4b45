package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (p *program) reloadCommand() *cobra.Command {
	return &cobra.Command{
		Use: "reload", GroupID: "daemon", Args: exactly(0, ""),
		Short: "Have the daemon read its configuration again",
		Long: `Have the daemon read its configuration again. A file with an error changes
nothing; every error is printed.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			lines, err := c.Reload(cmd.Context())
			if err != nil {
				return err
			}
			if p.json {
				return p.printJSON(map[string]any{"reloaded": true, "notes": append([]string{}, lines...)})
			}
			for _, line := range lines {
				say(p.stderr, "%s", line)
			}
			fmt.Fprintln(p.stderr, "reloaded")
			return nil
		},
	}
}
