package profiles_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vendord/vendord/profiles"
)

// TestEndpoints: each form of a table and of a list is the same addresses, in the order
// of the kinds and of the file.
func TestEndpoints(t *testing.T) {
	at := func(kind profiles.EndpointKind, listen, app string) profiles.Endpoint {
		return profiles.Endpoint{Kind: kind, Listen: netip.MustParseAddrPort(listen), App: app}
	}
	web := "[apps.web]\nprofiles = [\"x\"]\nmatch = { user = \"agent\" }\n"
	for _, test := range []struct {
		name, text string
		want       []profiles.Endpoint
	}{
		{"none", "", nil},
		{"no address is an endpoint by itself", "[endpoints]\n", nil},
		{"ECS", "[endpoints.ecs]\nlisten = \"169.254.170.2:80\"\n", []profiles.Endpoint{at(profiles.ECS, "169.254.170.2:80", "")}},
		{"Pod Identity", "[endpoints.eks]\nlisten = [\"[fd00:ec2::23]:80\", \"169.254.170.23:8080\"]\n",
			[]profiles.Endpoint{at(profiles.EKS, "[fd00:ec2::23]:80", ""), at(profiles.EKS, "169.254.170.23:8080", "")}},
		{"metadata, a table", "[endpoints.imds]\nlisten = \"169.254.169.254:80\"\n", []profiles.Endpoint{at(profiles.IMDS, "169.254.169.254:80", "")}},
		{"metadata, one of a list", "[[endpoints.imds]]\nlisten = \"127.0.0.2:9254\"\napp = \"web\"\n" + web,
			[]profiles.Endpoint{at(profiles.IMDS, "127.0.0.2:9254", "web")}},
		{"metadata, inline", "[endpoints]\nimds = [{ listen = \"[::1]:1\" }, { listen = [\"[::1]:2\", \"[fd00:ec2::254]:80\"], app = \"web\" }]\n" + web,
			[]profiles.Endpoint{at(profiles.IMDS, "[::1]:1", ""), at(profiles.IMDS, "[::1]:2", "web"), at(profiles.IMDS, "[fd00:ec2::254]:80", "web")}},
		{"the kinds have an order", "[endpoints.imds]\nlisten = \"127.0.0.1:1\"\n[endpoints.eks]\nlisten = \"169.254.170.23:80\"\n[endpoints.ecs]\nlisten = \"169.254.170.2:80\"\n",
			[]profiles.Endpoint{at(profiles.ECS, "169.254.170.2:80", ""), at(profiles.EKS, "169.254.170.23:80", ""), at(profiles.IMDS, "127.0.0.1:1", "")}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := load(t, one(test.text)).Endpoints; !slices.Equal(got, test.want) {
				t.Errorf("Endpoints: got %v, want %v", got, test.want)
			}
		})
	}
}

// FuzzEndpoints writes anything as the addresses of each endpoint, and as the app of a
// port of its own. What is taken is the endpoint's own address or, for the metadata
// service, one of loopback; nobody else is there; and the app is one of the kernel's.
func FuzzEndpoints(f *testing.F) {
	f.Add("169.254.170.2:80", "169.254.170.23:80", "169.254.169.254:80", "127.0.0.1:9254", "web", true)
	f.Add("[::ffff:169.254.170.2]:80", "[fd00:ec2::23]:80", "[fd00:ec2::254]:80", "[::ffff:127.0.0.1]:9254", "tokens", true)
	f.Add("169.254.170.23:80", "169.254.170.2:80", "169.254.170.2:80", "[::1%lo]:9254", "both", true)
	f.Add("127.0.0.1:80", "[fd00:ec2::23%lo]:80", "0.0.0.0:80", "127.0.0.1:9797", "", false)
	f.Add("169.254.170.2:0", ":80", "[::]:80", "localhost:9254", "wbe", false)
	own := map[profiles.EndpointKind]string{profiles.ECS: "169.254.170.2", profiles.EKS: "169.254.170.23 fd00:ec2::23",
		profiles.IMDS: "169.254.169.254 fd00:ec2::254"}
	const known = "\n[apps.web]\nprofiles = [\"x\"]\nmatch = { user = \"agent\" }\n[apps.tokens]\nprofiles = [\"x\"]\n" +
		"[apps.both]\nprofiles = [\"x\"]\nmatch = { user = \"agent\" }\nrequire = \"both\"\n"
	f.Fuzz(func(t *testing.T, ecs, eks, imds, more, app string, list bool) {
		if !utf8.ValidString(ecs + eks + imds + more + app) {
			return
		}
		text := one("[endpoints.ecs]\nlisten = " + quoted(ecs) + "\n[endpoints.eks]\nlisten = [" + quoted(eks) + "]\n")
		if list {
			text += "[[endpoints.imds]]\nlisten = " + quoted(imds) + "\n[[endpoints.imds]]\nlisten = [" + quoted(more) + "]\napp = " + quoted(app)
		} else {
			text += "[endpoints.imds]\nlisten = [" + quoted(imds) + ", " + quoted(more) + "]\napp = " + quoted(app)
		}
		text += known
		o := options(write(t, map[string]string{"vendord.toml": text}))
		o.System = true
		c, err := profiles.Load(o)
		if err != nil {
			checkProblems(t, err, text)
			return
		}
		seen := map[netip.AddrPort]bool{netip.MustParseAddrPort(c.Daemon.Listen): true}
		for _, e := range c.Endpoints {
			a := e.Listen.Addr()
			fits := slices.Contains(strings.Fields(own[e.Kind]), a.String()) || e.Kind == profiles.IMDS && a.IsLoopback() && !a.Is4In6() && a.Zone() == ""
			if !fits || e.Listen.Port() == 0 || seen[e.Listen] || e.App != "" && e.App != "web" {
				t.Errorf("[endpoints.%s]: took %s for app %q", e.Kind, e.Listen, e.App)
			}
			seen[e.Listen] = true
		}
		if len(c.Endpoints) != 4 {
			t.Errorf("Endpoints: got %v, want all that was written", c.Endpoints)
		}
	})
}
