package login_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/session"
)

func TestBrowser(t *testing.T) {
	c := newCenter()
	l, _ := newLogins(t, c, login.Config{Dir: dir(t)})
	if token, known, err := l.Token(t.Context(), corp()); token != "" || known || err != nil {
		t.Errorf("Token before anybody signed in: got %q, %v, %v, want nothing known", token, known, err)
	}
	signIn(t, l, c, corp())
	wantToken(t, l, corp(), "CANARYaccess1")
	t.Run("the registration is used again", func(t *testing.T) {
		signIn(t, l, c, corp())
		wantToken(t, l, corp(), "CANARYaccess2")
		if n := c.count("client/register"); n != 1 {
			t.Errorf("registrations: got %d, want 1", n)
		}
	})
	t.Run("but not one that is about to end", func(t *testing.T) {
		c := newCenter()
		c.registered = 12 * time.Hour
		l, _ := newLogins(t, c, login.Config{})
		signIn(t, l, c, corp())
		signIn(t, l, c, corp())
		if n := c.count("client/register"); n != 2 {
			t.Errorf("registrations: got %d, want 2", n)
		}
	})
}

// TestForgedCallback: any program of this machine, and any page that knows the
// port, can call the command's address.
func TestForgedCallback(t *testing.T) {
	c := newCenter()
	l, _ := newLogins(t, c, login.Config{})
	p := start(t, l, corp(), inBrowser)
	code, state := c.browser(t, p.URL)
	for name, forged := range map[string]struct{ id, code, state string }{
		"no state":          {p.ID, "evil", ""},
		"another state":     {p.ID, "evil", strings.Repeat("A", 43)},
		"part of the state": {p.ID, "evil", state[:42]},
		"no code":           {p.ID, "", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			wantError(t, "Finish", l.Finish(t.Context(), forged.id, forged.code, forged.state), session.Person,
				"login: the answer is not for this one", "run vendord login once more, with the same name")
		})
	}
	wantError(t, "Finish of another login", l.Finish(t.Context(), "x", code, state), session.Person, "login: there is none of this id", "run vendord login once more, with the same name")
	if n := c.count("token authorization_code"); n != 0 {
		t.Errorf("codes that AWS was asked about: got %d, want none", n)
	}
	if err := l.Finish(t.Context(), p.ID, code, state); err != nil {
		t.Errorf("Finish by the person, after all that: %v", err)
	}
	wantError(t, "Finish again", l.Finish(t.Context(), p.ID, code, state), session.Person, "login: its code has been used", "run vendord login once more, with the same name")
	if n := c.count("token authorization_code"); n != 1 {
		t.Errorf("codes redeemed: got %d, want 1", n)
	}
}

// TestCodeIsUsedOnce: browsers ask twice, and so would who saw the code.
func TestCodeIsUsedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCenter()
		slow := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return c.RoundTrip(r)
		})}
		l, _ := newLogins(t, c, login.Config{HTTP: slow})
		p := start(t, l, corp(), inBrowser)
		code, state := c.browser(t, p.URL)
		first := make(chan error, 1)
		go func() { first <- l.Finish(t.Context(), p.ID, code, state) }()
		synctest.Wait()
		wantError(t, "Finish meanwhile", l.Finish(t.Context(), p.ID, code, state), session.Person, "login: its code has been used", "run vendord login once more, with the same name")
		l.Cancel(p.ID) // too late: the person is done
		if err := <-first; err != nil {
			t.Errorf("Finish: %v", err)
		}
		if n := c.count("token authorization_code"); n != 1 {
			t.Errorf("codes redeemed: got %d, want 1", n)
		}
	})
}

func TestRefusedInBrowser(t *testing.T) {
	c := newCenter()
	l, _ := newLogins(t, c, login.Config{})
	p := start(t, l, corp(), inBrowser)
	_, state := c.browser(t, p.URL)
	const public, hint = "login: it was refused in the browser", "run vendord login once more, with the same name"
	wantError(t, "Finish", l.Finish(t.Context(), p.ID, "", state), session.Person, public, hint)
	wantError(t, "Wait", l.Wait(t.Context(), p.ID), session.Person, public, hint)
	wantError(t, "Finish later", l.Finish(t.Context(), p.ID, "code", state), session.Person, public, hint)
}

// TestOnePending: whoever asks joins, so that a crowd opens one page.
func TestOnePending(t *testing.T) {
	c := newCenter()
	l, _ := newLogins(t, c, login.Config{})
	var group sync.WaitGroup
	all := make([]login.Pending, 100)
	for i := range all {
		group.Go(func() { all[i] = start(t, l, corp(), inBrowser) })
	}
	group.Wait()
	first := 0
	for _, p := range all {
		if p.ID != all[0].ID || p.URL != all[0].URL {
			t.Fatalf("Start: got a login of its own: %+v", p)
		}
		if !p.Joined {
			first++
		}
	}
	if first != 1 || c.count("client/register") != 1 {
		t.Errorf("Start: got %d that began it and %d registrations, want 1 of each", first, c.count("client/register"))
	}
	code, state := c.browser(t, all[0].URL)
	done := make(chan error, 3)
	for range 3 {
		go func() { done <- l.Wait(t.Context(), all[0].ID) }()
	}
	if err := l.Finish(t.Context(), all[0].ID, code, state); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := <-done; err != nil {
			t.Errorf("Wait: %v", err)
		}
	}
	if p := start(t, l, corp(), inBrowser); p.Joined || p.ID == all[0].ID {
		t.Error("Start after it ended: joined it")
	}
}

func TestPendingEnds(t *testing.T) {
	const hint = "run vendord login once more, with the same name"
	t.Run("by time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCenter()
			l, _ := newLogins(t, c, login.Config{})
			p := start(t, l, corp(), inBrowser)
			code, state := c.browser(t, p.URL)
			wantError(t, "Wait", l.Wait(t.Context(), p.ID), session.Person, "login: it was not finished in time", hint)
			wantError(t, "Finish", l.Finish(t.Context(), p.ID, code, state), session.Person, "login: it was not finished in time", hint)
			if again := start(t, l, corp(), inBrowser); again.Joined {
				t.Error("Start: joined a login that has ended")
			}
		})
	})
	t.Run("by time, while the machine slept", func(t *testing.T) {
		c := newCenter()
		var asleep time.Duration
		l, _ := newLogins(t, c, login.Config{Now: func() time.Time { return time.Now().Add(asleep) }})
		p := start(t, l, corp(), inBrowser)
		code, state := c.browser(t, p.URL)
		asleep = 11 * time.Minute
		wantError(t, "Finish", l.Finish(t.Context(), p.ID, code, state), session.Person, "login: it was not finished in time", hint)
	})
	t.Run("by its command", func(t *testing.T) {
		c := newCenter()
		l, _ := newLogins(t, c, login.Config{})
		p := start(t, l, corp(), inBrowser)
		l.Cancel(p.ID)
		l.Cancel("none")
		wantError(t, "Wait", l.Wait(t.Context(), p.ID), session.Person, "login: it was cancelled", hint)
	})
	t.Run("by a logout", func(t *testing.T) {
		c := newCenter()
		l, _ := newLogins(t, c, login.Config{})
		p := start(t, l, corp(), inBrowser)
		if _, err := l.Logout(t.Context(), corp()); err != nil {
			t.Fatal(err)
		}
		wantError(t, "Wait", l.Wait(t.Context(), p.ID), session.Person, "login: a logout ended it", hint)
	})
	t.Run("by too many", func(t *testing.T) {
		c := newCenter()
		l, _ := newLogins(t, c, login.Config{})
		first := start(t, l, corp(), inBrowser)
		for i := range 64 {
			s := corp()
			s.Session = fmt.Sprint("corp", i)
			start(t, l, s, inBrowser)
		}
		wantError(t, "Wait", l.Wait(t.Context(), first.ID), session.Person, "login: there is none of this id", hint)
	})
	t.Run("with vendord", func(t *testing.T) {
		c := newCenter()
		l, _ := newLogins(t, c, login.Config{})
		p := start(t, l, corp(), inBrowser)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		wantError(t, "Wait", l.Wait(t.Context(), p.ID), session.Person, "login: vendord is stopping", hint)
		_, err := l.Start(t.Context(), corp(), inBrowser)
		wantError(t, "Start", err, session.Person, "login: vendord is stopping", hint)
	})
}

func TestStartIsRefused(t *testing.T) {
	const reload = "correct ~/.aws/config or vendord.toml, then run: vendord reload"
	change := func(f func(*session.SignIn)) session.SignIn { s := corp(); f(&s); return s }
	for name, test := range map[string]struct {
		s            session.SignIn
		o            login.Options
		public, hint string
	}{
		"a start URL of another scheme": {change(func(s *session.SignIn) { s.StartURL = "file:///etc/passwd" }), inBrowser,
			`sso-session "corp": its sso_start_url "file:///etc/passwd" is not an https address`, reload},
		"a start URL without TLS": {change(func(s *session.SignIn) { s.StartURL = "http://corp.awsapps.com/start" }), inBrowser,
			`sso-session "corp": its sso_start_url "http://corp.awsapps.com/start" is not an https address`, reload},
		"a start URL with an escape": {change(func(s *session.SignIn) { s.Session, s.StartURL = "", "https://corp\x1b[2J/" }), inBrowser,
			`sign-in to https://corp\x1b[2J/: its sso_start_url "https://corp\\x1b[2J/" is not an https address`, reload},
		"a region that is a host": {change(func(s *session.SignIn) { s.Region = "evil.com/#" }), inBrowser,
			`sso-session "corp": its sso_region "evil.com/#" is none`, reload},
		"an endpoint elsewhere": {change(func(s *session.SignIn) { s.Endpoint = "http://10.0.0.1" }), inBrowser,
			`sso-session "corp": its sso_endpoint "http://10.0.0.1" is neither https nor on this machine`, reload},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCenter()
			l, _ := newLogins(t, c, login.Config{})
			_, err := l.Start(t.Context(), test.s, test.o)
			wantError(t, "Start", err, session.Configuration, test.public, test.hint)
			if len(c.calls) != 0 {
				t.Errorf("AWS was asked: %v", c.calls)
			}
		})
	}
}

// TestAWSRefuses: what the OIDC service may say to a login.
func TestAWSRefuses(t *testing.T) {
	const corp_ = `sso-session "corp": `
	for code, test := range map[string]struct {
		class        session.Class
		public, hint string
	}{
		"InvalidGrantException":         {session.Person, "its login has expired", "run: vendord login corp"},
		"UnauthorizedClientException":   {session.Person, "AWS does not know vendord's registration any more", "run: vendord login corp"},
		"AccessDeniedException":         {session.Person, "AWS refuses the login", "run: vendord login corp"},
		"InvalidRequestRegionException": {session.Configuration, "AWS has it in another region", "correct sso_region, then run: vendord reload"},
		"InvalidScopeException":         {session.Configuration, "AWS does not know one of its scopes", "correct sso_registration_scopes, then run: vendord reload"},
		"InvalidRedirectUriException":   {session.Configuration, "AWS refuses this way to sign in", "run: vendord login --device"},
		"InvalidRequestException":       {session.Configuration, "AWS refuses the request", "correct sso_start_url and sso_region, then run: vendord reload"},
		"SlowDownException":             {session.Retry, "AWS asks for fewer requests", ""},
		"SomethingNew":                  {session.Retry, "AWS has trouble of its own: HTTP 400", ""},
	} {
		t.Run(code, func(t *testing.T) {
			c := newCenter()
			c.fail = func(_ string, w http.ResponseWriter) bool { refuse(w, code); return true }
			l, _ := newLogins(t, c, login.Config{})
			_, err := l.Start(t.Context(), corp(), inBrowser)
			wantError(t, "Start", err, test.class, corp_+test.public, test.hint)
		})
	}
}
