package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/login"
	"github.com/vendord/vendord/session"
)

// What is opened is a page of the web, whatever the daemon says.
func TestWebPage(t *testing.T) {
	for address, want := range map[string]bool{
		"https://acme.awsapps.com/start": true, "http://127.0.0.1:4566/authorize?x=y": true, "http://localhost:1/": true,
		"http://[::1]:4566/authorize": true, "http://127.0.0.2:4566/": true, "http://[fe80::1]:4566/": false, // as sso_endpoint may be
		"http://acme.awsapps.com/start": false, "file:///etc/passwd": false, "javascript:alert(1)": false, "--help": false, "": false,
		"https://": false, "http://127.0.0.1.example/": false, "\x00": false,
	} {
		_, err := webPage(address)
		if (err == nil) != want {
			t.Errorf("webPage(%q): got %v, want a page: %t", address, err, want)
		}
		if err != nil && !strings.HasSuffix(err.Error(), "is no page to sign in at") {
			t.Errorf("webPage(%q): got %v, want to be told that it is none", address, err)
		}
	}
}

func TestBrowsers(t *testing.T) {
	const page = "https://acme.awsapps.com/?a=%73"
	for variable, want := range map[string]string{
		"firefox": "firefox " + page, "a:b --new %s": "a " + page + "|b --new " + page, "": "", " : ": "", "x %s %s": "x " + page + " " + page,
	} {
		p := &program{environ: []string{"BROWSER=" + variable}}
		got := p.browsers(page)
		var named []string
		for _, command := range got[:len(got)-1] { // the last is the system's
			named = append(named, strings.Join(command, " "))
		}
		if strings.Join(named, "|") != want || !slices.Contains(got[len(got)-1], page) {
			t.Errorf("browsers with BROWSER=%q: got %q, want %q and the system's", variable, got, want)
		}
	}
}

// Nobody would see a browser that is opened on a server, and root opens none
// for another user.
func TestWhoseBrowser(t *testing.T) {
	for _, test := range []struct {
		environ           string
		headless, another bool
	}{
		{"DISPLAY=:0", false, false},
		{"WAYLAND_DISPLAY=wayland-0", false, false},
		{"DISPLAY=:0 SSH_CONNECTION=x", true, false},
		{"DISPLAY=:0 SSH_TTY=/dev/pts/1", true, false},
		{"DISPLAY=:0 SSH_CONNECTION=x BROWSER=helper", false, false},
		{"DISPLAY=:0 SUDO_UID=1000", false, true},
		{"DISPLAY=:0 DOAS_USER=jane", false, true},
		{"DISPLAY=:0 PKEXEC_UID=1000", false, true},
		{"DISPLAY=:0 SUDO_UID=0", false, false},
	} {
		p := &program{environ: strings.Fields(test.environ)}
		if p.headless() != test.headless || p.forAnother() != test.another {
			t.Errorf("%s: got headless %t, for another %t, want %t, %t", test.environ, p.headless(), p.forAnother(), test.headless, test.another)
		}
	}
}

// A page shows what AWS said as text.
func TestCallbackPage(t *testing.T) {
	calls := 0
	h := &callbackHandler{host: "127.0.0.1:1", answers: answers{state: "s", failed: func(error) {},
		finish: func(code, state string) error {
			calls++
			return &session.Error{Class: session.Person, Public: "acme: <script>" + code}
		}}}
	for _, test := range []struct {
		method, host, query string
		status, calls       int
		want                string
	}{
		{"POST", "127.0.0.1:1", "?code=c&state=s", 404, 0, "Nothing here"},
		{"GET", "evil.example:1", "?code=c&state=s", 404, 0, "Nothing here"},
		{"GET", "127.0.0.1:1", "?code=c&state=t", 400, 0, "Not this sign-in"},
		{"GET", "127.0.0.1:1", "?code=c&state=s&state=s", 400, 0, "Not this sign-in"},
		{"GET", "127.0.0.1:1", "?code=c&state=s", 200, 1, "acme: &lt;script&gt;c. The terminal says more."},
		{"GET", "127.0.0.1:1", "?code=d&state=s", 200, 1, "acme: &lt;script&gt;c. The terminal says more."},
	} {
		r := httptest.NewRequest(test.method, "http://"+test.host+login.CallbackPath+test.query, nil)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != test.status || calls != test.calls || !strings.Contains(w.Body.String(), test.want) {
			t.Errorf("%s %s%s: got %d, %d calls, %s, want %d, %d calls and %q", test.method, test.host, test.query, w.Code, calls, w.Body, test.status, test.calls, test.want)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || w.Header().Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: got %v, want a page that loads nothing and tells nobody", test.query, http.Header(w.Header()))
		}
	}
}

// What is left to write into vendord.toml is said.
func TestTellFile(t *testing.T) {
	for kind, want := range map[string]string{
		session.Keyring: "",
		"":              "vendord.toml has no such source yet: write\n\n[sources.john]\ntype = \"keyring\"\n\nand run: vendord reload\n",
		session.Process: "warning: source john: of type process in vendord.toml, so these keys are not used\nhint: write type = \"keyring\" there, and run: vendord reload\n",
	} {
		var said bytes.Buffer
		(&program{stderr: &said}).tellFile("john", kind)
		if said.String() != want {
			t.Errorf("tellFile of type %q: got %q, want %q", kind, said.String(), want)
		}
	}
}

// FuzzParseKeys: whatever comes on stdin, no part of it is in an error, and what
// is taken has the form of keys.
func FuzzParseKeys(f *testing.F) {
	for _, text := range []string{"AKIAIOSFODNN7EXAMPLE\nwJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", `{"AccessKeyId":"a","SecretAccessKey":"b"}`,
		`{"AccessKey":{"AccessKeyId":"a"}}`, "{", "", "\x00 \x00", `{"AccessKeyId":1}`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := parseKeys(text)
		if err == nil {
			err = k.check()
		}
		if err == nil && (!keyID.MatchString(k.AccessKeyID) || !secretKey.MatchString(k.SecretAccessKey)) {
			t.Errorf("parseKeys(%q): got %q, want keys", text, k)
		}
		if err != nil && len(strings.TrimSpace(text)) > 16 && strings.Contains(err.Error()+hintOf(err), strings.TrimSpace(text)) {
			t.Errorf("parseKeys(%q): its error has what was read: %v", text, err)
		}
	})
}
