package login_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/aws-sdk-go-v2/service/sso"

	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/session"
)

// place is a fake AWS whose clock, and ours, a test moves.
type place struct {
	*fakeaws.Fake
	url  string
	late time.Duration
	s    session.SignIn
}

func newPlace(t *testing.T, mode fakeaws.SignInMode) (*place, *login.Logins, string) {
	t.Helper()
	p := &place{}
	now := func() time.Time { return time.Now().Add(p.late) }
	var err error
	state := fakeaws.Example()
	state.IdentityCenters[0].PollInterval = 1
	if p.Fake, err = fakeaws.New(fakeaws.Config{State: state, Now: now, SignIn: mode}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(p.Fake)
	t.Cleanup(server.Close)
	p.url = server.URL
	p.s = session.SignIn{Session: "corp", StartURL: "https://example.awsapps.com/start", Region: "eu-west-1", Endpoint: p.url, Share: true}
	home := t.TempDir()
	l, _ := newLogins(t, nil, login.Config{Dir: filepath.Join(home, "state"), Home: home, Now: now, HTTP: server.Client()})
	return p, l, home
}

// browse opens the page of a login and returns what the callback is sent.
func browse(t *testing.T, page string) (code, state string) {
	t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	at, err := url.Parse(answer.Header.Get("Location"))
	if err != nil || at.Host != "127.0.0.1:41234" {
		t.Fatalf("sign-in page: got %d, redirect %q", answer.StatusCode, answer.Header.Get("Location"))
	}
	return at.Query().Get("code"), at.Query().Get("state")
}

// role asks the portal as the Go SDK does, with the file that we share.
func (p *place) role(t *testing.T, home string) error {
	t.Helper()
	portal := sso.New(sso.Options{Region: "eu-west-1", BaseEndpoint: &p.url, Retryer: aws.NopRetryer{}})
	_, err := ssocreds.New(portal, "629470240201", "ReadOnly", p.s.StartURL, func(o *ssocreds.Options) { o.CachedTokenFilepath = cliFile(home, "corp") }).Retrieve(t.Context())
	return err
}

func TestAgainstFakeAWS(t *testing.T) {
	p, l, home := newPlace(t, fakeaws.ApproveSignIn)
	begun := start(t, l, p.s, inBrowser)
	code, state := browse(t, begun.URL)
	if err := l.Finish(t.Context(), begun.ID, code, state); err != nil {
		t.Fatalf("Finish: %v", err)
	}
	first, _, err := l.Token(t.Context(), p.s)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.role(t, home); err != nil {
		t.Errorf("the SDK's provider with our file: %v", err)
	}
	p.late = time.Hour
	second, _, err := l.Token(t.Context(), p.s)
	if err != nil || second == first {
		t.Errorf("Token after an hour: got the same, %v, want a renewed one", err)
	}
	if err := p.role(t, home); err != nil {
		t.Errorf("the SDK's provider with the renewed file: %v", err)
	}
	t.Run("the sign-in session ends", func(t *testing.T) {
		p.late = 9 * time.Hour
		wantNeedsLogin(t, l, p.s, "its login has expired")
	})
	t.Run("a second login, and out", func(t *testing.T) {
		begun := start(t, l, p.s, inBrowser)
		code, state := browse(t, begun.URL)
		if err := l.Finish(t.Context(), begun.ID, code, state); err != nil {
			t.Fatalf("Finish: %v", err)
		}
		token, _, err := l.Token(t.Context(), p.s)
		if err != nil {
			t.Fatal(err)
		}
		if was, err := l.Logout(t.Context(), p.s); !was || err != nil {
			t.Errorf("Logout: got %v, %v", was, err)
		}
		portal := sso.New(sso.Options{Region: "eu-west-1", BaseEndpoint: &p.url, Retryer: aws.NopRetryer{}})
		if _, err := portal.ListAccounts(t.Context(), &sso.ListAccountsInput{AccessToken: &token}); err == nil {
			t.Error("the portal takes the token of a login that was ended")
		}
	})
}

func TestDeviceAgainstFakeAWS(t *testing.T) {
	t.Parallel()
	p, l, home := newPlace(t, fakeaws.ApproveSignIn)
	begun := start(t, l, p.s, onDevice)
	if answer, err := http.Get(begun.URL); err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("the page of the login: got %v, %v", answer, err)
	} else {
		answer.Body.Close()
	}
	if err := l.Wait(t.Context(), begun.ID); err != nil {
		t.Fatalf("Wait: %v", err)
	}
	if err := p.role(t, home); err != nil {
		t.Errorf("the SDK's provider with our file: %v", err)
	}
}

func TestDeniedByFakeAWS(t *testing.T) {
	t.Parallel()
	p, l, _ := newPlace(t, fakeaws.RefuseSignIn)
	begun := start(t, l, p.s, onDevice)
	if answer, err := http.Get(begun.URL); err == nil {
		answer.Body.Close()
	}
	wantError(t, "Wait", l.Wait(t.Context(), begun.ID), session.Person, "login: it was refused in the browser", "run vendord login once more, with the same name")
}
