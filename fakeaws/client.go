package fakeaws

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
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// Client is a small S3 client, path style. It signs with the SDK's signer and
// does the rest itself: the SDK's own S3 client would be most of a program that
// only wants to show what a session may do. It does not retry.
type Client struct {
	endpoint, region string
	provider         aws.CredentialsProvider
	signer           *v4.Signer
	http             *http.Client
}

// NewClient returns a client of the S3 at endpoint, such as
// http://127.0.0.1:4566, that signs for region with what provider gives for
// each request.
func NewClient(endpoint, region string, provider aws.CredentialsProvider) *Client {
	return &Client{
		endpoint: strings.TrimSuffix(endpoint, "/"), region: region, provider: provider,
		signer: v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }), // S3 encodes once
		http: &http.Client{
			Timeout: time.Minute,
			// A signature is for one host and path.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Error is an error that S3 answered.
type Error struct {
	Status        int
	Code, Message string
}

// Error returns "code: message", or what is known of it: answers to HEAD have
// neither.
func (e *Error) Error() string {
	if e.Message == "" {
		return fmt.Sprintf("%s (HTTP %d)", e.Code, e.Status)
	}
	return e.Code + ": " + e.Message
}

// Object is an entry of a list.
type Object struct {
	Key  string
	Size int64
}

// ListBuckets returns the names of the account's buckets. Its errors, like
// those of every method, are *Error where S3 answered.
func (c *Client) ListBuckets(ctx context.Context) ([]string, error) {
	body, _, err := c.do(ctx, http.MethodGet, "/", nil, nil)
	if err != nil {
		return nil, err
	}
	var list struct {
		Names []string `xml:"Buckets>Bucket>Name"`
	}
	if err := xml.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("reading the list of buckets: %w", err)
	}
	return list.Names, nil
}

// List returns all objects of a bucket whose keys begin with prefix.
func (c *Client) List(ctx context.Context, bucket, prefix string) ([]Object, error) {
	var all []Object
	query := url.Values{"list-type": {"2"}, "prefix": {prefix}}
	for {
		body, _, err := c.do(ctx, http.MethodGet, "/"+bucket, query, nil)
		if err != nil {
			return nil, err
		}
		var page struct {
			Contents              []Object
			NextContinuationToken string
		}
		if err := xml.Unmarshal(body, &page); err != nil {
			return nil, fmt.Errorf("reading the list of %s: %w", bucket, err)
		}
		all = append(all, page.Contents...)
		if page.NextContinuationToken == "" {
			return all, nil
		}
		query.Set("continuation-token", page.NextContinuationToken)
	}
}

// Get returns the content of an object.
func (c *Client) Get(ctx context.Context, bucket, key string) ([]byte, error) {
	body, _, err := c.do(ctx, http.MethodGet, "/"+bucket+"/"+key, nil, nil)
	return body, err
}

// Head returns the size of an object.
func (c *Client) Head(ctx context.Context, bucket, key string) (int64, error) {
	_, size, err := c.do(ctx, http.MethodHead, "/"+bucket+"/"+key, nil, nil)
	return size, err
}

// Put stores an object.
func (c *Client) Put(ctx context.Context, bucket, key string, content []byte) error {
	_, _, err := c.do(ctx, http.MethodPut, "/"+bucket+"/"+key, nil, content)
	return err
}

// Delete removes an object; one that is not there is no error.
func (c *Client) Delete(ctx context.Context, bucket, key string) error {
	_, _, err := c.do(ctx, http.MethodDelete, "/"+bucket+"/"+key, nil, nil)
	return err
}

// do makes one signed request and returns the body and length of the answer.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, content []byte) ([]byte, int64, error) {
	r, err := c.request(ctx, method, path, query, content)
	if err != nil {
		return nil, 0, err
	}
	response, err := c.http.Do(r)
	if err != nil {
		return nil, 0, fmt.Errorf("asking S3: %w", err)
	}
	defer response.Body.Close()
	// Larger than any object that there can be, and than any list.
	body, err := io.ReadAll(io.LimitReader(response.Body, 2*maxObject))
	if err != nil {
		return nil, 0, fmt.Errorf("reading S3's answer: %w", err)
	}
	if response.StatusCode >= http.StatusMultipleChoices {
		return nil, 0, readError(response, body)
	}
	return body, response.ContentLength, nil
}

// request makes a request and signs it. The path on the wire is the one that
// is signed: net/url by itself leaves more characters as they are than the
// signature does.
func (c *Client) request(ctx context.Context, method, path string, query url.Values, content []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, c.endpoint, bytes.NewReader(content))
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", c.endpoint, err)
	}
	r.URL.Path, r.URL.RawPath = path, uriEncode(path, true)
	r.URL.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	hash := sha256.Sum256(content)
	payload := hex.EncodeToString(hash[:])
	r.Header.Set("X-Amz-Content-Sha256", payload)
	// Asked each time: what was good for the last request may be expired.
	credentials, err := c.provider.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("getting credentials: %w", err)
	}
	if err := c.signer.SignHTTP(ctx, credentials, r, payload, "s3", c.region, time.Now()); err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return r, nil
}

// readError reads an S3 error. Without a body, as after HEAD, the status is the
// code.
func readError(response *http.Response, body []byte) error {
	var e struct{ Code, Message string }
	if err := xml.Unmarshal(body, &e); err != nil && !errors.Is(err, io.EOF) || e.Code == "" {
		e.Code, e.Message = http.StatusText(response.StatusCode), ""
	}
	return &Error{Status: response.StatusCode, Code: e.Code, Message: e.Message}
}
