package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// An inputStage is a daemon with two profiles, one whose source, role or policy
// goes bad, and one that has nothing to do with it. Each has an AWS of its own
// behind the one address, so that a bad day of the one is none of the other's.
type inputStage struct {
	*testing.T
	row    badInput
	dir    string
	clock  *demoClock
	bad    atomic.Pointer[fakeaws.Fake]
	fine   *fakeaws.Fake
	awsURL string
	daemon *daemon
	client *control.Client
	birds  *aviary

	log, record *safeBuffer
	said        *safeBuffer       // everything that a program or a person was told
	tokens      map[string]string // by app
	url         string
	typed       string // the last MFA code

	mu     sync.Mutex
	issued map[string]string // action by key id, of all that AWS gave out
	vended []string          // key ids that the app "bad" was handed
	entry  func() (string, error)
}

// The roles and what proves to AWS that somebody may have them. Bad is John's;
// what changes about it concerns nobody else.
const (
	badRole      = "arn:aws:iam::629470240201:role/Bad"
	auditRole    = "arn:aws:iam::629470240201:role/JohnAuditRole"
	ciRole       = "arn:aws:iam::444455556666:role/Ci"
	samlRole     = "arn:aws:iam::444455556666:role/EC2Admin"
	samlProvider = "arn:aws:iam::444455556666:saml-provider/ADFS"
	johnTrust    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::629470240201:user/john"},` +
		`"Action":["sts:AssumeRole","sts:TagSession"]}]}`
)

// badWorld is signInWorld with the role Bad, and a second key of John's that is
// only used for it.
func badWorld(change func(*fakeaws.State)) fakeaws.State {
	s := signInWorld()
	company := &s.Accounts[0]
	company.Roles[0].MaxSessionDuration = 12 * 3600 // of the unrelated profile, which is not to end in the middle of a play
	company.Users[0].Keys = append(company.Users[0].Keys, secondKey)
	company.Roles = append(company.Roles, fakeaws.Role{Name: "Bad", Trust: johnTrust, MaxSessionDuration: 7200,
		PolicyARNs: []string{"arn:aws:iam::629470240201:policy/SessionPolicy-UploadFile"}})
	change(&s)
	return s
}

func asItIs(*fakeaws.State) {}

// theRole changes the role Bad.
func theRole(change func(*fakeaws.Role)) func(*fakeaws.State) {
	return func(s *fakeaws.State) { change(&s.Accounts[0].Roles[len(s.Accounts[0].Roles)-1]) }
}

// become puts another AWS behind the bad profile.
func (s *inputStage) become(change func(*fakeaws.State)) {
	fake, err := fakeaws.New(fakeaws.Config{State: badWorld(change), Now: s.clock.Now})
	if err != nil {
		s.Errorf("fakeaws: %v", err)
		return
	}
	s.bad.Store(fake)
}

// secretsIn finds the secrets in the answers of STS and of Identity Center.
var secretsIn = regexp.MustCompile(`(?:<(?:SecretAccessKey|SessionToken)>|"(?:secretAccessKey|sessionToken|accessToken|refreshToken|clientSecret|deviceCode)":")([^<"]+)`)

// keysIn finds the key ids there.
var keysIn = regexp.MustCompile(`(?:<AccessKeyId>|"accessKeyId":")(\w+)`)

// ServeHTTP is AWS. It notes all that it gives out before anybody has it.
func (s *inputStage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	aws := s.bad.Load()
	if strings.HasSuffix(form.Get("RoleArn"), "role/JohnUploadRole") {
		aws = s.fine
	}
	answer := httptest.NewRecorder()
	aws.ServeHTTP(answer, r)
	s.note(cmp.Or(form.Get("Action"), r.URL.Path), answer.Body.String())
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

func (s *inputStage) note(action, answer string) {
	for _, found := range secretsIn.FindAllStringSubmatch(answer, -1) {
		s.birds.plant("AWS's answer to "+action, found[1])
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, found := range keysIn.FindAllStringSubmatch(answer, -1) {
		s.issued[found[1]] = action
	}
}

// setInputStage starts everything, with nothing wrong yet.
func setInputStage(t *testing.T, row badInput) *inputStage {
	dir, err := os.MkdirTemp("", "bad-") // short: messages name it, and are cut
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &inputStage{T: t, row: row, dir: dir, clock: &demoClock{}, birds: &aviary{}, log: &safeBuffer{}, record: &safeBuffer{},
		said: &safeBuffer{}, tokens: map[string]string{}, issued: map[string]string{}}
	s.entry = func() (string, error) {
		return `{"AccessKeyId":"` + secondKey.ID + `","SecretAccessKey":"` + secondKey.Secret + `"}`, nil
	}
	s.become(asItIs)
	s.fine = s.bad.Load()
	s.become(asItIs)
	web := httptest.NewServer(s)
	t.Cleanup(func() { web.CloseClientConnections(); web.Close() })
	s.awsURL = web.URL
	s.birds.plant("john's key", exampleKey().Secret)
	s.birds.plant("the key of the bad source", secondKey.Secret)
	s.files()
	s.daemon, err = newDaemon(daemonOptions{
		config: profiles.Options{Path: filepath.Join(dir, "vendord.toml"), UID: os.Getuid(), Home: dir},
		state:  filepath.Join(dir, "state"), user: "tester", audit: s.record, now: s.clock.Now, environ: []string{"PATH=" + os.Getenv("PATH"), "DIR=" + dir},
		log: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.daemon.Close() })
	if row.keyring {
		s.useKeyring()
	}
	s.start()
	return s
}

// files writes the configuration, and what the row needs beside it.
func (s *inputStage) files() {
	s.write("vendord.toml", s.config(s.row.source, s.row.profile))
	s.write("aws-config", "[profile john]\nregion = eu-west-1\n[profile bad]\nregion = eu-west-1\n")
	s.write("aws-credentials", credentialsOf("john", exampleKey())+credentialsOf("bad", secondKey))
	if s.row.setup != nil {
		s.row.setup(s)
	}
}

func credentialsOf(profile string, key fakeaws.AccessKey) string {
	return fmt.Sprintf("[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", profile, key.ID, key.Secret)
}

// theUser is a source with the key that is only used for the bad profile.
const theUser = "profile = \"bad\"\nconfig_file = \"aws-config\"\ncredentials_file = \"aws-credentials\""

// config is vendord.toml with a bad source and a bad profile.
func (s *inputStage) config(source, profile string) string {
	if !strings.Contains(profile, "operation") && !strings.Contains(profile, "role_arn") {
		profile += "\nrole_arn = \"" + badRole + "\""
	}
	return strings.NewReplacer("AWS", s.awsURL, "DIR", s.dir).Replace(`[daemon]
region = "eu-west-1"
sts_endpoint = "AWS"
sso_endpoint = "AWS"
preview = ["scoped-credentials"]
[sources.fine]
profile = "john"
config_file = "aws-config"
credentials_file = "aws-credentials"
[profiles.fine]
source = "fine"
duration = "12h"
role_arn = "arn:aws:iam::629470240201:role/JohnUploadRole"
[apps.fine-app]
profiles = ["fine"]
[sources.bad]
`) + strings.ReplaceAll(cmp.Or(source, theUser), "DIR", s.dir) + "\n[profiles.bad]\nsource = \"bad\"\n" + profile + "\n[apps.bad-app]\nprofiles = [\"bad\"]\n"
}

// write replaces a file of the stage in one go, as careful programs do.
func (s *inputStage) write(name, text string) {
	path := filepath.Join(s.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		s.Error(err)
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		s.Error(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		s.Error(err)
	}
}

// secret plants a secret and returns it.
func (s *inputStage) secret(name, text string) string { return s.birds.plant(name, text) }

// useKeyring puts the stage's entry in the place of the operating system's
// keyring, which tests leave alone.
func (s *inputStage) useKeyring() {
	d := s.daemon
	minter, err := mint.New(mint.Config{Parent: d.parent, Own: d.own, Home: s.dir, Log: d.options.log, Now: s.clock.Now,
		SignedIn: d.logins.Token, Code: d.logins.Code,
		Keyring: func(_ context.Context, name string) (string, error) {
			if name != "source/bad" {
				return "", &session.Error{Class: session.Retry, Public: "keyring entry " + name + ": nobody asks for it"}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.entry()
		}})
	if err != nil {
		s.Fatal(err)
	}
	d.minter, d.gate.mint = minter, minter
}

// start runs the daemon and gives each app a token.
func (s *inputStage) start() {
	ctx := s.Context()
	s.client = running(s.T, s.daemon, s.dir)
	for _, app := range []string{"fine-app", "bad-app"} {
		token, spec := newToken(control.TokenSpec{App: app, TTL: 30 * 24 * time.Hour})
		issued, err := s.client.Issue(ctx, spec)
		if err != nil {
			s.Fatal(err)
		}
		s.tokens[app], s.url = s.secret("the token of "+app, token), issued.URL
	}
}
