package server_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/vendord/vendord/server"
)

// self is an app of our own user's programs, with more keys.
func self(more string) string {
	return fmt.Sprintf("[apps.self]\nprofiles = [\"upload\", \"readonly\"]\nmatch = {user = \"#%d\"}\n%s\n", os.Getuid(), more)
}

// startMetadata starts a metadata service for apps, which knows its callers.
func startMetadata(tb testing.TB, g get, apps string, change ...func(*server.Config)) *world {
	tb.Helper()
	kernel := openKernel(tb)
	return startAs(tb, listening(tb), server.Endpoint{Kind: server.Metadata}, g, func(c *server.Config) {
		c.Who, c.Recorded = kernel.Client, true
		for _, f := range change {
			f(c)
		}
	}, apps)
}

const (
	put   = "PUT /latest/api/token HTTP/1.1\nHost: ADDR\nX-aws-ec2-metadata-token-ttl-seconds: 60\n\n"
	roles = "/latest/meta-data/iam/security-credentials/"
)

// session asks for a session token.
func (w *world) session() string {
	w.tb.Helper()
	got := w.ask(put)
	if got.status != 200 {
		w.tb.Fatalf("PUT: got %d %s, want 200", got.status, got.body)
	}
	return got.body
}

// reading is a GET with a session token.
func reading(path, token string) string {
	return "GET " + path + " HTTP/1.1\nHost: ADDR\nX-aws-ec2-metadata-token: " + token + "\n\n"
}

// read asks for a path with a new session token.
func (w *world) read(path string) reply {
	w.tb.Helper()
	return w.ask(reading(path, w.session()))
}

// goldenRole is the document of a role, byte for byte.
const goldenRole = `{"Code":"Success","LastUpdated":"2026-11-21T11:59:00Z","Type":"AWS-HMAC","AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"` + canarySecret +
	`","Token":"` + canaryToken + `","Expiration":"2026-11-21T13:00:00Z","AccountId":"029470240201"}`

// identity is the instance identity document.
func identity(instance string) string {
	architecture := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	return `{"accountId":"629470240201","architecture":"` + architecture + `","availabilityZone":"eu-west-1a","billingProducts":null,"devpayProductCodes":null,` +
		`"marketplaceProductCodes":null,"imageId":null,"instanceId":"` + instance + `","instanceType":"vendord.local","kernelId":null,"pendingTime":"2026-11-21T12:00:00Z",` +
		`"privateIp":"127.0.0.1","ramdiskId":null,"region":"eu-west-1","version":"2017-09-30"}`
}

// TestMetadataPaths reads every path, with a slash at its end and without, and of a
// dated version.
func TestMetadataPaths(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	w := startMetadata(t, always(credentials(nil)), self(""), func(c *server.Config) { c.MetadataKey = key })
	token := w.session()
	const id = "i-76656e64c37e490dc"
	for path, want := range map[string]string{
		"":                                    "dynamic\nmeta-data",
		"/dynamic":                            "instance-identity/",
		"/dynamic/instance-identity":          "document",
		"/dynamic/instance-identity/document": identity(id),
		"/meta-data":                          "hostname\niam/\ninstance-id\ninstance-type\nlocal-hostname\nlocal-ipv4\nmac\nplacement/\nservices/",
		"/meta-data/hostname":                 host,
		"/meta-data/iam":                      "info\nsecurity-credentials/",
		"/meta-data/iam/info":                 `{"Code":"Success","LastUpdated":"2026-11-21T12:00:00Z","InstanceProfileArn":"arn:aws:iam::629470240201:instance-profile/upload","InstanceProfileId":"AIPAVENDORDKBETFQN3RH"}`,
		"/meta-data/iam/security-credentials": "upload",
		"/meta-data/iam/security-credentials/upload": goldenRole,
		"/meta-data/instance-id":                     id,
		"/meta-data/instance-type":                   "vendord.local",
		"/meta-data/local-hostname":                  host,
		"/meta-data/local-ipv4":                      "127.0.0.1",
		"/meta-data/mac":                             "76:65:6e:64:7d:86",
		"/meta-data/placement":                       "availability-zone\navailability-zone-id\nregion",
		"/meta-data/placement/availability-zone":     "eu-west-1a",
		"/meta-data/placement/availability-zone-id":  "euw1-az1",
		"/meta-data/placement/region":                "eu-west-1",
		"/meta-data/services":                        "domain\npartition",
		"/meta-data/services/domain":                 "amazonaws.com",
		"/meta-data/services/partition":              "aws",
	} {
		for _, at := range []string{"/latest" + path, "/latest" + path + "/", "/2021-03-23" + path} {
			got := w.ask(reading(at, token))
			if got.status != 200 || got.body != want {
				t.Errorf("%s: got %d %q, want %q", at, got.status, got.body, want)
			}
			for name, want := range map[string]string{"Content-Type": "text/plain", "Server": "EC2ws", "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff",
				"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": "60", "Location": ""} {
				if got := got.header.Get(name); got != want {
					t.Errorf("%s: %s: got %q, want %q", at, name, got, want)
				}
			}
			head := w.ask(strings.Replace(reading(at, token), "GET", "HEAD", 1))
			if head.status != 200 || head.body != "" || head.header.Get("Content-Type") != "text/plain" {
				t.Errorf("HEAD %s: got %d %q, want 200", at, head.status, head.body)
			}
		}
	}
	if got := w.ask(reading("/", token)); got.status != 200 || !strings.HasPrefix(got.body, "1.0\n") || !strings.HasSuffix(got.body, "\nlatest") {
		t.Errorf("/: got %d %q, want the versions", got.status, got.body)
	}
}
