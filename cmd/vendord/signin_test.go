package main

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/vendord/vendord/fakeaws"
)

const (
	mfaSerial = "arn:aws:iam::629470240201:mfa/john"
	mfaSeed   = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
	portalURL = "https://acme.awsapps.com/start"
)

// signInWorld is the example's, in which John has an MFA device, Careful is a
// role that wants it, and Jane signs in to a portal, where she may read.
func signInWorld() fakeaws.State {
	s := fakeaws.Example()
	john := &s.Accounts[0].Users[0]
	john.MFA = []fakeaws.MFADevice{{Serial: mfaSerial, Seed: mfaSeed}}
	s.Accounts[0].Roles = append(s.Accounts[0].Roles, fakeaws.Role{Name: "Careful",
		Trust: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::629470240201:user/john"},` +
			`"Action":"sts:AssumeRole","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}]}`,
		PolicyARNs: []string{"arn:aws:iam::629470240201:policy/SessionPolicy-UploadFile"}})
	s.IdentityCenters = []fakeaws.IdentityCenter{{StartURL: portalURL, Region: "eu-west-1", PollInterval: 1,
		PermissionSets: []fakeaws.PermissionSet{{Name: "Reader", Policies: fakeaws.Documents{
			`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:ListBucket","s3:GetObject"],"Resource":"*"}]}`}}},
		People: []fakeaws.Person{{Name: "jane", Assignments: []fakeaws.Assignment{{Account: "629470240201", PermissionSet: "Reader"}}}}}}
	return s
}

// mfaCodes sets $CODE to what the device shows now, and $NEXT to what comes then,
// which AWS takes already.
func mfaCodes(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Setenv("CODE", totp(time.Now()))
	ts.Setenv("NEXT", totp(time.Now().Add(30*time.Second)))
}

// totp is what the device of mfaSeed shows.
func totp(at time.Time) string { return totpOf(mfaSeed, at) }

// totpOf is RFC 6238 with SHA-1 and six digits.
func totpOf(seed string, at time.Time) string {
	key, _ := base32.StdEncoding.DecodeString(seed)
	h := hmac.New(sha1.New, key)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/30)))
	sum := h.Sum(nil)
	from := sum[len(sum)-1] & 15
	return fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[from:])&0x7fffffff%1_000_000)
}

// fakeSSO calls the fake portal's own control: mode, approve, revoke or expire,
// with JSON.
func fakeSSO(ts *testscript.TestScript, _ bool, args []string) {
	r, err := http.Post(ts.Getenv("AWS")+"/_fake/sso/"+args[0], "application/json", strings.NewReader(args[1]))
	ts.Check(err)
	defer r.Body.Close()
	if text, _ := io.ReadAll(r.Body); r.StatusCode/100 != 2 {
		ts.Fatalf("sso: %s %s", r.Status, text)
	}
}

// waitFor waits until a file has a text.
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	for range 2400 {
		if text, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.Contains(string(text), args[1]) {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	ts.Fatalf("%s: no %q within a minute", args[0], args[1])
}

// browser is a browser: it opens a page, and where that leads, and writes what it
// saw to $PAGE. In between it does what $ATTACK says.
func browser() {
	address := os.Args[len(os.Args)-1]
	_ = os.WriteFile(os.Getenv("PAGE")+".url", []byte(address), 0o600)
	callback := ""
	if u, err := url.Parse(address); err == nil {
		callback = u.Query().Get("redirect_uri")
	}
	switch attack := os.Getenv("ATTACK"); attack {
	case "state": // a page, or a program, that knows the port and not the state
		show(callback+"?code=stolen&state=guessed", "")
		show(callback+"?error=access_denied", "")
		show(callback+"?code=x&state=a&state=b", "")
	case "rebinding": // a page whose name leads to 127.0.0.1 now
		show(callback+"?code=stolen&state=guessed", "evil.example")
	case "stay": // a person who does nothing
		return
	}
	last := show(address, "")
	if os.Getenv("ATTACK") == "twice" {
		show(last, "")
	}
}

// show appends a page to $PAGE and returns its address.
func show(address, host string) string {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		os.Exit(1)
	}
	r.Host = host
	f, err := os.OpenFile(os.Getenv("PAGE"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		os.Exit(1)
	}
	defer f.Close()
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		fmt.Fprintln(f, err)
		return address
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	fmt.Fprintf(f, "%s %s %s\n%s\n", strconv.Itoa(answer.StatusCode), answer.Header.Get("Cache-Control"), answer.Header.Get("Referrer-Policy"), text)
	return answer.Request.URL.String()
}
