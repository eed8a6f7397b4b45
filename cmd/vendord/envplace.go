package main

import (
	"slices"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
)

// leading says which of a daemon's addresses env leads a program to.
type leading struct {
	metadata, relative bool
	lifetime           bool // of a token was asked for
}

// ecsAddress is where SDKs look for a path that they are given alone.
const ecsAddress = "http://169.254.170.2"

// place is a path, where the program is to be given a path alone, and "" where not.
func (l leading) place(s control.Status, path string) (string, error) {
	if !l.relative {
		return "", nil
	}
	for _, row := range s.Endpoints {
		if row.Kind == string(profiles.ECS) && row.URL == ecsAddress {
			return path, there(row)
		}
	}
	return "", fail(`it does from the next start on, with [endpoints.ecs] and listen = "169.254.170.2:80" in vendord.toml; or leave --relative out`,
		"env --relative: vendord does not listen at 169.254.170.2:80, where SDKs look for the path")
}

// metadataOf is where the metadata service answers an app's programs: at the port of
// its own, if it has one, since elsewhere another app may match them too.
func metadataOf(s control.Status, app string) (string, error) {
	for _, owner := range []string{app, ""} {
		i := slices.IndexFunc(s.Endpoints, func(row control.EndpointRow) bool {
			return row.Kind == string(profiles.IMDS) && row.App == owner
		})
		if i >= 0 {
			return s.Endpoints[i].URL, there(s.Endpoints[i])
		}
	}
	return "", fail(`one does from the next start of vendord on, with [[endpoints.imds]] and listen = "127.0.0.1:9254" in vendord.toml`,
		"app %q: no metadata service answers it", app)
}

// there is an error where nobody reaches an endpoint.
func there(row control.EndpointRow) error {
	switch {
	case row.Unreachable == "":
		return nil
	case row.Unserved:
		return fail("", "%s: %s", row.URL, row.Unreachable)
	}
	return fail("see: vendord net status", "%s: %s", row.URL, row.Unreachable)
}

// noMetadata says why what is no app of the kernel's does not find the metadata service.
func (p *program) noMetadata(s control.Status, name string) error {
	if _, err := p.tokenFor(s, name); err != nil {
		return err
	}
	what := "profile"
	if slices.ContainsFunc(s.Apps, func(a control.AppRow) bool { return a.Name == name }) {
		what = "app"
	}
	return fail("leave --metadata out, or name an app that is recognised by the kernel alone (match)",
		"%s %q: given by token, and the metadata service takes none", what, name)
}
