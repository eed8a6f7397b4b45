package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	"github.com/vendord/vendord/fakeaws"
)

// serve runs the command and returns its endpoint, and a func that ends it and
// returns what it wrote to standard error.
func serve(t *testing.T, args ...string) (endpoint string, end func() string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, stdout := io.Pipe()
	var stderr bytes.Buffer
	done := make(chan error, 1)
	go func() {
		err := run(ctx, args, stdout, &stderr)
		_ = stdout.CloseWithError(err)
		done <- err
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the first line: %v", err)
	}
	return strings.TrimSpace(line), func() string {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: got %v, want nil", err)
		}
		return stderr.String()
	}
}

func TestServesTheExample(t *testing.T) {
	endpoint, end := serve(t, "-log", "-clock")
	key := fakeaws.Example().Accounts[0].Users[0].Keys[0]
	john := credentials.NewStaticCredentialsProvider(key.ID, key.Secret, "")
	got, err := fakeaws.NewClient(endpoint, "eu-west-1", john).ListBuckets(t.Context())
	if err != nil || len(got) != 1 {
		t.Errorf("ListBuckets: got %v, %v", got, err)
	}
	response, err := http.Post(endpoint+"/_fake/clock", "application/json", strings.NewReader(`{"advance":"1h"}`))
	if err != nil || response.StatusCode != 200 {
		t.Errorf("clock: got %v, %v", response, err)
	}
	_ = response.Body.Close()
	log := end()
	for _, want := range []string{fakeaws.Banner, "operation=ListBuckets"} {
		if !strings.Contains(log, want) {
			t.Errorf("standard error lacks %q: %s", want, log)
		}
	}
}

// TestProofs: a script gets its proofs with what the command's documentation
// says, and STS takes them.
func TestProofs(t *testing.T) {
	endpoint, end := serve(t)
	defer end()
	proof := func(path, body string) string {
		response, err := http.Post(endpoint+path, "application/json", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != 200 {
			t.Fatalf("%s: got %d %s", path, response.StatusCode, text)
		}
		return string(text)
	}
	for _, form := range []url.Values{
		{"Action": {"AssumeRoleWithWebIdentity"}, "RoleArn": {"arn:aws:iam::444455556666:role/Ci"}, "RoleSessionName": {"build"},
			"WebIdentityToken": {proof("/_fake/jwt", `{"subject":"repo:example/app","audience":"sts.amazonaws.com"}`)}},
		{"Action": {"AssumeRoleWithSAML"}, "RoleArn": {"arn:aws:iam::444455556666:role/EC2Admin"}, "PrincipalArn": {"arn:aws:iam::444455556666:saml-provider/ADFS"},
			"SAMLAssertion": {proof("/_fake/saml", `{"provider":"arn:aws:iam::444455556666:saml-provider/ADFS","roles":["arn:aws:iam::444455556666:role/EC2Admin"],"session_name":"ann"}`)}},
	} {
		form.Set("Version", "2011-06-15")
		response, err := http.PostForm(endpoint, form)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if response.StatusCode != 200 || !strings.Contains(string(body), "<SessionToken>") {
			t.Errorf("%s: got %d %s", form.Get("Action"), response.StatusCode, body)
		}
	}
	response, err := http.Get(endpoint + "/_fake/totp?serial=arn:aws:iam::629470240201:mfa/john")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if code, _ := io.ReadAll(response.Body); len(code) != 6 {
		t.Errorf("totp: got %q, want six digits", code)
	}
}

func TestServesAState(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.json")
	state := `{"accounts":[{"id":"123456789012","root_keys":[{"id":"AKIAROOTROOTEXAMPLE1","secret":"root"}],"buckets":[{"name":"mine"}]}]}`
	if err := os.WriteFile(path, []byte(state), 0o600); err != nil {
		t.Fatal(err)
	}
	endpoint, end := serve(t, "-state", path)
	root := credentials.NewStaticCredentialsProvider("AKIAROOTROOTEXAMPLE1", "root", "")
	if got, err := fakeaws.NewClient(endpoint, "us-east-2", root).ListBuckets(t.Context()); err != nil || len(got) != 1 || got[0] != "mine" {
		t.Errorf("ListBuckets: got %v, %v", got, err)
	}
	if log := end(); !strings.Contains(log, fakeaws.Banner) {
		t.Errorf("standard error: got %s, want the banner", log)
	}
}

const appRole = "arn:aws:iam::123456789012:role/App"

// TestServesAMachine: three ports, and what the machine's give opens the first.
func TestServesAMachine(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out, stdout := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := run(ctx, []string{"-role", appRole, "-metadata", "127.0.0.1:0", "-container", "127.0.0.1:0", "-token", "x"}, stdout, io.Discard)
		_ = stdout.CloseWithError(err)
		done <- err
	}()
	lines := bufio.NewScanner(out)
	var got []string
	for len(got) < 3 && lines.Scan() {
		got = append(got, lines.Text())
	}
	if len(got) != 3 || !strings.HasPrefix(got[1], "metadata http://127.0.0.1:") || !strings.HasPrefix(got[2], "container http://127.0.0.1:") {
		t.Fatalf("output: got %q", got)
	}
	metadata, container := strings.TrimPrefix(got[1], "metadata "), strings.TrimPrefix(got[2], "container ")
	for name, provider := range map[string]aws.CredentialsProvider{
		"metadata":  ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = imds.New(imds.Options{Endpoint: metadata}) }),
		"container": endpointcreds.New(container, func(o *endpointcreds.Options) { o.AuthorizationToken = "x" }),
	} {
		if _, err := fakeaws.NewClient(got[0], "eu-west-1", provider).List(t.Context(), "lesson-bucket", ""); err != nil {
			t.Errorf("List with the credentials of %s: %v", name, err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("run: got %v, want nil", err)
	}
}

func TestRefusals(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"serve"}, `argument "serve": fakeaws takes flags only`},
		{[]string{"-state", "/nowhere.json"}, "reading the state: open /nowhere.json: "},
		{[]string{"-listen", "0.0.0.0:0"}, "listening: 0.0.0.0:0 is not a loopback address"},
		{[]string{"-listen", ":0"}, "listening: :0 is not a loopback address"},
		{[]string{"-listen", "nonsense"}, "listening: "},
		{[]string{"-role", "x"}, "-role and -token: nothing without -metadata or -container"},
		{[]string{"-metadata", "127.0.0.1:0"}, `-role "": there is no such role`},
		{[]string{"-container", "127.0.0.1:0", "-role", "arn:aws:iam::123456789012:role/Nope"}, `-role "arn:aws:iam::123456789012:role/Nope": there is no such role`},
		{[]string{"-metadata", "0.0.0.0:0", "-role", appRole}, "listening: 0.0.0.0:0 is not a loopback address"},
		{[]string{"-signin", "maybe"}, `sign-in mode "maybe": there are wait, approve and refuse`},
		{[]string{"-nonsense"}, "flag provided but not defined: -nonsense"},
	} {
		if err := run(ctx, c.args, io.Discard, io.Discard); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %s", c.args, err, c.want)
		}
	}
}
