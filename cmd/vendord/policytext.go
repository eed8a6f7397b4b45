package main

import (
	"context"
	"slices"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

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
	document, version, err := d.minter.FetchPolicy(ctx, r, arn, config.Daemon.IAMEndpoint)
	return control.PolicyText{Document: document, Version: version}, err
}
