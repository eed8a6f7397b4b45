package fakeaws_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/vendord/vendord/fakeaws"
)

const appRole = "arn:aws:iam::123456789012:role/App"

// serve serves a handler of the fake.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// metadata asks an instance metadata service by hand.
func metadata(t *testing.T, method, url string, header ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return (&place{t: t}).answer(http.DefaultTransport.RoundTrip(r))
}

// TestMetadata has AWS's own client ask it.
func TestMetadata(t *testing.T) {
	p := start(t, fakeaws.Config{})
	url := serve(t, p.Metadata(appRole))
	client := imds.New(imds.Options{Endpoint: url, DisableDefaultTimeout: true})
	provider := ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = client })
	first, err := provider.Retrieve(t.Context())
	if err != nil {
		t.Fatalf("Retrieve: %v", err)
	}
	t.Run("the credentials are real", func(t *testing.T) {
		who, err := p.sts(first).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil || !strings.HasPrefix(*who.Arn, "arn:aws:sts::123456789012:assumed-role/App/i-") {
			t.Errorf("GetCallerIdentity: got %v, %v", who, err)
		}
		if _, err := p.client(first).List(t.Context(), "lesson-bucket", ""); err != nil {
			t.Errorf("List: %v", err)
		}
	})
	t.Run("they change before their end and not earlier", func(t *testing.T) {
		p.Advance(5*time.Hour + 50*time.Minute)
		provider := ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = imds.New(imds.Options{Endpoint: url}) })
		if c, err := provider.Retrieve(t.Context()); err != nil || c.AccessKeyID != first.AccessKeyID {
			t.Errorf("ten minutes before: got %s, %v", c.AccessKeyID, err)
		}
		p.Advance(6 * time.Minute)
		if c, err := provider.Retrieve(t.Context()); err != nil || c.AccessKeyID == first.AccessKeyID {
			t.Errorf("four minutes before: got %s, %v", c.AccessKeyID, err)
		}
	})
	t.Run("the region", func(t *testing.T) {
		if got, err := client.GetRegion(t.Context(), nil); err != nil || got.Region != region {
			t.Errorf("GetRegion: got %v, %v", got, err)
		}
		if got, err := client.GetInstanceIdentityDocument(t.Context(), nil); err != nil || got.AccountID != "123456789012" {
			t.Errorf("GetInstanceIdentityDocument: got %v, %v", got, err)
		}
	})
}

func TestMetadataRefusals(t *testing.T) {
	p := start(t, fakeaws.Config{})
	url := serve(t, p.Metadata(appRole))
	const ttl, carries = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "X-Aws-Ec2-Metadata-Token"
	token := metadata(t, "PUT", url+"/latest/api/token", ttl, "60").body
	roles := url + "/latest/meta-data/iam/security-credentials/"
	for _, c := range []struct {
		name, method, url string
		header            []string
		status            int
	}{
		{"the name of the role", "GET", roles, []string{carries, token}, 200},
		{"without the slash", "GET", strings.TrimSuffix(roles, "/"), []string{carries, token}, 200},
		{"version 1", "GET", roles, nil, 401},
		{"another token", "GET", roles, []string{carries, strings.Repeat("0", len(token))}, 401},
		{"another role", "GET", roles + "Other", []string{carries, token}, 404},
		{"another address", "GET", url + "/latest/user-data", []string{carries, token}, 404},
		{"no life", "PUT", url + "/latest/api/token", nil, 400},
		{"too long a life", "PUT", url + "/latest/api/token", []string{ttl, "21601"}, 400},
		{"no life at all", "PUT", url + "/latest/api/token", []string{ttl, "0"}, 400},
		{"a token by GET", "GET", url + "/latest/api/token", []string{ttl, "60"}, 405},
		{"forwarded", "PUT", url + "/latest/api/token", []string{ttl, "60", "X-Forwarded-For", "192.0.2.1"}, 403},
		{"a change", "POST", roles, []string{carries, token}, 405},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := metadata(t, c.method, c.url, c.header...); got.status != c.status {
				t.Errorf("got %d %s, want %d", got.status, got.body, c.status)
			}
		})
	}
	t.Run("a token ends", func(t *testing.T) {
		p.Advance(time.Minute)
		if got := metadata(t, "GET", roles, carries, token); got.status != 401 {
			t.Errorf("got %d", got.status)
		}
	})
	token = metadata(t, "PUT", url+"/latest/api/token", ttl, "60").body
	t.Run("another instance's token", func(t *testing.T) {
		if got := metadata(t, "GET", serve(t, p.Metadata(appRole))+"/latest/meta-data/instance-id", carries, token); got.status != 401 {
			t.Errorf("got %d", got.status)
		}
	})
	t.Run("an instance without a role", func(t *testing.T) {
		url := serve(t, p.Metadata(""))
		token := metadata(t, "PUT", url+"/latest/api/token", ttl, "60").body
		if got := metadata(t, "GET", url+"/latest/meta-data/iam/security-credentials/", carries, token); got.status != 404 {
			t.Errorf("got %d", got.status)
		}
	})
	t.Run("a role that does not trust EC2", func(t *testing.T) {
		provider := ec2rolecreds.New(func(o *ec2rolecreds.Options) {
			o.Client = imds.New(imds.Options{Endpoint: serve(t, p.Metadata(uploadRole))})
		})
		_, err := provider.Retrieve(t.Context())
		if err == nil || !strings.Contains(err.Error(), "AssumeRoleUnauthorizedAccess: EC2 cannot assume the role JohnUploadRole.") {
			t.Errorf("Retrieve: got %v", err)
		}
	})
	t.Run("a role that is not there", func(t *testing.T) {
		defer func() {
			if got := recover(); got != "fakeaws: there is no role arn:aws:iam::123456789012:role/Nope" {
				t.Errorf("Metadata: got %v", got)
			}
		}()
		p.Metadata("arn:aws:iam::123456789012:role/Nope")
	})
}

func TestContainer(t *testing.T) {
	p := start(t, fakeaws.Config{})
	url := serve(t, p.Container(appRole, "a-token"))
	retrieve := func(url, token string) error {
		c, err := endpointcreds.New(url+"/v1/credentials", func(o *endpointcreds.Options) { o.AuthorizationToken = token }).Retrieve(t.Context())
		if err != nil {
			return err
		}
		_, err = p.client(c).List(t.Context(), "lesson-bucket", "")
		return err
	}
	if err := retrieve(url, "a-token"); err != nil {
		t.Errorf("with its token: got %v", err)
	}
	if err := retrieve(serve(t, p.Container(appRole, "")), ""); err != nil {
		t.Errorf("without one: got %v", err)
	}
	for _, c := range []struct{ name, url, token, want string }{
		{"another token", url, "b-token", "Unauthorized: The Authorization header is not the token of this container."},
		{"a role that does not trust", serve(t, p.Container(uploadRole, "")), "", "AccessDenied: The role " + uploadRole + " does not trust the containers' service."},
		{"no role", serve(t, p.Container("", "")), "", "NoRole: This container was given no role."},
	} {
		if err := retrieve(c.url, c.token); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", c.name, err, c.want)
		}
	}
	if got := metadata(t, "POST", url, "Authorization", "a-token"); got.status != 405 || !strings.Contains(got.body, "GET is the only method.") {
		t.Errorf("POST: got %d %s", got.status, got.body)
	}
	if got := metadata(t, "GET", url, "Origin", "http://example.com"); got.status != 403 {
		t.Errorf("a web page: got %d", got.status)
	}
}
