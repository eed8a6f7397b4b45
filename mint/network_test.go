package mint_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

const notAWS = "is that really AWS, or a proxy's own page?"

// TestStrangersAnswer has answers that are not AWS's.
func TestStrangersAnswer(t *testing.T) {
	good := result("AssumeRole", credentials(newKeyID, newSecret, newToken, stamp(time.Now().Add(time.Hour))))
	tests := map[string]struct {
		status        int
		body          string
		problem, hint string
	}{
		"a captive portal's page":  {200, "<html><body><h1>Welcome</h1></body>", "its answer cannot be understood (HTTP 200)", notAWS},
		"a page that refuses":      {403, "<!DOCTYPE html><html><br></html>", "its answer cannot be understood (HTTP 403)", notAWS},
		"a page that is not found": {404, "404 page not found", "its answer cannot be understood (HTTP 404)", notAWS},
		"a gateway's page":         {502, "<html><hr>Bad Gateway", "has trouble of its own: HTTP 502", ""},
		"nothing at all":           {200, "", "answered with no credentials", ""},
		"JSON":                     {200, `{"Credentials":{"SecretAccessKey":"` + newSecret + `"}}`, "answered with no credentials", ""},
		"half of it":               {200, good[:strings.Index(good, newSecret)+20], "its answer cannot be understood (HTTP 200)", notAWS},
		"an expiry that is none":   {200, strings.Replace(good, "<Expiration>", "<Expiration>CANARY", 1), "its answer cannot be understood (HTTP 200)", notAWS},
		"more than a mebibyte":     {200, "<a>" + strings.Repeat("CANARY ", 200_000), "its answer is longer than 1 MiB", "is that really AWS?"},
		"an error without end":     {400, "<a>" + strings.Repeat("CANARY ", 200_000), "its answer is longer than 1 MiB", "is that really AWS?"},
		"an elsewhere":             {302, "", "its answer cannot be understood (HTTP 302)", notAWS},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sts := newSTS(t, says(test.status, test.body))
			wantError(t, refused(t, mint.Config{}, request(sts.URL)), session.Retry, "STS at "+sts.URL+": "+test.problem, test.hint)
		})
	}
}

// TestEveryCutIsNoCredentials cuts a good answer at each byte. None of it may
// become credentials, and none of it may be quoted.
func TestEveryCutIsNoCredentials(t *testing.T) {
	good := result("AssumeRole", credentials(newKeyID, newSecret, newToken, stamp(time.Now().Add(time.Hour)))+assumedUser)
	at := 0
	sts := newSTS(t, func(w http.ResponseWriter, r *http.Request) { says(200, good[:at])(w, r) })
	enough := strings.Index(good, "</AssumeRoleResult>") // the SDK asks for no more
	m, log := newMinter(t, mint.Config{})
	for at = range enough {
		got, err := m.Mint(t.Context(), request(sts.URL))
		if failure := session.AsError(err); got != nil || failure == nil || failure.Class != session.Retry {
			t.Fatalf("%d bytes: got %v, %v, want class retry", at, got, err)
		} else {
			noSecrets(t, log.String(), failure)
		}
	}
}

// TestRedirectsAreNotFollowed: a signed request is for AWS alone.
func TestRedirectsAreNotFollowed(t *testing.T) {
	thief := newSTS(t, grants)
	for _, status := range []int{301, 302, 303, 307, 308} {
		sts := newSTS(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, thief.URL, status) })
		wantError(t, refused(t, mint.Config{}, request(sts.URL)), session.Retry,
			fmt.Sprintf("STS at %s: its answer cannot be understood (HTTP %d)", sts.URL, status), notAWS)
	}
	if n := len(thief.requests()); n != 0 {
		t.Errorf("requests elsewhere: got %d, want none", n)
	}
}

func TestHangingEndpoint(t *testing.T) {
	tests := map[string]http.HandlerFunc{
		"says nothing": func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"never ends": func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(200)
			for r.Context().Err() == nil {
				fmt.Fprint(w, " ")
				_ = http.NewResponseController(w).Flush()
				time.Sleep(10 * time.Millisecond)
			}
		},
	}
	for name, handler := range tests {
		t.Run(name, func(t *testing.T) {
			sts := newSTS(t, handler)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			start := time.Now()
			wantError(t, refusedWithin(t, ctx, mint.Config{}, request(sts.URL)), session.Retry, "STS at "+sts.URL+": no answer in time", "")
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("took %v, want 0.2s", took)
			}
		})
	}
}

func TestNobodyWaits(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	sts := newSTS(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	wantError(t, refusedWithin(t, ctx, mint.Config{}, request(sts.URL)), session.Retry,
		"STS at "+sts.URL+": nobody waits for the answer any more", "")
}

func TestUnreachable(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	sts := newSTS(t, grants)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(grants))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	broken := newSTS(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })

	tests := map[string]struct{ endpoint, problem, hint string }{
		"nobody listens": {"http://" + closed.Addr().String(), "cannot be reached (" + closed.Addr().String() + ": connect: connection refused)", ""},
		"a certificate of nobody's": {secure.URL, "its certificate cannot be trusted: x509: certificate signed by unknown authority",
			"if a proxy opens TLS here, name its CA in SSL_CERT_FILE"},
		"no TLS":        {strings.Replace(sts.URL, "http:", "https:", 1), "does not speak TLS as AWS does", "is that really AWS, or a proxy in between?"},
		"it breaks off": {broken.URL, "the connection broke", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantError(t, refused(t, mint.Config{}, request(test.endpoint)), session.Retry, "STS at "+test.endpoint+": "+test.problem, test.hint)
		})
	}
}

// TestRegionalEndpoint looks at which host is asked where no endpoint is set.
func TestRegionalEndpoint(t *testing.T) {
	for region, want := range map[string]string{"eu-west-1": "sts.eu-west-1.amazonaws.com:443", "cn-north-1": "sts.cn-north-1.amazonaws.com.cn:443",
		"us-east-1": "sts.us-east-1.amazonaws.com:443"} {
		hostile(t)
		asked := ""
		client := &http.Client{Transport: &http.Transport{DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
			asked = addr
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "x", IsNotFound: true}}
		}}}
		r := request("")
		r.Region = region
		got := refused(t, mint.Config{HTTP: client}, r)
		if asked != want {
			t.Errorf("%s: asked %s, want %s", region, asked, want)
		}
		wantError(t, got, session.Retry, "AWS STS in "+region+": its name x cannot be found", "is the network up, and the region right?")
	}
}

// hostile sets every AWS_* variable that could lead an SDK astray. Nothing
// that this package does may depend on them.
func hostile(t *testing.T) {
	t.Helper()
	for _, pair := range []string{"AWS_ACCESS_KEY_ID=AKIAHOSTILEHOSTILE00", "AWS_SECRET_ACCESS_KEY=hostile", "AWS_SESSION_TOKEN=hostile",
		"AWS_PROFILE=hostile", "AWS_DEFAULT_PROFILE=hostile", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:1/", "AWS_CONTAINER_AUTHORIZATION_TOKEN=hostile",
		"AWS_ROLE_ARN=arn:aws:iam::111111111111:role/hostile", "AWS_WEB_IDENTITY_TOKEN_FILE=/dev/null", "AWS_ROLE_SESSION_NAME=hostile",
		"AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_ENDPOINT_URL_STS=http://127.0.0.1:1", "AWS_ENDPOINT_URL_SSO=http://127.0.0.1:1",
		"AWS_REGION=us-gov-west-1", "AWS_DEFAULT_REGION=us-gov-west-1", "AWS_USE_FIPS_ENDPOINT=true", "AWS_USE_DUALSTACK_ENDPOINT=true",
		"AWS_STS_REGIONAL_ENDPOINTS=legacy", "AWS_MAX_ATTEMPTS=many", "AWS_RETRY_MODE=hostile", "AWS_CA_BUNDLE=/nowhere",
		"AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1", "AWS_NEW_RETRIES_2026=true", "AWS_DEFAULTS_MODE=auto"} {
		name, value, _ := strings.Cut(pair, "=")
		t.Setenv(name, value)
	}
}

// TestProxyHelper is not a test: TestProxy runs it in a process of its own,
// since net/http reads the proxies of the environment once.
func TestProxyHelper(t *testing.T) {
	endpoint, ours := os.LookupEnv("VENDORD_TEST_ENDPOINT")
	if !ours {
		return
	}
	m, err := mint.New(mint.Config{Environ: keysEnviron()})
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Mint(t.Context(), request(endpoint))
	fmt.Printf("\nGOT %v\n", err)
	if e := session.AsError(err); e != nil {
		fmt.Printf("HINT %s\nCAUSE %v\n", e.Hint, e.Err)
	}
}

// TestProxy: https goes through HTTPS_PROXY, loopback never does, and a proxy's
// password is in no message.
func TestProxy(t *testing.T) {
	aws := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		grants(w, r)
	}))
	t.Cleanup(aws.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: aws.Certificate().Raw})
	if err := os.WriteFile(ca, cert, 0o600); err != nil {
		t.Fatal(err)
	}
	local := newSTS(t, grants)
	open, tunnels := newProxy(t, aws.Listener.Addr().String(), http.StatusOK)
	shut, _ := newProxy(t, "", http.StatusProxyAuthRequired)
	const hint = "HINT look at HTTPS_PROXY and NO_PROXY in the daemon's environment"

	tests := map[string]struct {
		proxy, endpoint string
		want            []string
	}{
		"https through it": {"http://" + open, "https://example.com", []string{"GOT <nil>"}},
		"not to loopback":  {"http://127.0.0.1:1", local.URL, []string{"GOT <nil>"}},
		"it wants a login": {"http://u:CANARY@" + shut, "https://example.com", []string{"GOT STS at https://example.com: the proxy " + shut + " refuses the connection (407 Proxy Authentication Required)", hint}},
		"it is not there":  {"http://u:CANARY@127.0.0.1:1", "https://example.com", []string{"GOT STS at https://example.com: the proxy cannot be reached (127.0.0.1:1: connect: connection refused)", hint}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestProxyHelper$", "-test.v")
			cmd.Env = append(os.Environ(), "VENDORD_TEST_ENDPOINT="+test.endpoint, "HTTPS_PROXY="+test.proxy, "HTTP_PROXY="+test.proxy,
				"NO_PROXY=", "SSL_CERT_FILE="+ca)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			for _, want := range test.want {
				if !strings.Contains(string(out), want+"\n") && !strings.Contains(string(out), want+" (") {
					t.Errorf("got %s\nwant %s", out, want)
				}
			}
			if strings.Contains(string(out), "CANARY") {
				t.Errorf("the proxy's password is in %s", out)
			}
		})
	}
	t.Cleanup(func() {
		if tunnels() == 0 {
			t.Error("nothing went through the proxy")
		}
	})
}

// newProxy is a proxy that leads every tunnel to one address, or refuses.
func newProxy(t *testing.T, to string, status int) (address string, tunnels func() int) {
	t.Helper()
	n := make(chan int, 1)
	n <- 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n <- <-n + 1
		w.WriteHeader(status)
		if status != http.StatusOK {
			return
		}
		there, err := net.Dial("tcp", to)
		if err != nil {
			t.Error(err)
			return
		}
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		go func() { _, _ = there.(*net.TCPConn).ReadFrom(here); there.Close() }()
		_, _ = here.(*net.TCPConn).ReadFrom(there)
		here.Close()
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), func() int { c := <-n; n <- c; return c }
}

// TestDenialInAFormOfItsOwn is an emulator's: moto, as of 2026-11.
func TestDenialInAFormOfItsOwn(t *testing.T) {
	sts := newSTS(t, says(403, "<ErrorResponse><Errors><Error><Code>AccessDenied</Code><Message>no</Message></Error></Errors></ErrorResponse>"))
	wantError(t, refused(t, mint.Config{}, request(sts.URL)), session.Administrator,
		role+`AWS refuses source "john" (HTTP 403 UnknownError): UnknownError`, deniedSource)
}
