package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/vendord/vendord/fakeaws"
)

const examples = "../../examples"

// Each example is lived through: its script does what its README says, with the
// example's own files, and looks at what is allowed and what is denied.
func TestFlows(t *testing.T) {
	p := scripts()
	p.Dir = "testdata/flows"
	p.Cmds["example"] = useExample
	p.Cmds["proof"] = proof
	testscript.Run(t, p)
}

// useExample makes an example the configuration of the script's user, who has the
// keys of everybody in the fake AWS. All that differs from what the reader has is
// where AWS is.
func useExample(ts *testscript.TestScript, _ bool, args []string) {
	startFakeAWS(ts, false, nil)
	folder := filepath.Join(ts.Getenv("XDG_CONFIG_HOME"), "vendord")
	ts.Check(os.CopyFS(folder, os.DirFS(filepath.Join(examples, args[0]))))
	ts.Check(chmodAll(folder))
	files, err := filepath.Glob(filepath.Join(folder, "*.toml"))
	ts.Check(err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		ts.Check(err)
		here := strings.Replace(string(text), "[daemon]\n", fmt.Sprintf("[daemon]\nsts_endpoint = %q\niam_endpoint = %[1]q\n", ts.Getenv("AWS")), 1)
		ts.Check(os.WriteFile(file, []byte(here), 0o600))
	}

	ts.Check(os.MkdirAll(filepath.Join(ts.Getenv("HOME"), ".aws"), 0o700))
	var keys strings.Builder
	for _, account := range fakeaws.Example().Accounts {
		for _, user := range account.Users {
			for _, key := range user.Keys {
				fmt.Fprintf(&keys, "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", user.Name, key.ID, key.Secret)
			}
		}
	}
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("HOME"), ".aws", "credentials"), []byte(keys.String()), 0o600))
	ts.Setenv("AWS_ENDPOINT_URL", ts.Getenv("AWS"))
}

// proof asks the fake for a JWT, an assertion or a code, and writes it to a file:
// proof FILE jwt|saml JSON, proof FILE totp SERIAL.
func proof(ts *testscript.TestScript, _ bool, args []string) {
	at := ts.Getenv("AWS") + "/_fake/" + args[1]
	var answer *http.Response
	var err error
	if args[1] == "totp" {
		answer, err = http.Get(at + "?serial=" + url.QueryEscape(args[2]))
	} else {
		answer, err = http.Post(at, "application/json", strings.NewReader(args[2]))
	}
	ts.Check(err)
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	ts.Check(err)
	if answer.StatusCode != http.StatusOK {
		ts.Fatalf("proof: %s %s", answer.Status, text)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o600))
}

// asRoot is a section of a README for a whole machine: conformance/systemd types it.
var asRoot = regexp.MustCompile(`(?ms)^## (?:[^\n]*\n\nAs root, on Linux\.|As root, on Linux\n).*?(?:^## |\z)`)

// What a README tells people to type is what the script types.
func TestFlowsAreTheExamples(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(examples, "*", "README.md"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("the examples: got %v, %v", folders, err)
	}
	for _, readme := range folders {
		name := filepath.Base(filepath.Dir(readme))
		text, err := os.ReadFile(readme)
		if err != nil {
			t.Fatal(err)
		}
		script, err := os.ReadFile(filepath.Join("testdata/flows", name+".txtar"))
		if err != nil {
			t.Errorf("%s: no script lives it through: %v", name, err)
			continue
		}
		for _, found := range regexp.MustCompile(`(?m)^ +(vendord .*?)(?:  +#.*| ….*)?$`).FindAllStringSubmatch(asRoot.ReplaceAllString(string(text), ""), -1) {
			if !strings.Contains(string(script), "exec "+found[1]) {
				t.Errorf("%s: its script does not run %q, as its README says", name, found[1])
			}
		}
	}
}
