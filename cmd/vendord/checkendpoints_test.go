package main

import (
	"os"
	"testing"

	"github.com/vendord/vendord/profiles"
)

func TestCheckOfEndpoints(t *testing.T) {
	const apps = `
[apps.box]
profiles = ["x"]
from = ["172.18.0.0/16"]
[apps.web]
profiles = ["x"]
match = { user = "root" }
[apps.both]
profiles = ["x"]
match = { user = "root" }
require = "both"
`
	for _, test := range []struct{ name, text, want string }{
		{"none is named", "", "endpoint loopback 127.0.0.1:9797: answers no app, vendord exec and env alone\n"},
		{"of the kernel's, and a port of one", "[[endpoints.imds]]\nlisten = \"127.0.0.1:9254\"\n[[endpoints.imds]]\nlisten = \"127.0.0.1:9255\"\napp = \"web\"\n" + apps,
			"endpoint loopback 127.0.0.1:9797: answers apps both, box, web\nendpoint imds 127.0.0.1:9254: answers app web\n" +
				"endpoint imds 127.0.0.1:9255: answers app web alone\n"},
		{"nobody's", "[endpoints.imds]\nlisten = \"127.0.0.1:9254\"\n[apps.a]\nprofiles = [\"x\"]\n",
			"endpoint loopback 127.0.0.1:9797: answers app a\nendpoint imds 127.0.0.1:9254: answers nobody\n"},
		{"not on this machine", "[endpoints.eks]\nlisten = \"[fd00:ec2::23]:80\"\n" + apps,
			"endpoint loopback 127.0.0.1:9797: answers apps both, box, web\nendpoint eks [fd00:ec2::23]:80: answers apps both, box, web\n" +
				"  from other networks, such as containers', box\n  now nobody reaches it: fd00:ec2::23 is not an address of this machine\n" +
				"  hint: sudo vendord net up --system\n"},
		{"for this machine", "[endpoints.eks]\nlisten = \"[fd00:ec2::23]:80\"\n[apps.a]\nprofiles = [\"x\"]\n",
			"endpoint loopback 127.0.0.1:9797: answers app a\nendpoint eks [fd00:ec2::23]:80: answers app a\n" +
				"  from this machine alone: no app has from or unidentified\n  now nobody reaches it: fd00:ec2::23 is not an address of this machine\n" +
				"  hint: sudo vendord net up --system\n"},
	} {
		text := "[daemon]\nregion = \"eu-west-1\"\nlisten = \"127.0.0.1:9797\"\n[sources.s]\n[profiles.x]\nsource = \"s\"\nrole_arn = \"arn:aws:iam::123456789012:role/App\"\n" + test.text
		config, err := profiles.LoadText(text, profiles.Options{Path: "/nowhere/vendord.toml", System: true, UID: os.Getuid()})
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		got := printedBy(t, func(p *program) {
			for _, e := range checkEndpoints(config, true) {
				p.printCheckedEndpoint(e)
			}
		})
		if got != test.want {
			t.Errorf("%s: got\n%swant\n%s", test.name, got, test.want)
		}
	}
}
