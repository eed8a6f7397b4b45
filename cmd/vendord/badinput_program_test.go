package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"

	"github.com/vendord/vendord/control"
)

// chain is the SDK's default chain, of one program at a time: it is told by the
// environment, of which a process has one.
type chain struct{ mu sync.Mutex }

// program is somebody else's program: what it gets, and what it says to its user
// if that is nothing.
func (c *chain) program(s *inputStage, app string) (keyID string, err error) {
	c.mu.Lock()
	os.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", s.url)
	os.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", s.tokens[app])
	cfg, err := config.LoadDefaultConfig(s.Context(), config.WithRegion("eu-west-1"),
		config.WithEndpointCredentialOptions(func(o *endpointcreds.Options) { // as by default, without the seconds between two tries
			o.Retryer = retry.NewStandard(func(o *retry.StandardOptions) { o.MaxBackoff = 50 * time.Millisecond })
		}))
	c.mu.Unlock()
	if err != nil {
		s.Fatalf("LoadDefaultConfig: %v", err)
	}
	ctx, cancel := context.WithTimeout(s.Context(), 60*time.Second)
	defer cancel()
	got, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		fmt.Fprintln(s.said, err)
		return "", err
	}
	s.handed(app, got.AccessKeyID)
	return got.AccessKeyID, nil
}

// patiently is a program that is started again where a busy machine took longer
// than it is kept waiting.
func (c *chain) patiently(s *inputStage, app string) (keyID string, err error) {
	for range 50 {
		if keyID, err = c.program(s, app); err == nil || !strings.Contains(err.Error(), stillAsking) {
			break
		}
	}
	return keyID, err
}

const stillAsking = ": still asking AWS"

// answer is what the endpoint says once AWS, or what is in its place, has
// answered.
func (s *inputStage) answer(app string) (status int, d answerDocument) {
	for range 50 {
		if status, d = s.get(app); s.row.hangs || !strings.Contains(d.Message, stillAsking) {
			break
		}
	}
	return status, d
}

// handed notes what a program was given, and sees that AWS gave it for that.
func (s *inputStage) handed(app, keyID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	want := s.row.gives()
	if app == "fine-app" {
		want = "AssumeRole"
	} else {
		s.vended = append(s.vended, keyID)
	}
	if s.issued[keyID] != want {
		s.Errorf("%s: was handed %s, which AWS gave for %q, want what it gave for %s", app, keyID, s.issued[keyID], want)
	}
}

// get asks the endpoint itself.
func (s *inputStage) get(app string) (status int, d answerDocument) {
	r, err := http.NewRequestWithContext(s.Context(), http.MethodGet, s.url, nil)
	if err != nil {
		s.Error(err)
		return 0, d
	}
	r.Header.Set("Authorization", s.tokens[app])
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		if s.Context().Err() == nil {
			s.Errorf("GET of %s: %v", app, err)
		}
		return 0, d
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if err := json.Unmarshal(body, &d); err != nil {
		s.Errorf("GET of %s: %v in %d bytes", app, err, len(body))
	}
	if response.StatusCode == http.StatusOK {
		s.handed(app, d.AccessKeyID)
	} else {
		fmt.Fprintln(s.said, response.Status, response.Header, string(body))
	}
	return response.StatusCode, d
}

// watch has the unrelated program ask until the function that it returns is
// called, and fails where it does not get its credentials.
func (s *inputStage) watch() (done func()) {
	s.answer("fine-app")
	stop, asked := make(chan struct{}), 0
	var asking sync.WaitGroup
	asking.Go(func() {
		for pace := time.NewTicker(20 * time.Millisecond); ; {
			if status, d := s.get("fine-app"); status != http.StatusOK && s.Context().Err() == nil {
				s.Errorf("the unrelated profile: got HTTP %d %s %q, want 200", status, d.Code, d.Message)
			}
			asked++
			select {
			case <-pace.C:
			case <-stop:
				pace.Stop()
				return
			}
		}
	})
	done = sync.OnceFunc(func() {
		close(stop)
		asking.Wait()
		if asked == 0 {
			s.Error("the unrelated profile: never asked for")
		}
	})
	s.Cleanup(done)
	return done
}

// session returns the row of status for the bad profile, and how many attempts
// were made for it and for what signs for it.
func (s *inputStage) session() (found control.SessionRow, attempts int) {
	status, err := s.client.Status(s.Context())
	if err != nil {
		s.Fatalf("Status: %v", err)
	}
	text, _ := json.Marshal(status)
	fmt.Fprintln(s.said, string(text))
	for _, r := range status.Sessions {
		if !slices.Contains(r.Profiles, "bad") {
			continue
		}
		attempts += r.Mints + r.Failures
		if r.Parent == "" {
			found = r
		}
	}
	return found, attempts
}

// reload is vendord reload, which must succeed.
func (s *inputStage) reload() {
	if _, err := s.client.Reload(s.Context()); err != nil {
		s.Errorf("Reload: %v", err)
	}
}

// told keeps what a command said.
func (s *inputStage) told(err error) error {
	if err != nil {
		fmt.Fprintln(s.said, err, hintOf(err))
	}
	return err
}
