package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
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
		{[]string{"-nonsense"}, "flag provided but not defined: -nonsense"},
	} {
		if err := run(ctx, c.args, io.Discard, io.Discard); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v: got %v, want %s", c.args, err, c.want)
		}
	}
}
