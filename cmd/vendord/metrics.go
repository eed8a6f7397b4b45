package main

import (
	"github.com/spf13/cobra"
)

func (p *program) metricsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "metrics", GroupID: "look", Args: exactly(0, ""),
		Short: "Print the daemon's metrics in Prometheus's text format",
		Long: `Print the daemon's metrics in Prometheus's text format. A collector gets the
same of the control socket:

  curl --unix-socket SOCKET http://vendord/metrics`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			text, err := c.Metrics(cmd.Context())
			if err == nil {
				_, err = p.stdout.Write(text)
			}
			return err
		},
	}
}

// metrics returns what the daemon counts.
func (d *daemon) metrics() []byte {
	return nil
}
