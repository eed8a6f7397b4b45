package fakeaws_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"
	"github.com/vendord/vendord/fakeaws"
)

const region = "eu-west-1"

// The ARNs of the example world.
const (
	johnARN     = "arn:aws:iam::629470240201:user/john"
	uploadRole  = "arn:aws:iam::629470240201:role/JohnUploadRole"
	uploadARN   = "arn:aws:iam::629470240201:policy/SessionPolicy-UploadFile"
	adminRole   = "arn:aws:iam::111122223333:role/SecurityAdminAccess"
	lessonRole  = "arn:aws:iam::123456789012:role/Uploader"
	uploaderARN = "arn:aws:sts::629470240201:assumed-role/JohnUploadRole/upload"
)

// john are John's long-term keys.
func john() aws.Credentials {
	k := fakeaws.Example().Accounts[0].Users[0].Keys[0]
	return aws.Credentials{AccessKeyID: k.ID, SecretAccessKey: k.Secret}
}

// place is a fake that is being served.
type place struct {
	*fakeaws.Fake
	t   *testing.T
	url string
}

// start serves a fake on a loopback port for the length of a test. A state
// without accounts is the example's.
func start(t *testing.T, c fakeaws.Config) *place {
	t.Helper()
	if c.State.Accounts == nil {
		c.State = fakeaws.Example()
	}
	f, err := fakeaws.New(c)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Serve: got %v, want nil", err)
		}
	})
	return &place{f, t, "http://" + ln.Addr().String()}
}

// sts returns a real STS client that does not retry.
func (p *place) sts(c aws.Credentials) *sts.Client {
	return sts.New(sts.Options{Region: region, BaseEndpoint: &p.url, Credentials: static(c), Retryer: aws.NopRetryer{}, HTTPClient: inMemory{}})
}

// inMemory sends the SDK's requests from a copy of their bodies. The SDK closes
// its own as soon as an answer's headers are in (smithy-go 1.28, as of 2026-11).
// If net/http has sent it and not yet looked for its end, it then meets an
// error, and closes the connection; what it has not read of the answer, beyond
// its buffer of 4 KiB, is lost. The SDK's own retries make up for that.
type inMemory struct{}

func (inMemory) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	return http.DefaultTransport.RoundTrip(r)
}

// s3 returns a real S3 client that does not retry.
func (p *place) s3(c aws.Credentials) *s3.Client {
	return s3.New(s3.Options{Region: region, BaseEndpoint: &p.url, Credentials: static(c), Retryer: aws.NopRetryer{}, UsePathStyle: true})
}

// client returns our own S3 client.
func (p *place) client(c aws.Credentials) *fakeaws.Client {
	return fakeaws.NewClient(p.url, region, static(c))
}

func static(c aws.Credentials) aws.CredentialsProvider {
	return credentials.StaticCredentialsProvider{Value: c}
}

// assume assumes a role and returns the session's credentials.
func (p *place) assume(c aws.Credentials, role, name string, more ...func(*sts.AssumeRoleInput)) aws.Credentials {
	p.t.Helper()
	in := &sts.AssumeRoleInput{RoleArn: &role, RoleSessionName: &name}
	for _, f := range more {
		f(in)
	}
	out, err := p.sts(c).AssumeRole(p.t.Context(), in)
	if err != nil {
		p.t.Fatalf("AssumeRole %s: %v", role, err)
	}
	return session(out.Credentials)
}

// assumeIn assumes a role in another region.
func (p *place) assumeIn(at, role string) aws.Credentials {
	p.t.Helper()
	r := form(john(), "Action=AssumeRole", "RoleArn="+role, "RoleSessionName=test")
	r.region = at
	return credentialsOf(p.t, p.send(r).body)
}

// session turns STS's credentials into those that clients take.
func session(c *types.Credentials) aws.Credentials {
	return aws.Credentials{AccessKeyID: *c.AccessKeyId, SecretAccessKey: *c.SecretAccessKey, SessionToken: *c.SessionToken}
}

// with puts an inline session policy into an AssumeRole.
func with(policy string) func(*sts.AssumeRoleInput) {
	return func(in *sts.AssumeRoleInput) { in.Policy = &policy }
}

// allow is a session policy of one statement.
func allow(actions, resources string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":` + list(actions) + `,"Resource":` + list(resources) + `}]}`
}

func list(words string) string { return `["` + strings.Join(strings.Fields(words), `","`) + `"]` }

// wantError checks code and message of an SDK's or our own client's error.
func wantError(t *testing.T, what string, err error, code, message string) {
	t.Helper()
	gotCode, gotMessage := "", ""
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		gotCode, gotMessage = api.ErrorCode(), api.ErrorMessage()
	} else if e, ok := errors.AsType[*fakeaws.Error](err); ok {
		gotCode, gotMessage = e.Code, e.Message
	} else {
		t.Fatalf("%s: got %v, want an error of AWS", what, err)
	}
	if gotCode != code || gotMessage != message {
		t.Errorf("%s: got %s: %s\nwant %s: %s", what, gotCode, gotMessage, code, message)
	}
}

// raw is a request made by hand: it is signed as it should be and spoilt after.
type raw struct {
	method, path, query, body, service string
	header                             http.Header
	creds                              aws.Credentials
	region                             string
	at                                 time.Time // of signing; zero: now
	before                             func(*http.Request)
	after                              func(*http.Request) // the signature is made
}

// reply is an answer to a raw request.
type reply struct {
	status        int
	code, message string
	header        http.Header
	body          string
}

// send signs and sends a raw request.
func (p *place) send(r raw) reply {
	p.t.Helper()
	return p.answer(http.DefaultTransport.RoundTrip(p.build(r)))
}

// build makes and signs a raw request.
func (p *place) build(r raw) *http.Request {
	p.t.Helper()
	rq, err := http.NewRequestWithContext(p.t.Context(), r.method, p.url, strings.NewReader(r.body))
	if err != nil {
		p.t.Fatal(err)
	}
	if rq.URL.Path, err = url.PathUnescape(r.path); err != nil {
		p.t.Fatal(err)
	}
	rq.URL.RawPath, rq.URL.RawQuery = r.path, r.query // as given
	for name, values := range r.header {
		rq.Header[name] = slices.Clone(values)
	}
	sum := sha256.Sum256([]byte(r.body))
	hash := hex.EncodeToString(sum[:])
	if r.service == "s3" && rq.Header.Get("X-Amz-Content-Sha256") == "" {
		rq.Header.Set("X-Amz-Content-Sha256", hash)
	}
	if r.before != nil {
		r.before(rq)
	}
	if given := rq.Header.Get("X-Amz-Content-Sha256"); given != "" {
		hash = given
	}
	if r.at.IsZero() {
		r.at = time.Now()
	}
	if r.region == "" {
		r.region = region
	}
	if r.creds.AccessKeyID != "" {
		signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
		if err := signer.SignHTTP(p.t.Context(), r.creds, rq, hash, r.service, r.region, r.at); err != nil {
			p.t.Fatal(err)
		}
	}
	if r.after != nil {
		r.after(rq)
	}
	return rq
}

// answer reads an answer in either service's form.
func (p *place) answer(response *http.Response, err error) reply {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var e struct {
		Code, Message string
		Inner         struct{ Code, Message string } `xml:"Error"`
		EC2           struct{ Code, Message string } `xml:"Errors>Error"`
	}
	_ = xml.Unmarshal(body, &e) // a success is neither
	return reply{status: response.StatusCode, code: e.Code + e.Inner.Code + e.EC2.Code, message: e.Message + e.Inner.Message + e.EC2.Message,
		header: response.Header, body: string(body)}
}

// want checks an answer's status, code and message.
func (r reply) want(t *testing.T, status int, code, message string) {
	t.Helper()
	if r.status != status || r.code != code || r.message != message {
		t.Errorf("got %d %s: %s\nwant %d %s: %s", r.status, r.code, r.message, status, code, message)
	}
}

// form makes a raw STS request of parameters "Name=value".
func form(creds aws.Credentials, parameters ...string) raw {
	v := url.Values{"Version": {"2011-06-15"}}
	for _, p := range parameters {
		name, value, _ := strings.Cut(p, "=")
		v.Set(name, value)
	}
	return raw{method: "POST", path: "/", service: "sts", body: v.Encode(), creds: creds,
		header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}
}

// assumeForm is a raw AssumeRole of John's upload role, with more or other
// parameters.
func assumeForm(parameters ...string) raw {
	return form(john(), append([]string{"Action=AssumeRole", "RoleArn=" + uploadRole, "RoleSessionName=upload"}, parameters...)...)
}

// object makes a raw S3 request.
func object(creds aws.Credentials, method, path, body string) raw {
	path, query, _ := strings.Cut(path, "?")
	return raw{method: method, path: path, query: query, body: body, service: "s3", creds: creds, header: http.Header{}}
}

// credentialsOf reads the credentials out of an STS answer.
func credentialsOf(t *testing.T, body string) aws.Credentials {
	t.Helper()
	var r struct {
		C struct {
			AccessKeyID     string `xml:"AccessKeyId"`
			SecretAccessKey string
			SessionToken    string
		} `xml:"AssumeRoleResult>Credentials"`
	}
	if err := xml.Unmarshal([]byte(body), &r); err != nil || r.C.SessionToken == "" {
		t.Fatalf("no credentials in %s", body)
	}
	return aws.Credentials{AccessKeyID: r.C.AccessKeyID, SecretAccessKey: r.C.SecretAccessKey, SessionToken: r.C.SessionToken}
}

// wantErrorLike checks code and message where the message has times in it.
func wantErrorLike(t *testing.T, what string, err error, code, pattern string) {
	t.Helper()
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok || api.ErrorCode() != code || !regexp.MustCompile(pattern).MatchString(api.ErrorMessage()) {
		t.Errorf("%s: got %v\nwant %s: %s", what, err, code, pattern)
	}
}
