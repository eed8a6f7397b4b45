package server_test

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"

	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
)

// lasting are credentials for who looks at the machine's own clock, as SDKs do.
func lasting() *session.Credentials {
	c := session.NewCredentials("ASIAEXAMPLE", canarySecret, canaryToken, time.Now().Add(2*time.Hour))
	c.Minted, c.Life, c.AccountID = time.Now(), 2*time.Hour, "629470240201"
	return c
}

func byTheClock(c *server.Config) { c.Now = time.Now }

// chain asks as a program does that uses the AWS SDK for Go on an EC2 instance, but for
// the address.
func chain(t *testing.T, w *world) (aws.Credentials, error) {
	t.Helper()
	home := t.TempDir()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN", "AWS_REGION",
		"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_EC2_METADATA_DISABLED"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	t.Setenv("AWS_CONFIG_FILE", home+"/config")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", home+"/credentials")
	t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://"+w.addr)
	c, err := config.LoadDefaultConfig(t.Context(), config.WithEC2IMDSRegion())
	if err != nil {
		t.Fatalf("LoadDefaultConfig: %v", err)
	}
	if c.Region != "eu-west-1" {
		t.Errorf("region: got %q, want eu-west-1", c.Region)
	}
	return c.Credentials.Retrieve(t.Context())
}

func TestTheSDKForGoAsksForMetadata(t *testing.T) {
	w := startMetadata(t, always(lasting()), self(""), byTheClock)
	got, err := chain(t, w)
	if err != nil || got.AccessKeyID != "ASIAEXAMPLE" || got.SecretAccessKey != canarySecret || got.SessionToken != canaryToken || got.Source != "EC2RoleProvider" || !got.CanExpire {
		t.Errorf("Retrieve: got %+v, %v", got, err)
	}
	client := imds.New(imds.Options{Endpoint: "http://" + w.addr, EnableFallback: aws.FalseTernary})
	document, err := client.GetInstanceIdentityDocument(t.Context(), nil)
	if err != nil || document.Region != "eu-west-1" || document.AccountID != "629470240201" || document.AvailabilityZone != "eu-west-1a" ||
		!strings.HasPrefix(document.InstanceID, "i-76656e64") || time.Since(document.PendingTime) > time.Minute {
		t.Errorf("GetInstanceIdentityDocument: got %+v, %v", document, err)
	}
	info, err := client.GetIAMInfo(t.Context(), nil)
	if err != nil || info.InstanceProfileArn != "arn:aws:iam::629470240201:instance-profile/upload" || len(info.InstanceProfileID) != 21 {
		t.Errorf("GetIAMInfo: got %+v, %v", info, err)
	}
	id, err := client.GetMetadata(t.Context(), &imds.GetMetadataInput{Path: "instance-id"})
	if err != nil {
		t.Fatalf("GetMetadata: %v", err)
	}
	defer id.Content.Close()
	if text, err := io.ReadAll(id.Content); err != nil || string(text) != document.InstanceID {
		t.Errorf("instance-id: got %q, %v, want %q", text, err, document.InstanceID)
	}
	if data, err := client.GetUserData(t.Context(), nil); err == nil {
		t.Errorf("GetUserData: got %v, want an error", data)
	}
	w.wroteNoSecret(t)
}

// TestTheSDKForGoOutlivesARestart: its session token, of before, is good after it; and
// where the key was lost, it asks for another by itself.
func TestTheSDKForGoOutlivesARestart(t *testing.T) {
	for _, key := range []string{"0123456789abcdef0123456789abcdef", ""} {
		ln := listening(t)
		keyed := func(c *server.Config) { c.MetadataKey = []byte(key) }
		kernel := openKernel(t)
		begin := func(c *server.Config) { byTheClock(c); keyed(c); c.Who = kernel.Client }
		w := startAs(t, ln, server.Endpoint{Kind: server.Metadata}, always(lasting()), begin, self(""))
		client := imds.New(imds.Options{Endpoint: "http://" + w.addr, EnableFallback: aws.FalseTernary})
		if _, err := client.GetRegion(t.Context(), nil); err != nil {
			t.Fatalf("GetRegion: %v", err)
		}
		if err := w.stop(); err != nil {
			t.Fatal(err)
		}
		startAs(t, again(t, ln), server.Endpoint{Kind: server.Metadata}, always(lasting()), begin, self(""))
		if got, err := client.GetRegion(t.Context(), nil); err != nil || got.Region != "eu-west-1" {
			t.Errorf("GetRegion after a restart with the key %q: got %v, %v", key, got, err)
		}
	}
}

// TestTheSDKForGoShowsWhyMetadataHasNone: what a user sees, and how often was asked.
func TestTheSDKForGoShowsWhyMetadataHasNone(t *testing.T) {
	for _, row := range []struct {
		name, apps string
		answer     get
		want       string
		asked      int // times in vain
	}{
		{"a stranger", "", nil, "no EC2 IMDS role found, operation error ec2imds: GetMetadata, http response error StatusCode: 404", 1},
		{"AWS denies it", self(""), failing(&session.Error{Class: session.Administrator, Public: "upload: AccessDenied", Hint: "ask"}),
			"failed to get upload EC2 IMDS role credentials, api error AssumeRoleUnauthorizedAccess: upload: AccessDenied; hint: ask", 1},
		{"a login is needed", self(""), failing(&session.Error{Class: session.Person, Public: "john: keys expired", Hint: "run aws login"}),
			"failed to get upload EC2 IMDS role credentials, api error LoginNeeded: john: keys expired; hint: run aws login", 1},
		{"AWS is away", self(""), failing(&session.Error{Class: session.Retry, Public: "still asking AWS"}),
			"exceeded maximum number of attempts, 3, http response error StatusCode: 503", 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := startMetadata(t, row.answer, row.apps, byTheClock)
			client := imds.New(imds.Options{Endpoint: "http://" + w.addr})
			t.Setenv("AWS_REGION", "eu-west-1")
			_, err := roleOf(t.Context(), client)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("Retrieve: got %v, want %q in it", err, row.want)
			}
			if n := len(w.audit.Refusals("")); n != row.asked {
				t.Errorf("asked %d times in vain, want %d: %+v", n, row.asked, w.audit.Refusals(""))
			}
		})
	}
}

// roleOf asks as the SDK's provider of an instance's role does.
func roleOf(ctx context.Context, client *imds.Client) (aws.Credentials, error) {
	return ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = client }).Retrieve(ctx)
}

// again listens where another listener did.
func again(t *testing.T, was net.Listener) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp4", was.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return ln
}
