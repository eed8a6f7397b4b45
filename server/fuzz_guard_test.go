package server_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// FuzzGuard sends the right token in any request: a slow and obvious reader of
// the rules says which of them are answered with credentials, and no other is.
// What is refused is refused in JSON of a bounded length, repeats nothing and
// leads nowhere else.
func FuzzGuard(f *testing.F) {
	f.Add("GET", "/v1/credentials", "ADDR", "User-Agent", "aws-cli/2")
	f.Add("GET", "/v1/credentials/upload", "localhost:PORT", "Accept", "*/*")
	f.Add("GET", "/v1/credentials/readonly", "127.0.0.1", "X-Amz-Date", "x")
	f.Add("GET", "/v1/credentials/", "[::1]:PORT", "Connection", "close")
	f.Add("GET", "//v1/credentials", "ADDR", "Origin", "null")
	f.Add("GET", "/v1/credentials?x", "evil.example:PORT", "Referer", "")
	f.Add("GET", "http://ADDR/v1/credentials", "ADDR", "sec-fetch-site", "none")
	f.Add("HEAD", "/v1/%63redentials", "ADDR", "Transfer-Encoding", "chunked")
	f.Add("get", "/v1/credentials#x", "LOCALHOST:PORT", "Content-Length", "0")
	f.Add("GET", "/v1/credentials/upload%00", "127.0.0.1:PORT ", "Authorization", "TOKEN")
	f.Add("GET", "/v1/credentials/../credentials", "ADDR", "x-forwarded-for", "127.0.0.1")
	f.Add("GET", "/v1/credentials", "127.0.0.1:", "Host", "ADDR")
	f.Add("GET", "/v1/credentials\u00a0", "::1", "Forwarded-For", "x")
	f.Add("CONNECT", "ADDR", "ADDR", "Via", "1.1 x")
	f.Add("OPTIONS", "*", "ADDR", "Expect", "100-continue")
	w := start(f, always(credentials(nil)))
	f.Fuzz(func(t *testing.T, method, uri, host, name, value string) {
		c, err := net.Dial("tcp", w.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		method, uri, host, name, value = flat(w, method), flat(w, uri), flat(w, host), flat(w, name), flat(w, value)
		_, _ = io.WriteString(c, method+" "+uri+" HTTP/1.1\r\nHost: "+host+"\r\nAuthorization: "+w.token+"\r\n"+name+": "+value+"\r\nConnection: close\r\n\r\n")
		_ = c.(*net.TCPConn).CloseWrite()
		response, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: method})
		if err != nil {
			if plainly(w, method, uri, host, name, value) {
				t.Fatalf("%q %q %q %q %q: got %v, want 200", method, uri, host, name, value, err)
			}
			return
		}
		body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<20))
		given := response.StatusCode == http.StatusOK
		switch {
		case given && !allowed(w, method, uri, host, name):
			t.Errorf("%q %q %q %q %q: got 200", method, uri, host, name, value)
		case !given && plainly(w, method, uri, host, name, value):
			t.Errorf("%q %q %q %q %q: got %d %s", method, uri, host, name, value, response.StatusCode, body)
		case !given && (strings.Contains(string(body), "canary") || strings.Contains(string(body), w.token)):
			t.Errorf("%q %q %q %q %q: got %d with a secret: %s", method, uri, host, name, value, response.StatusCode, body)
		case response.Header.Get("Location") != "" || response.Header.Get("Access-Control-Allow-Origin") != "":
			t.Errorf("%q %q %q %q %q: got the headers %v", method, uri, host, name, value, response.Header)
		}
		if response.Header.Get("Content-Type") == "application/json" && !given {
			var told struct{ Code, Message string }
			if err := json.Unmarshal(body, &told); err != nil && method != "HEAD" || utf8.RuneCountInString(told.Message) > 200 ||
				strings.ContainsFunc(told.Message, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q %q: got %q: %v", method, uri, body, err)
			}
		}
		if strings.Contains(w.log.String(), "panicked") {
			t.Fatalf("%q %q %q %q %q: %s", method, uri, host, name, value, w.log.String())
		}
		if said := w.record(); strings.Contains(said, w.token) || strings.Contains(said, canarySecret) {
			t.Fatalf("%q %q %q %q %q: the record holds a secret", method, uri, host, name, value)
		}
	})
}

// flat is a part of a request that does not end its line.
func flat(w *world, part string) string {
	return strings.NewReplacer("\r", "", "\n", "").Replace(w.fill(part))
}

// allowed says which requests may be answered with credentials.
func allowed(w *world, method, uri, host, name string) bool {
	_, port, _ := net.SplitHostPort(w.addr)
	hosts := []string{"::1"}
	for _, one := range []string{"127.0.0.1", "localhost", "[::1]"} {
		hosts = append(hosts, one, one+":"+port)
	}
	canonical := http.CanonicalHeaderKey(strings.Trim(name, " \t"))
	browsers := []string{"Accept-Language", "Origin", "Range", "Referer", "Via", "Forwarded", "Vendord-Source"}
	return method == "GET" && (uri == "/v1/credentials" || uri == "/v1/credentials/upload") &&
		slices.Contains(hosts, strings.ToLower(strings.Trim(host, " \t"))) &&
		!slices.Contains(browsers, canonical) && !strings.HasPrefix(canonical, "X-Forwarded") && !strings.HasPrefix(canonical, "Sec-") &&
		!slices.Contains([]string{"Authorization", "Host"}, canonical)
}

var (
	plainName  = regexp.MustCompile(`^[A-Za-z][A-Za-z-]{0,30}$`)
	plainValue = regexp.MustCompile(`^[!-~]{1,100}$`)
	steering   = regexp.MustCompile(`(?i)^(transfer-encoding|content-length|expect|connection|upgrade|trailer|te|keep-alive|proxy-connection)$`)
)

// plainly says which requests must be.
func plainly(w *world, method, uri, host, name, value string) bool {
	return allowed(w, method, uri, host, name) && plainName.MatchString(name) && plainValue.MatchString(value) &&
		!steering.MatchString(name) && strings.Trim(host, " \t") == host
}
