package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/control"
)

func (p *program) tokenCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "token", GroupID: "daemon", Args: exactly(0, "one of issue, list and revoke"),
		Short: "Issue, list and revoke the tokens of apps",
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var forUser string
	ttl := lifetime(90 * 24 * time.Hour)
	issue := &cobra.Command{
		Use: "issue APP", Args: exactly(1, "an APP"),
		Short: "Issue a token for an app and print it, alone, on stdout",
		Example: `  vendord token issue claude --user agent
  vendord token issue ci --ttl 30d > token`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.issueToken(cmd.Context(), args[0], forUser, time.Duration(ttl))
		},
	}
	issue.Flags().StringVar(&forUser, "user", "", "the `user` who will present it (yourself)")
	issue.Flags().Var(&ttl, "ttl", "how long it lives: 12h, 30d")
	issue.SetFlagErrorFunc(inItsOwnWords)
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
	cmd.AddCommand(p.completing(issue, appNames), p.completing(list, appNames), p.completing(revoke, appNames))
	return cmd
}

func (p *program) issueToken(ctx context.Context, app, forUser string, ttl time.Duration) error {
	c, err := p.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	secret, issued, err := issueHere(ctx, c, control.TokenSpec{App: app, User: forUser, TTL: ttl})
	if err != nil {
		return err
	}
	if p.json {
		_ = p.printJSON(map[string]any{"token": secret, "id": issued.ID, "app": issued.App, "user": issued.User,
			"url": issued.URL, "expires": issued.Expires})
		return p.takeBackUnprinted(ctx, c, issued)
	}
	fmt.Fprint(p.stdout, secret)
	if terminal(p.stdout.File) {
		fmt.Fprintln(p.stdout) // and none in a file, which SDKs would send, or refuse
	}
	if err := p.takeBackUnprinted(ctx, c, issued); err != nil {
		return err
	}
	fmt.Fprintf(p.stderr, "token %s: app %s, user %s, until %s, at %s\n",
		issued.ID, issued.App, issued.User, issued.Expires.Local().Format("2006-01-02 15:04"), issued.URL)
	return nil
}

// takeBackUnprinted revokes a token that did not reach whoever asked for it.
func (p *program) takeBackUnprinted(ctx context.Context, c *control.Client, issued control.Issued) error {
	err := p.printed()
	if err != nil {
		_, _ = c.Revoke(ctx, issued.App, issued.ID)
	}
	return err
}

// issueHere has the daemon issue a token for its own address.
func issueHere(ctx context.Context, c *control.Client, spec control.TokenSpec) (secret string, issued control.Issued, err error) {
	secret, spec = newToken(spec)
	if issued, err = c.Issue(ctx, spec); err != nil {
		return "", issued, err
	}
	if err := refuseSquatter(c, issued.URL); err != nil {
		_, _ = c.Revoke(ctx, issued.App, issued.ID) // nobody has it
		return "", issued, err
	}
	return secret, issued, nil
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
		expires := until(t.Expires, time.Now())
		if t.Held {
			expires = "with its command"
		}
		profile := dash(t.Profile)
		if t.Narrowed {
			profile += " (narrowed)"
		}
		rows = append(rows, []string{t.ID, t.App, t.User, profile, t.Issued.Local().Format("2006-01-02 15:04"), expires})
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
