package mint_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

// machine is a container's endpoint and an instance's metadata in one, as they are
// unless a test says otherwise.
type machine struct {
	*httptest.Server
	mu      sync.Mutex // guards the rest
	asked   []string
	headers []http.Header
	says    map[string]string // by method and path; "403" and the like is a status
}

func newMachine(t *testing.T, until time.Time) *machine {
	t.Helper()
	body := fmt.Sprintf(`{"Code":"Success","Type":"AWS-HMAC","AccessKeyId":"ASIAMACHINEMACHINE00","SecretAccessKey":"CANARYs","Token":"CANARYt","Expiration":"%s","AccountId":"629470240201"}`, stamp(until))
	m := &machine{says: map[string]string{"PUT /latest/api/token": "CANARYimds", "GET /latest/meta-data/iam/security-credentials/": "Web\n",
		"GET /latest/meta-data/iam/security-credentials/Web": body, "GET /latest/meta-data/placement/region": "eu-north-1", "GET /v1/credentials": body}}
	m.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.asked, m.headers = append(m.asked, r.Method+" "+r.URL.Path), append(m.headers, r.Header.Clone())
		text, known := m.says[r.Method+" "+r.URL.Path]
		status := 0
		if _, err := fmt.Sscanf(text, "%d", &status); err == nil && len(text) == 3 || !known {
			w.WriteHeader(max(status, 404*map[bool]int{false: 1}[known]))
			fmt.Fprint(w, "CANARY")
			return
		}
		fmt.Fprint(w, text)
	}))
	t.Cleanup(m.Close)
	return m
}

func (m *machine) imds() []string {
	return []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + m.URL + "/"}
}
func (m *machine) container() []string {
	return []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + m.URL + "/v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN=CANARYauth"}
}

// local is a request for the machine's own session.
func local(kind string) session.Request {
	return session.Request{Source: session.Source{Name: "john", Type: kind}, Operation: session.SourceItself, Region: "eu-west-1"}
}

// TestMachine: the role of the machine, until when it says, over IMDSv2 and with the
// container's token.
func TestMachine(t *testing.T) {
	hostile(t)
	until := time.Now().Add(5 * time.Hour).Truncate(time.Second)
	m := newMachine(t, until)
	for kind, environ := range map[string][]string{session.IMDS: m.imds(), session.Container: m.container()} {
		m.asked, m.headers = nil, nil
		got, _ := mustMint(t, mint.Config{Environ: environ}, local(kind))
		if secret, token := got.Reveal(); got.KeyID != "ASIAMACHINEMACHINE00" || secret != "CANARYs" || token != "CANARYt" || !got.Expires.Equal(until) || got.AccountID != "629470240201" {
			t.Errorf("%s: got %v", kind, got)
		}
		last := m.headers[len(m.headers)-1]
		if kind == session.Container && last.Get("Authorization") != "CANARYauth" || kind == session.IMDS && last.Get("X-Aws-Ec2-Metadata-Token") != "CANARYimds" || last.Get(session.SourceHeader) == "" {
			t.Errorf("%s: got headers %v", kind, last)
		}
		sts := newSTS(t, grants)
		r := request(sts.URL)
		r.Source = local(kind).Source
		mustMint(t, mint.Config{Environ: environ}, r)
		if sent := sts.only(t); sent.form.Get("DurationSeconds") != "3600" || sent.header.Get("X-Amz-Security-Token") != "CANARYt" {
			t.Errorf("%s: the role was not assumed with the machine's session", kind)
		}
	}
	want := "PUT /latest/api/token,GET /latest/meta-data/iam/security-credentials/,GET /latest/meta-data/iam/security-credentials/Web"
	m.asked = nil
	mustMint(t, mint.Config{Environ: m.imds()}, local(session.IMDS))
	if got := strings.Join(m.asked, ","); got != want {
		t.Errorf("asked: got %s, want %s", got, want)
	}
	r := local(session.IMDS)
	r.Region = ""
	if got, _ := mustMint(t, mint.Config{Environ: m.imds()}, r); got.Region != "eu-north-1" {
		t.Errorf("region: got %q, want the instance's", got.Region)
	}
}

func TestMachineFails(t *testing.T) {
	hostile(t)
	const imdsName, containerName = "the instance metadata service", "the container's endpoint"
	const isEC2, noRole, current = "is this an EC2 instance with IMDSv2? In a container, its hop limit must be 2", "give the instance a role (an instance profile)", "the task or pod must have a role, and its token be current"
	cred := "GET /latest/meta-data/iam/security-credentials/"
	good := `{"AccessKeyId":"ASIAMACHINEMACHINE00","SecretAccessKey":"CANARYs","Token":"CANARYt","Expiration":"2126-01-01T00:00:00Z"}`
	tests := map[string]struct {
		kind, path, says string
		class            session.Class
		public, hint     string
	}{
		"version 1 alone":        {session.IMDS, "PUT /latest/api/token", "403", session.Administrator, source + imdsName + " answered HTTP 403", isEC2},
		"a token of lines":       {session.IMDS, "PUT /latest/api/token", "CANARY\r\nX: y", session.Retry, imdsName + ": answered with no session token", ""},
		"no role":                {session.IMDS, cred, "404", session.Administrator, source + imdsName + " answered HTTP 404", noRole},
		"a role of another path": {session.IMDS, cred, "../../user-data", session.Retry, imdsName + ": answered with something that is not the name of a role", ""},
		"a role that is gone":    {session.IMDS, cred + "Web", "404", session.Administrator, source + imdsName + " answered HTTP 404", noRole},
		"it is busy":             {session.IMDS, cred + "Web", "429", session.Retry, source + imdsName + " answered HTTP 429", noRole},
		"it is ill":              {session.IMDS, cred + "Web", "500", session.Retry, source + imdsName + " answered HTTP 500", noRole},
		"it says so itself":      {session.IMDS, cred + "Web", `{"Code":"AssumeRoleUnauthorizedAccess","Message":"CANARY"}`, session.Retry, imdsName + ": answered with a failure in place of credentials", ""},

		"refused":      {session.Container, "GET /v1/credentials", "401", session.Administrator, source + containerName + " answered HTTP 401", current},
		"a detour":     {session.Container, "GET /v1/credentials", "302", session.Retry, source + containerName + " answered HTTP 302", current},
		"no JSON":      {session.Container, "GET /v1/credentials", "<html>CANARY", session.Retry, containerName + ": answered with something that is not the JSON of credentials", ""},
		"no key id":    {session.Container, "GET /v1/credentials", strings.Replace(good, "ASIAMACHINEMACHINE00", "CANARY", 1), session.Retry, containerName + ": answered with credentials without a proper access key id", ""},
		"no secret":    {session.Container, "GET /v1/credentials", strings.Replace(good, "CANARYs", "", 1), session.Retry, containerName + ": answered with credentials without a proper secret key", ""},
		"no token":     {session.Container, "GET /v1/credentials", strings.Replace(good, "CANARYt", "", 1), session.Retry, containerName + ": answered with credentials without a proper session token", ""},
		"no expiry":    {session.Container, "GET /v1/credentials", strings.Replace(good, "2126-01-01T00:00:00Z", "", 1), session.Retry, containerName + ": answered with credentials without a proper expiry", ""},
		"expired":      {session.Container, "GET /v1/credentials", strings.Replace(good, "2126", "2020", 1), session.Retry, containerName + ": answered with credentials that had expired already", ""},
		"without end":  {session.Container, "GET /v1/credentials", strings.Repeat("CANARY", 40_000), session.Retry, containerName + ": answered with more than 128 KiB", ""},
		"nobody there": {session.Container, "", "", session.Retry, containerName + ": cannot be reached ({host}: connect: connection refused)", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMachine(t, time.Now().Add(time.Hour))
			if test.path == "" {
				m.Close()
			}
			m.says[test.path] = test.says
			environ := map[string][]string{session.IMDS: m.imds(), session.Container: m.container()}[test.kind]
			public := strings.Replace(test.public, "{host}", strings.TrimPrefix(m.URL, "http://"), 1)
			wantError(t, refused(t, mint.Config{Environ: environ}, local(test.kind)), test.class, public, test.hint)
		})
	}
	m := newMachine(t, time.Now().Add(time.Hour))
	m.says["GET /latest/meta-data/placement/region"] = "evil.example/#"
	r := local(session.IMDS)
	r.Region = ""
	wantError(t, refused(t, mint.Config{Environ: m.imds()}, r), session.Retry, imdsName+": answered with something that is not the name of a region", "")
}

// TestEndpointsThatAreNotAsked: above all not vendord's own.
func TestEndpointsThatAreNotAsked(t *testing.T) {
	hostile(t)
	const full, itself = "AWS_CONTAINER_CREDENTIALS_FULL_URI", "a source is where vendord gets its own credentials from: start the daemon without that variable"
	const started = ", which vendord was started with, "
	const like, plain = "it must be like http://169.254.170.23/v1/credentials", "without TLS only this machine and the agents of AWS are asked"
	own := func() []string { return []string{"127.0.0.1:9797", "[::1]:9798"} }
	tests := map[string]struct {
		kind          string
		environ       []string
		problem, hint string
	}{
		"no container": {session.Container, []string{"PATH=/bin"}, "neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor " + full + " was set when vendord was started",
			"such a source is for a daemon in an ECS task, in an EKS pod, or where else that variable is set"},
		"vendord by address":   {session.Container, []string{full + "=http://127.0.0.1:9797/v1/credentials"}, full + started + "is vendord itself", itself},
		"vendord by name":      {session.Container, []string{full + "=http://localhost:9797/v1/credentials"}, full + started + "is vendord itself", itself},
		"vendord by version 6": {session.Container, []string{full + "=http://[::1]:9797/"}, full + started + "is vendord itself", itself},
		"vendord by its token": {session.Container, []string{full + "=http://127.0.0.1:1/", "AWS_CONTAINER_AUTHORIZATION_TOKEN=Bearer vnd_CANARY"}, "AWS_CONTAINER_AUTHORIZATION_TOKEN" + started + "is a token of vendord", itself},
		"vendord's metadata":   {session.IMDS, []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:9797"}, "AWS_EC2_METADATA_SERVICE_ENDPOINT" + started + "is vendord itself", itself},
		"a stranger":           {session.Container, []string{full + "=http://192.0.2.1/"}, full + started + "is neither https nor on this machine", plain},
		"a stranger's name":    {session.Container, []string{full + "=http://localhost.evil.example/"}, full + started + "is neither https nor on this machine", plain},
		"no address":           {session.Container, []string{full + "=127.0.0.1"}, full + started + "is not the address of an endpoint", like},
		"a password":           {session.Container, []string{full + "=http://u:CANARY@127.0.0.1:1/"}, full + started + "is not the address of an endpoint", like},
		"another scheme":       {session.Container, []string{full + "=file:///etc/passwd"}, full + started + "is not the address of an endpoint", like},
		"an odd relative one":  {session.Container, []string{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=@evil.example/"}, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI" + started + "does not begin with /", "it must be a path"},
		"a token of lines":     {session.Container, []string{full + "=http://127.0.0.1:1/", "AWS_CONTAINER_AUTHORIZATION_TOKEN=CANARY\r\nX: y"}, "AWS_CONTAINER_AUTHORIZATION_TOKEN has characters that no header has", "a line break may have been copied along"},
		"metadata forbidden":   {session.IMDS, []string{"AWS_EC2_METADATA_DISABLED=True"}, "AWS_EC2_METADATA_DISABLED" + started + "forbids it", "start the daemon without it"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			wantError(t, refused(t, mint.Config{Environ: test.environ, Own: own}, local(test.kind)), session.Configuration, source+test.problem, test.hint)
		})
	}
	for _, kind := range []string{session.IMDS, session.Container, session.Keyring, session.ParentProfile, session.Environment} {
		if err := mint.CheckSource(session.Source{Name: "john", Type: kind}, ""); err != nil {
			t.Errorf("CheckSource of %s: got %v, want nothing: its surroundings are the daemon's", kind, err)
		}
	}
}

// TestContainerTokenFile is read each time: EKS replaces it.
func TestContainerTokenFile(t *testing.T) {
	m := newMachine(t, time.Now().Add(time.Hour))
	path := filepath.Join(t.TempDir(), "token")
	c := mint.Config{Environ: append(m.container(), "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE="+path)}
	wantError(t, refused(t, c, local(session.Container)), session.Retry, source+"reading "+path+" (AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE): no such file or directory",
		"whatever writes it must do so readably for vendord's user; it is read again at each try")
	minter, _ := newMinter(t, c)
	for _, token := range []string{"CANARY1", "CANARY2"} {
		write(t, path, token+"\n")
		if _, err := minter.Mint(t.Context(), local(session.Container)); err != nil {
			t.Fatalf("Mint: %v", err)
		}
		if got := m.headers[len(m.headers)-1].Get("Authorization"); got != token {
			t.Errorf("Authorization: got %q, want %q", got, token)
		}
	}
}

// TestHangingMachine: nobody waits long for a metadata service that is not there.
func TestHangingMachine(t *testing.T) {
	done := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-done }))
	defer s.Close()
	defer close(done)
	start := time.Now()
	wantError(t, refused(t, mint.Config{Environ: []string{"AWS_EC2_METADATA_SERVICE_ENDPOINT=" + s.URL}}, local(session.IMDS)), session.Retry,
		"the instance metadata service: no answer in time", "")
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v, want about two seconds", took)
	}
}
