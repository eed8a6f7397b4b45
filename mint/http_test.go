package mint

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// transport is AWS without a network.
type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// net/http reads on in the body of a request after the SDK, which has an answer,
// closed it. An error would cost the connection, and with it the answer.
func TestRequestsBodyCanBeReadAfterItsEnd(t *testing.T) {
	var body io.ReadCloser
	x := &exchange{now: time.Now, client: &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
		body = r.Body
		if _, err := io.CopyN(io.Discard, body, r.ContentLength); err != nil || r.ContentLength == 0 {
			t.Errorf("the body: got %v of %d bytes", err, r.ContentLength)
		}
		const answer = `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>` +
			`<Arn>arn:aws:iam::123456789012:user/x</Arn></GetCallerIdentityResult></GetCallerIdentityResponse>`
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(answer)), Request: r}, nil
	})}}
	keys := aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "x"}
	out, err := stsClient(x, "eu-west-1", "", keys).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || aws.ToString(out.Arn) != "arn:aws:iam::123456789012:user/x" {
		t.Fatalf("GetCallerIdentity: got %v, %v", out, err)
	}
	if n, err := io.Copy(io.Discard, body); n != 0 || err != nil {
		t.Errorf("after its end: got %d bytes and %v, want none and no error", n, err)
	}
}
