package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (p *program) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "token", GroupID: "daemon", Args: exactly(0, "one of issue, list, rotate, adopt and revoke"),
		Short: "Issue, list, rotate, adopt and revoke the tokens of apps",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	list := &cobra.Command{
		Use: "list [APP]", Short: "List the live tokens, never their secrets",
		Args: between(0, 1, "an APP at most"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.listTokens(cmd.Context(), strings.Join(args, ""))
		},
	}
	revoke := &cobra.Command{
		Use: "revoke APP [ID]", Short: "Revoke one token of an app, or all",
		Args: between(1, 2, "an APP, and the ID of one token"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.revokeToken(cmd.Context(), args[0], strings.Join(args[1:], ""))
		},
	}
	for _, sub := range []*cobra.Command{p.tokenIssueCommand(), list, p.tokenRotateCommand(), p.tokenAdoptCommand(), revoke} {
		cmd.AddCommand(p.completing(sub, tokenAppNames))
	}
	return cmd
}

func (p *program) listTokens(ctx context.Context, app string) error {
	c, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	tokens, err := c.Tokens(ctx, app)
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(tokens)
	}
	if len(tokens) == 0 {
		fmt.Fprintln(p.stderr, "no live tokens")
		return nil
	}
	rows := [][]string{{"ID", "APP", "USER", "PROFILE", "ISSUED", "EXPIRES"}}
	for _, t := range tokens {
		expires := until(t.Expires, time.Now()) + tokenMark(t)
		if t.Held {
			expires = "with its command"
		}
		profile := dash(t.Profile)
		if t.Narrowed {
			profile += " (narrowed)"
		}
		rows = append(rows, []string{t.ID, t.App, dash(t.User), profile, t.Issued.Local().Format("2006-01-02 15:04"), expires})
	}
	return table(p.stdout, rows)
}

func (p *program) revokeToken(ctx context.Context, app, id string) error {
	c, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	n, err := c.Revoke(ctx, app, id)
	if err != nil {
		return err
	}
	if p.json {
		return p.printJSON(map[string]int{"revoked": n})
	}
	if n == 0 {
		fmt.Fprintf(p.stderr, "no live tokens of app %s\n", app)
		return nil
	}
	// What was vended lives on by itself; whoever revokes should know.
	fmt.Fprintf(p.stderr, "revoked %s of app %s; credentials that its programs already hold live on until they expire\n", count(n, "token"), app)
	return nil
}
