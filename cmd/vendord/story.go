package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/endpointcreds"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

func nothing(session.Request) bool { return false }

// story plays the demo: each step says what was asked, what came back and why,
// and counts as failed if it went another way.
type story struct {
	*stage
	out    io.Writer
	failed int
}

func (s *story) tell(ctx context.Context) (failed int) {
	fmt.Fprintf(s.out, "%s.\nIt listens on %s; vendord is asked at %s.\n", fakeaws.Banner, s.awsURL, s.daemon.url)
	s.ownKeys(ctx)
	s.upload(ctx)
	s.readOnly(ctx)
	s.administrator(ctx)
	s.placeholder()
	s.anHourLater(ctx)
	return s.failed
}

func (s *story) chapter(title string) { fmt.Fprintf(s.out, "\n%s\n", title) }

// step prints one step and checks that it went as the story has it: want is
// "" for success, or a part of the error's text.
func (s *story) step(asked string, got string, err error, want, why string) {
	came, ok := got, err == nil
	if err != nil {
		came, ok = err.Error(), want != "" && strings.Contains(err.Error(), want)
	} else if want != "" {
		ok = false
	}
	mark := "✓"
	if !ok {
		s.failed++
		mark = "✗"
		why = "expected " + map[bool]string{true: "success", false: "an error with " + want}[want == ""]
	}
	fmt.Fprintf(s.out, "  %s asked:     %s\n    came back: %s\n    why:       %s\n", mark, asked, came, why)
}

// keys returns the names of objects, as one line.
func keys(objects []fakeaws.Object) string {
	var names []string
	for _, o := range objects {
		names = append(names, o.Key)
	}
	return strings.Join(names, ", ")
}

// s3 is a client of the fake S3 with credentials of john's or vendord's.
func (s *story) s3(provider aws.CredentialsProvider) *fakeaws.Client {
	return fakeaws.NewClient(s.awsURL, "eu-west-1", provider)
}

// program is what a program of the app finds: the AWS SDK's own provider for
// the container endpoint, with a token.
func (s *story) program(ctx context.Context, app string) (aws.CredentialsProvider, error) {
	token, spec := newToken(control.TokenSpec{App: app, TTL: 4 * time.Hour})
	issued, err := s.client.Issue(ctx, spec)
	if err != nil {
		return nil, err
	}
	return endpointcreds.New(issued.URL, func(o *endpointcreds.Options) { o.AuthorizationToken = token }), nil
}

func (s *story) ownKeys(ctx context.Context) {
	s.chapter("1. John's own keys. His policy lets him list and read company1-hr, not upload.")
	key := exampleKey()
	john := s.s3(credentials.NewStaticCredentialsProvider(key.ID, key.Secret, ""))
	names, err := john.List(ctx, "company1-hr", "")
	s.step("john lists s3://company1-hr", keys(names), err, "", "his own policy allows s3:ListBucket")
	err = john.Put(ctx, "company1-hr", "john.txt", []byte("by john"))
	s.step("john uploads john.txt", "uploaded", err, "AccessDenied", "nothing of his allows s3:PutObject; the role JohnUploadRole would")
}

func (s *story) upload(ctx context.Context) {
	s.chapter("2. The app \"uploader\", through profile company1-hr-upload: the role JohnUploadRole.")
	provider, err := s.program(ctx, "uploader")
	if err != nil {
		s.step("a token for the app", "", err, "", "")
		return
	}
	who, err := s.whoami(ctx, "company1-hr-upload")
	s.step("vendord whoami company1-hr-upload", who, err, "", "vendord assumed the role with john's keys; the program never sees those")
	s3 := s.s3(provider)
	err = s3.Put(ctx, "company1-hr", "uploaded.txt", []byte("by the uploader"))
	s.step("the program uploads uploaded.txt; its SDK asks vendord for credentials", "uploaded", err, "", "the role's policy SessionPolicy-UploadFile allows s3:PutObject")
	names, err := s3.List(ctx, "company1-hr", "uploaded")
	s.step("it lists what starts with \"uploaded\"", keys(names), err, "", "the upload is there")
}

func (s *story) readOnly(ctx context.Context) {
	s.chapter("3. The app \"agent\", through company1-hr-readonly: the same role with a session policy.")
	provider, err := s.program(ctx, "agent")
	if err != nil {
		s.step("a token for the app", "", err, "", "")
		return
	}
	s3 := s.s3(provider)
	names, err := s3.List(ctx, "company1-hr", "uploaded")
	s.step("the agent lists what starts with \"uploaded\"", keys(names), err, "", "its session policy lets s3:ListBucket through")
	err = s3.Put(ctx, "company1-hr", "agent.txt", []byte("by the agent"))
	s.step("the agent uploads agent.txt", "uploaded", err, "no session policy allows the s3:PutObject action", "the role allows it, the session policy does not let it through")
	_, err = s.fetch(ctx, "vnd_somebodyelses")
	s.step("it asks vendord with a made-up token", "credentials", err, "token", "a token is needed, and nothing falls back")
}

func (s *story) administrator(ctx context.Context) {
	s.chapter("4. The app \"security\": an administrator's role, held to one bucket by [[statement]].")
	provider, err := s.program(ctx, "security")
	if err != nil {
		s.step("a token for the app", "", err, "", "")
		return
	}
	s3 := s.s3(provider)
	names, err := s3.List(ctx, "NewHireOrientation", "")
	s.step("it lists s3://NewHireOrientation", keys(names), err, "", "SecurityAdminAccess may do everything, and this is let through")
	_, err = s3.List(ctx, "payroll", "")
	s.step("it lists s3://payroll", "a list", err, "no session policy allows the s3:ListBucket action", "the session policy names one bucket; being an administrator does not help")
}

// placeholder shows what happens to a policy that was pasted from a lesson and
// not edited.
func (s *story) placeholder() {
	s.chapter("5. A policy pasted from a lesson, with YOUR_BUCKET_NAME still in it.")
	text := strings.ReplaceAll(demoConfig, "company1-hr/*", "YOUR_BUCKET_NAME/*")
	path, err := s.write("pasted.toml", strings.ReplaceAll(text, "{{sts}}", s.awsURL))
	if err == nil {
		_, err = profiles.Load(profiles.Options{Path: path, UID: s.daemon.options.config.UID, Home: s.dir})
	}
	s.step("vendord check --config pasted.toml", "ok", err, "YOUR_BUCKET_NAME", "found before AWS, and before a program, meets it")
}

// anHourLater moves the clock on in steps, a program asking at each.
func (s *story) anHourLater(ctx context.Context) {
	s.chapter("6. An hour goes by (the demo's clock is moved on, five minutes at a time), the uploader at work.")
	provider, err := s.program(ctx, "uploader")
	if err != nil {
		s.step("a token for the app", "", err, "", "")
		return
	}
	s3, seen := s.s3(provider), map[string]bool{}
	least := 2 * time.Hour
	for range 13 {
		var c aws.Credentials
		if c, err = provider.Retrieve(ctx); err != nil {
			break
		}
		seen[c.AccessKeyID] = true
		least = min(least, c.Expires.Sub(s.clock.Now()))
		if _, err = s3.List(ctx, "company1-hr", ""); err != nil {
			break
		}
		s.clock.advance(5 * time.Minute)
		s.settle(ctx)
	}
	if err == nil && (len(seen) < 2 || least < 25*time.Minute) {
		err = errors.New("the session was not renewed in time")
	}
	s.step("65 minutes of requests, every five minutes",
		fmt.Sprintf("all answered; %d sessions, one after the other; none handed out with less than %d min to live", len(seen), int(least.Minutes())),
		err, "", "a session is renewed behind the program's back when half its life is over")
}

// settle waits, for a second at most, until no session is being renewed: the
// clock jumps, the network does not.
func (s *story) settle(ctx context.Context) {
	for range 100 {
		busy := false
		for _, row := range s.daemon.cache.Status() {
			busy = busy || row.State == session.Renewing || row.State == session.Asking
		}
		if !busy || ctx.Err() != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (s *story) whoami(ctx context.Context, profile string) (string, error) {
	secret, spec := newToken(control.TokenSpec{App: profiles.CLI, Profile: profile, Warm: true})
	held, err := s.client.Hold(ctx, spec)
	if err != nil {
		return "", err
	}
	defer held.Close()
	c, err := s.fetch(ctx, secret)
	if err != nil {
		return "", err
	}
	caller, err := mint.WhoAmI(ctx, c, held.Region, held.STSEndpoint)
	return caller.ARN, err
}
