package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/vendord/vendord/profiles"
)

// checkedEndpoint is what check says of one address that the daemon listens at.
type checkedEndpoint struct {
	Kind string `json:"kind"`
	// Listen is the address and port; empty for a port that is chosen once and kept.
	Listen string `json:"listen,omitempty"`
	// Apps are those whose programs can be recognised there, From those of them that
	// other networks have tokens of.
	Apps []string `json:"apps"`
	From []string `json:"from,omitempty"`
	// Own says that it is the one app's alone.
	Own bool `json:"own,omitempty"`
	// Unreachable says why nobody on this machine reaches it now, Hint what to do.
	Unreachable string `json:"unreachable,omitempty"`
	Hint        string `json:"hint,omitempty"`
}

// checkEndpoints are all addresses that a configuration has the daemon listen at.
func checkEndpoints(c *profiles.Config, system bool) []checkedEndpoint {
	names := slices.Sorted(maps.Keys(c.Apps))
	all := []checkedEndpoint{{Kind: "loopback", Listen: c.Daemon.Listen, Apps: append([]string{}, names...)}}
	for _, e := range c.Endpoints {
		one := checkedEndpoint{Kind: string(e.Kind), Listen: e.Listen.String(), Apps: []string{}, Own: e.App != ""}
		for _, name := range names {
			app := c.Apps[name]
			byKernel := app.Match.Any() && !app.Both
			if e.App == name || e.App == "" && (byKernel || e.Kind != profiles.IMDS) {
				one.Apps = append(one.Apps, name)
			}
			if e.Kind != profiles.IMDS && (app.Unidentified || len(app.From) > 0) {
				one.From = append(one.From, name)
			}
		}
		if why := (endpoint{Endpoint: e, local: localOnly(c, e)}).astray(); why != "" {
			one.Unreachable, one.Hint = e.Listen.Addr().String()+" "+why, netUp(c, system)
		}
		all = append(all, one)
	}
	return all
}

// printCheckedEndpoint says where programs can ask, and whose.
func (p *program) printCheckedEndpoint(e checkedEndpoint) {
	at := e.Listen
	if at == "" || strings.HasSuffix(at, ":0") {
		at = "a free port"
	}
	whose := "apps " + strings.Join(e.Apps, ", ")
	switch {
	case len(e.Apps) == 0 && e.Kind == string(profiles.IMDS):
		whose = "nobody"
	case len(e.Apps) == 0:
		whose = "no app, vendord exec and env alone"
	case e.Own:
		whose = "app " + e.Apps[0] + " alone"
	case len(e.Apps) == 1:
		whose = "app " + e.Apps[0]
	}
	say(p.stdout, "endpoint %s %s: answers %s", e.Kind, at, whose)
	switch {
	case len(e.From) > 0:
		say(p.stdout, "  from other networks, such as containers', %s", strings.Join(e.From, ", "))
	case e.Kind == string(profiles.ECS) || e.Kind == string(profiles.EKS):
		say(p.stdout, "  from this machine alone: no app has from or unidentified")
	}
	if e.Unreachable != "" {
		say(p.stdout, "  now nobody reaches it: %s", e.Unreachable)
		say(p.stdout, "  hint: %s", e.Hint)
	}
}
