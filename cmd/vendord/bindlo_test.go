package main

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/vendord/vendord/profiles"
)

// Who may ask where follows from the configuration alone.
func TestWhichEndpointsAreForThisMachineAlone(t *testing.T) {
	endpoint := func(kind profiles.EndpointKind, listen string) profiles.Endpoint {
		return profiles.Endpoint{Kind: kind, Listen: netip.MustParseAddrPort(listen)}
	}
	ecs, eks := endpoint(profiles.ECS, "169.254.170.2:80"), endpoint(profiles.EKS, "[fd00:ec2::23]:80")
	imds, own := endpoint(profiles.IMDS, "169.254.169.254:80"), endpoint(profiles.IMDS, "127.0.0.1:9254")
	all := []profiles.Endpoint{ecs, eks, imds, own}
	for name, row := range map[string]struct {
		apps map[string]profiles.App
		want []profiles.Endpoint
	}{
		"no app":                        {nil, all},
		"apps of this machine's":        {map[string]profiles.App{"a": {}, "b": {Match: profiles.Match{User: "web"}}}, all},
		"one lets a network in":         {map[string]profiles.App{"a": {}, "b": {From: []netip.Prefix{netip.MustParsePrefix("172.18.0.0/16")}}}, []profiles.Endpoint{imds, own}},
		"one lets in whoever has a key": {map[string]profiles.App{"a": {Unidentified: true}, "b": {}}, []profiles.Endpoint{imds, own}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []profiles.Endpoint
			for _, e := range all {
				if localOnly(&profiles.Config{Apps: row.apps}, e) {
					got = append(got, e)
				}
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("localOnly: got %v, want %v", got, row.want)
			}
		})
	}
}

// A reload changes nothing about a listener: it says what will.
func TestAReloadThatOpensAnEndpoint(t *testing.T) {
	at := profiles.Endpoint{Kind: profiles.ECS, Listen: netip.MustParseAddrPort("169.254.170.2:80")}
	open := &profiles.Config{Endpoints: []profiles.Endpoint{at}, Apps: map[string]profiles.App{"a": {Unidentified: true}}}
	closed := &profiles.Config{Endpoints: []profiles.Endpoint{at}}
	for name, row := range map[string]struct {
		local, inUnit, system bool
		now                   *profiles.Config
		want                  []string
	}{
		"as it was, for all":          {false, true, true, open, nil},
		"as it was, for this machine": {true, true, true, closed, nil},
		"opened":                      {true, false, false, open, []string{"endpoints.ecs.listen: containers reach it at the next start of vendord"}},
		"opened, in the system's service": {true, true, true, open,
			[]string{"endpoints.ecs.listen: containers reach it once its socket is made anew: systemctl restart vendord.socket"}},
		"opened, in a user's": {true, true, false, open,
			[]string{"endpoints.ecs.listen: containers reach it once its socket is made anew: systemctl --user restart vendord.socket"}},
		"closed":             {false, true, true, closed, []string{"endpoints.ecs.listen: is closed to other networks altogether at the next start of vendord"}},
		"closed and removed": {false, false, false, &profiles.Config{}, []string{"endpoints.ecs.listen: takes effect at the next start of vendord"}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &daemon{inUnit: row.inUnit, endpoints: []endpoint{{Endpoint: at, local: row.local}, {Endpoint: at, local: row.local}}}
			d.options.config.System = row.system
			if got := d.endpointsChanged(row.now); !slices.Equal(got, row.want) {
				t.Errorf("endpointsChanged: got %q, want %q", got, row.want)
			}
		})
	}
}

// Another address has to be held first; another app at the same one has not.
func TestAReloadThatChangesWhoIsAnswered(t *testing.T) {
	imds := func(listen, app string) profiles.Endpoint { return at(profiles.IMDS, listen, app).Endpoint }
	const held = "endpoints.imds.listen: takes effect with: vendord service install"
	const app = "endpoints.imds.app: takes effect at the next start of vendord"
	for name, row := range map[string]struct {
		inUnit bool
		now    []profiles.Endpoint
		want   []string
	}{
		"another app":                          {true, []profiles.Endpoint{imds("127.0.0.1:9254", "load")}, []string{app}},
		"every app":                            {true, []profiles.Endpoint{imds("127.0.0.1:9254", "")}, []string{app}},
		"another address":                      {true, []profiles.Endpoint{imds("127.0.0.1:9255", "web")}, []string{held}},
		"another address, outside of a unit":   {false, []profiles.Endpoint{imds("127.0.0.1:9255", "web")}, []string{"endpoints.imds.listen: takes effect at the next start of vendord"}},
		"another app, and an address for this": {true, []profiles.Endpoint{imds("127.0.0.1:9254", "load"), imds("127.0.0.1:9255", "web")}, []string{app, held}},
		"none any more":                        {true, nil, []string{held}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &daemon{inUnit: row.inUnit, endpoints: []endpoint{{Endpoint: imds("127.0.0.1:9254", "web"), local: true}}}
			if got := d.endpointsChanged(&profiles.Config{Endpoints: row.now}); !slices.Equal(got, row.want) {
				t.Errorf("endpointsChanged: got %q, want %q", got, row.want)
			}
		})
	}
}
