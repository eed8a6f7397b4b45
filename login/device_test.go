package login_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/session"
)

var onDevice = login.Options{}

const deviceCall = "token urn:ietf:params:oauth:grant-type:device_code"

func TestDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCenter()
		l, _ := newLogins(t, c, login.Config{})
		p := start(t, l, corp(), onDevice)
		if p.URL != "https://device.sso.eu-west-1.amazonaws.com/?user_code=ABCD-EFGH" || p.UserCode != "ABCD-EFGH" || p.Method != login.Device || p.Joined {
			t.Errorf("Start: got %+v", p)
		}
		time.AfterFunc(30*time.Second, func() { c.set(func() { c.approved = true }) })
		if err := l.Wait(t.Context(), p.ID); err != nil {
			t.Fatalf("Wait: %v", err)
		}
		if n := c.count(deviceCall); n < 29 || n > 32 {
			t.Errorf("questions in 30 seconds, at one a second: got %d", n)
		}
		wantToken(t, l, corp(), "CANARYaccess1")
		wantError(t, "Finish of a device's login", l.Finish(t.Context(), p.ID, "code", ""), session.Person, "login: the answer is not for this one", "run vendord login once more, with the same name")
	})
}

func TestDeviceSlowsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCenter()
		c.fail = func(call string, w http.ResponseWriter) bool {
			if call == deviceCall {
				refuse(w, "SlowDownException")
			}
			return call == deviceCall
		}
		l, _ := newLogins(t, c, login.Config{})
		p := start(t, l, corp(), onDevice)
		wantError(t, "Wait", l.Wait(t.Context(), p.ID), session.Person, "login: it was not finished in time", "run vendord login once more, with the same name")
		// 1+6+11+…+56 seconds, then one a minute until ten have passed.
		if n := c.count(deviceCall); n < 15 || n > 18 {
			t.Errorf("questions: got %d, want about 16", n)
		}
	})
}

func TestDeviceEnds(t *testing.T) {
	for code, test := range map[string]struct {
		class        session.Class
		public, hint string
	}{
		"ExpiredTokenException":   {session.Person, "login: it was not finished in time", "run vendord login once more, with the same name"},
		"AccessDeniedException":   {session.Person, "login: it was refused in the browser", "run vendord login once more, with the same name"},
		"InvalidGrantException":   {session.Person, `sso-session "corp": its login has expired`, "run: vendord login corp"},
		"InvalidRequestException": {session.Configuration, `sso-session "corp": AWS refuses the request`, "correct sso_start_url and sso_region, then run: vendord reload"},
	} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCenter()
				c.fail = func(call string, w http.ResponseWriter) bool {
					if call == deviceCall {
						refuse(w, code)
					}
					return call == deviceCall
				}
				l, _ := newLogins(t, c, login.Config{})
				p := start(t, l, corp(), onDevice)
				wantError(t, "Wait", l.Wait(t.Context(), p.ID), test.class, test.public, test.hint)
			})
		})
	}
}

// TestDeviceOutlivesTrouble: the person is typing while AWS has a bad minute.
func TestDeviceOutlivesTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCenter()
		c.approved = true
		began := time.Now()
		c.fail = func(call string, w http.ResponseWriter) bool {
			if call != deviceCall || time.Since(began) > time.Minute {
				return false
			}
			w.WriteHeader(http.StatusServiceUnavailable)
			return true
		}
		l, _ := newLogins(t, c, login.Config{})
		p := start(t, l, corp(), onDevice)
		if err := l.Wait(t.Context(), p.ID); err != nil {
			t.Errorf("Wait: %v", err)
		}
	})
}

// TestHostileAnswers: whoever answers in AWS's place gets no address opened, no
// control character printed, and no memory.
func TestHostileAnswers(t *testing.T) {
	const ok = `"deviceCode":"d","userCode":"ABCD-EFGH","expiresIn":600`
	device, register := "device_authorization", "client/register"
	const noAddress, noClient = "AWS answered with no address and code to sign in with", "AWS answered with no registration"
	for name, test := range map[string]struct{ call, body, public string }{
		"a program's scheme":        {device, `{` + ok + `,"verificationUri":"vscode://evil"}`, noAddress},
		"a file":                    {device, `{` + ok + `,"verificationUri":"file:///bin/sh"}`, noAddress},
		"a page without TLS":        {device, `{` + ok + `,"verificationUri":"http://evil.example/"}`, noAddress},
		"an option for the browser": {device, `{` + ok + `,"verificationUri":"--evil"}`, noAddress},
		"an escape in the address":  {device, `{` + ok + `,"verificationUri":"https://a/\u001b[2J"}`, noAddress},
		"a user and host":           {device, `{` + ok + `,"verificationUri":"https://aws.amazon.com@evil.example/"}`, noAddress},
		"a shell's character":       {device, `{` + ok + `,"verificationUri":"https://a/\"|calc"}`, noAddress},
		"an escape in the code":     {device, `{"deviceCode":"d","userCode":"\u001b[2J","expiresIn":600,"verificationUri":"https://a/"}`, noAddress},
		"no time":                   {device, `{"deviceCode":"d","userCode":"ABCD","verificationUri":"https://a/"}`, noAddress},
		"nothing":                   {device, `{}`, noAddress},
		"no client":                 {register, `{}`, noClient},
		"a client that has expired": {register, `{"clientId":"c","clientSecret":"s","clientSecretExpiresAt":1}`, noClient},
		"a client for ever":         {register, `{"clientId":"c","clientSecret":"s","clientSecretExpiresAt":9223372036854775807}`, noClient},
		"a header in its id":        {register, `{"clientId":"c\r\nx: y","clientSecret":"s","clientSecretExpiresAt":99999999999}`, noClient},
		"a page":                    {register, `<html>CANARY</html>`, "the answer is not one of AWS's OIDC service"},
		"a flood":                   {register, `{"clientId":"` + strings.Repeat("A", 300<<10) + `"}`, "the answer is too long to be AWS's"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCenter()
			c.fail = func(call string, w http.ResponseWriter) bool {
				if call == test.call {
					_, _ = w.Write([]byte(test.body))
				}
				return call == test.call
			}
			l, _ := newLogins(t, c, login.Config{})
			_, err := l.Start(t.Context(), corp(), onDevice)
			wantError(t, "Start", err, session.Retry, `sso-session "corp": `+test.public, "")
		})
	}
	for name, body := range map[string]string{
		"no token":          `{"expiresIn":60}`,
		"no life":           `{"accessToken":"CANARY"}`,
		"a negative life":   `{"accessToken":"CANARY","expiresIn":-1}`,
		"a header in it":    `{"accessToken":"CANARY\r\nx: y","expiresIn":60}`,
		"a token of a book": `{"accessToken":"` + strings.Repeat("A", 20<<10) + `","expiresIn":60}`,
	} {
		t.Run(name, func(t *testing.T) {
			c := newCenter()
			l, _ := newLogins(t, c, login.Config{})
			p := start(t, l, corp(), inBrowser)
			code, state := c.browser(t, p.URL)
			c.fail = func(_ string, w http.ResponseWriter) bool { _, _ = w.Write([]byte(body)); return true }
			wantError(t, "Finish", l.Finish(t.Context(), p.ID, code, state), session.Retry, `sso-session "corp": AWS answered with no token`, "")
		})
	}
}

// TestLongestLife: a token that would never end is not believed to.
func TestLongestLife(t *testing.T) {
	c := newCenter()
	c.life = 1<<31 - 1
	l, _ := newLogins(t, c, login.Config{})
	signIn(t, l, c, corp())
	if got := time.Until(l.Known()[0].Expires); got > 90*24*time.Hour {
		t.Errorf("Known: got a life of %v, want 90 days at most", got)
	}
}

// TestRedirectIsNotFollowed: a server that redirects a call would choose who gets
// the secrets in it.
func TestRedirectIsNotFollowed(t *testing.T) {
	c := newCenter()
	c.fail = func(_ string, w http.ResponseWriter) bool {
		w.Header().Set("Location", "https://evil.example/")
		w.WriteHeader(http.StatusFound)
		return true
	}
	l, _ := newLogins(t, c, login.Config{})
	if _, err := l.Start(t.Context(), corp(), inBrowser); err == nil {
		t.Error("Start: followed a redirect")
	}
	if n := len(c.calls); n != 1 {
		t.Errorf("calls: got %v, want one", c.calls)
	}
}
