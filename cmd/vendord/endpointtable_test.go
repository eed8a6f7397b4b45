package main

import (
	"context"
	"net"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/server"
)

// The configuration and the server each have a table of the addresses of an endpoint,
// since neither may import the other. What one lets through, the other has to answer.
func TestTheAddressesOfEndpointsAreTheSame(t *testing.T) {
	ids, err := apps.Open(apps.Config{Profiles: &profiles.Config{}})
	if err != nil {
		t.Fatal(err)
	}
	defer ids.Close()
	for _, kind := range []profiles.EndpointKind{profiles.ECS, profiles.EKS, profiles.IMDS} {
		_, err := profiles.LoadText("[endpoints."+string(kind)+"]\nlisten = \"192.0.2.1:80\"\n", profiles.Options{Path: "/nowhere/vendord.toml", UID: os.Getuid()})
		if err == nil {
			t.Fatalf("%s: got no error for an address of a network", kind)
		}
		configured := addressesIn(hintOf(flatten(err)[0]))

		of := endpoint{Endpoint: profiles.Endpoint{Kind: kind}}.served()
		served := addressesIn(hintOf(server.New(server.Config{Apps: ids}).Serve(context.Background(), onANetwork{}, of)))
		if len(served) == 0 || !slices.Equal(configured, served) {
			t.Errorf("%s: configured %v, served %v", kind, configured, served)
		}
		if got := of.Kind.String(); got != string(kind) {
			t.Errorf("%s: on record as %s", kind, got)
		}
	}
}

// addressesIn returns the addresses in a text, sorted, but for those of loopback: they
// are no endpoint's own.
func addressesIn(text string) (all []netip.Addr) {
	for _, word := range regexp.MustCompile(`[0-9a-f.:]{7,}`).FindAllString(text, -1) {
		if at, err := netip.ParseAddrPort(word); err == nil {
			word = at.Addr().String()
		}
		if at, err := netip.ParseAddr(word); err == nil && !at.IsLoopback() && !slices.Contains(all, at) {
			all = append(all, at)
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return all
}

// onANetwork is a listener at an address that is no endpoint's.
type onANetwork struct{ net.Listener }

func (onANetwork) Close() error   { return nil }
func (onANetwork) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80} }
