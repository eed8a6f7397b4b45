package mint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/vendord/vendord/awshttp"
)

// query is one request of AWS's Query protocol, for the few operations that the
// clients which vendord carries do not know. It goes through the same exchange as
// theirs: the same limits, attempts, clock and signer.
type query struct {
	endpoint        string // scheme and host
	service, region string // what the signature is for
	parameters      url.Values
}

// ask sends a query, up to three times, and returns the root of the answer.
func (x *exchange) ask(ctx context.Context, q query, signer aws.Credentials) (*element, error) {
	policy := x.retryer()
	for attempt := 1; ; attempt++ {
		root, err := x.askOnce(ctx, q, signer)
		if err == nil || attempt == policy.MaxAttempts() || ctx.Err() != nil || !policy.IsErrorRetryable(err) {
			return root, err
		}
		pause, _ := policy.RetryDelay(attempt, err)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, err
		}
	}
}

func (x *exchange) askOnce(ctx context.Context, q query, signer aws.Credentials) (*element, error) {
	body := []byte(q.parameters.Encode())
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(q.endpoint, "/")+"/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("User-Agent", "app/"+awshttp.AppID)
	hash := sha256.Sum256(body)
	if err := x.SignHTTP(ctx, signer, r, hex.EncodeToString(hash[:]), q.service, q.region, time.Time{}); err != nil {
		return nil, err
	}
	got, err := x.Do(r)
	if err != nil {
		return nil, &smithyhttp.RequestSendError{Err: err} // as the SDK has it: worth another try
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return nil, err
	}
	root, err := parseXML(text)
	if err == nil && got.StatusCode == http.StatusOK {
		return root, nil
	}
	if code, message, ok := root.refusal(); ok && got.StatusCode != http.StatusOK {
		err = &smithy.GenericAPIError{Code: code, Message: message}
	} else {
		err = errUnread // its text is not kept: it may be credentials
	}
	return nil, &smithyhttp.ResponseError{Response: &smithyhttp.Response{Response: got}, Err: err}
}

var errUnread = errors.New("the answer cannot be read")

// element is one of an XML document, with the text directly in it.
type element struct {
	name, text string
	inside     []*element
}

// How deep and how wide an answer may be; AWS's have a dozen elements.
const (
	mostDeep     = 32
	mostElements = 10_000
)

// parseXML reads a document with no opinion on what it is.
func parseXML(text []byte) (*element, error) {
	top, all := &element{}, 0
	open := []*element{top}
	for d := xml.NewDecoder(bytes.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) && len(top.inside) == 1 {
			return top.inside[0], nil
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %T", errUnread, err)
		}
		here := open[len(open)-1]
		switch t := token.(type) {
		case xml.StartElement:
			if all++; all > mostElements || len(open) > mostDeep {
				return nil, errUnread
			}
			next := &element{name: t.Name.Local}
			here.inside = append(here.inside, next)
			open = append(open, next)
		case xml.EndElement:
			here.text = strings.TrimSpace(here.text)
			open = open[:len(open)-1]
		case xml.CharData:
			here.text += string(t)
		}
	}
}

// find returns all elements of a name below e, at any depth.
func (e *element) find(name string) (found []*element) {
	if e == nil {
		return nil
	}
	for _, in := range e.inside {
		if in.name == name {
			found = append(found, in)
		}
		found = append(found, in.find(name)...)
	}
	return found
}

// value returns the text of the only element of a name below e, or "".
func (e *element) value(name string) string {
	if found := e.find(name); len(found) == 1 {
		return found[0].text
	}
	return ""
}

// refusal reads AWS's form of an error, whatever is around it.
func (e *element) refusal() (code, message string, ok bool) {
	if e == nil {
		return "", "", false
	}
	at := slices.Concat(e.find("Error"), []*element{e})[0]
	if code = at.value("Code"); code == "" {
		code = noCode
	}
	return code, at.value("Message"), true
}
