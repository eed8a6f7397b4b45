package server_test

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"

	"github.com/vendord/vendord/session"
)

// retrieve asks as a program does that uses the AWS SDK for Go: with nothing
// but two variables.
func retrieve(t *testing.T, url, token string) (aws.Credentials, error) {
	t.Helper()
	home := t.TempDir()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE",
		"AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", home)
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(home, "config"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(home, "credentials"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_REGION", "eu-west-1")
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)
	t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", token)
	c, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatalf("LoadDefaultConfig: %v", err)
	}
	return c.Credentials.Retrieve(t.Context())
}

func TestTheSDKForGoGetsCredentials(t *testing.T) {
	w := start(t, always(credentials(nil)))
	got, err := retrieve(t, w.url, w.token)
	if err != nil {
		t.Fatalf("Retrieve: %v", err)
	}
	const early = 5 * time.Minute // the SDK's own, as of 2026-11
	if got.AccessKeyID != "ASIAEXAMPLE" || got.SecretAccessKey != canarySecret || got.SessionToken != canaryToken ||
		got.AccountID != "029470240201" || !got.CanExpire || !got.Expires.Equal(noon.Add(time.Hour-early)) {
		t.Errorf("Retrieve: got %+v", got)
	}
}

func TestTheSDKForGoNamesAProfile(t *testing.T) {
	w := start(t, always(credentials(nil)))
	if got, err := retrieve(t, w.url+"/upload", w.token); err != nil || got.AccessKeyID != "ASIAEXAMPLE" {
		t.Errorf("Retrieve: got %+v, %v", got, err)
	}
}

// A program that the kernel recognises needs one variable.
func TestTheSDKForGoNeedsNoToken(t *testing.T) {
	w := startByKernel(t, always(credentials(nil)))
	if got, err := retrieve(t, w.url, ""); err != nil || got.AccessKeyID != "ASIAEXAMPLE" {
		t.Errorf("Retrieve: got %+v, %v", got, err)
	}
	const want = "NotRecognized: token: not for this path, which asks the kernel who you are; hint: its token belongs to /v1/credentials"
	if _, err := retrieve(t, w.url, w.token); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Retrieve with a token: got %v, want %q in it", err, want)
	}
}

func TestTheSDKForGoShowsWhyNot(t *testing.T) {
	login := &session.Error{Class: session.Person, Public: "john: keys expired", Hint: "run aws login"}
	for _, test := range []struct {
		name, path, token string // of TOKEN
		answer            get
		want              string
		asked             int // times
	}{
		{"a wrong token", "", "vnd_wrong", nil, "NotRecognized: token: ", 1},
		{"another profile", "/readonly", "TOKEN", nil, `ProfileRefused: profile "readonly": `, 1},
		{"another path", "/a/b", "TOKEN", nil, "RequestRefused: path: nothing is here; hint: ask http://127.0.0.1:", 1},
		{"a login needed", "", "TOKEN", failing(login), "LoginNeeded: john: keys expired; hint: run aws login", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := start(t, test.answer)
			_, err := retrieve(t, w.url+test.path, strings.Replace(test.token, "TOKEN", w.token, 1))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Retrieve: got %v, want %q in it", err, test.want)
			}
			if n := len(w.audit.Refusals("")); n != test.asked {
				t.Errorf("Retrieve: asked %d times, want %d", n, test.asked)
			}
		})
	}
}
