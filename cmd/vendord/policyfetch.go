package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

func (p *program) policyFetchCommand() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "fetch PROFILE...|--all", Short: "Fetch the texts of managed policies from IAM, for explain and diff",
		Long: `Fetch the texts of the managed policies of profiles from IAM, with the rights of
each profile's source, which needs iam:GetPolicy and iam:GetPolicyVersion. Copies are
kept in the state directory, with their version and the time, and used by explain
and diff where a profile has no policy_documents. Nothing renews them but this.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if all == (len(args) > 0) {
				return usageError{named(cmd, "takes one PROFILE or more, or --all"), "see: " + cmd.CommandPath() + " --help"}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return p.policyFetch(cmd.Context(), args) },
	}
	cmd.Flags().BoolVar(&all, "all", false, "those of every profile")
	return p.completing(cmd, profileNames)
}

// fetchedPolicy is what policy fetch says of one policy.
type fetchedPolicy struct {
	ARN     string    `json:"arn"`
	Profile string    `json:"profile"`
	Version string    `json:"version,omitempty"`
	Before  string    `json:"version_before,omitempty"`
	Fetched time.Time `json:"fetched,omitzero"`
	Path    string    `json:"path,omitempty"`
	Error   string    `json:"error,omitempty"`
	Hint    string    `json:"hint,omitempty"`
	err     error
}

func (p *program) policyFetch(ctx context.Context, names []string) error {
	ctx, release := interruptible(ctx)
	defer release()
	config := p.configuration(ctx)
	if config.err != nil {
		return config.err
	}
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(config.Profiles))
	}
	for _, name := range names {
		if _, err := config.profile(name); err != nil {
			return err
		}
	}
	c, stop, err := p.connectOrServe(ctx)
	if err != nil {
		return err
	}
	defer stop()
	defer c.Close()
	rows := []fetchedPolicy{}
	for _, name := range names {
		for _, arn := range config.Profiles[name].PolicyARNs {
			if slices.ContainsFunc(rows, func(r fetchedPolicy) bool { return r.ARN == arn && r.err == nil }) {
				continue
			}
			row := p.fetchOne(ctx, c, name, arn)
			if row.err == nil { // that another profile's source may not read it is no matter any more
				rows = slices.DeleteFunc(rows, func(r fetchedPolicy) bool { return r.ARN == arn })
			}
			rows = append(rows, row)
		}
	}
	return orSignal(ctx, p.printFetched(rows))
}

// fetchOne fetches one policy, and keeps it if it can be used.
func (p *program) fetchOne(ctx context.Context, c *control.Client, profile, arn string) fetchedPolicy {
	row := fetchedPolicy{ARN: arn, Profile: profile}
	store := p.policyStore()
	if kept, ok, err := store.get(arn); err == nil && ok {
		row.Before = kept.Version
	}
	text, err := c.FetchPolicy(ctx, profile, arn)
	if err == nil {
		_, err = policy.Parse([]byte(text.Document))
		if err != nil {
			err = fail("", "policy %s: IAM's text cannot be read here: %w", arn, err)
		}
	}
	kept := keptPolicy{ARN: arn, Version: text.Version, Fetched: time.Now().UTC().Truncate(time.Second), Document: text.Document}
	if err == nil {
		err = store.put(kept)
	}
	if err != nil {
		row.Error, row.Hint, row.err = err.Error(), hintOf(err), err
		return row
	}
	row.Version, row.Fetched, row.Path = kept.Version, kept.Fetched, store.path(arn)
	return row
}

func (p *program) printFetched(rows []fetchedPolicy) error {
	var failed []error
	for _, r := range rows {
		failed = append(failed, r.err)
	}
	err := errors.Join(failed...)
	if p.json {
		_ = p.printJSON(rows)
		if err != nil {
			return exitError{code: 1}
		}
		return nil
	}
	for _, r := range rows {
		change := ""
		switch {
		case r.err != nil:
			continue
		case r.Before == r.Version:
			change = ", as before"
		case r.Before != "":
			change = ", was " + r.Before
		}
		say(p.stdout, "%s: version %s%s", r.ARN, r.Version, change)
	}
	if len(rows) == 0 {
		fmt.Fprintln(p.stderr, "no managed policies: nothing to fetch")
	}
	return err
}

// fetchPolicy asks IAM for the text of one of a profile's managed policies,
// with the credentials that sign for the profile: no other policy, so that
// nobody reads an account's policies by way of a daemon.
func (d *daemon) fetchPolicy(ctx context.Context, profile, arn string) (control.PolicyText, error) {
	config := d.book.Config()
	p, ok := config.Profiles[profile]
	if !ok {
		return control.PolicyText{}, d.notLoaded(unknownName("profile", profile, config.Profiles))
	}
	if !slices.Contains(p.PolicyARNs, arn) {
		return control.PolicyText{}, d.notLoaded(fail("vendord policy fetch "+profile+" fetches those that are",
			"policy %s: not among the managed policies of profile %q", arn, profile))
	}
	r, err := config.Render(profile, profiles.Identity{App: profiles.CLI, User: d.options.user})
	if err != nil {
		return control.PolicyText{}, err
	}
	if r.Operation == session.GetScopedCredentials { // its signer is what is narrowed
		if r, err = session.ParseRequest(r.Parent); err != nil {
			return control.PolicyText{}, err
		}
	}
	if d.gate.locked() {
		return control.PolicyText{}, errLocked()
	}
	ctx, done := d.gate.while(ctx)
	defer done()
	document, version, err := d.minter.FetchPolicy(ctx, r, arn, config.Daemon.IAMEndpoint)
	if e, ok := errors.AsType[*session.Error](err); ok && e.Code == "AccessDenied" {
		told := *e
		told.Hint = "give it iam:GetPolicy and iam:GetPolicyVersion, or write the text into policy_documents of the profile"
		err = &told
	}
	return control.PolicyText{Document: document, Version: version}, err
}
