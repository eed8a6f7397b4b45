package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/vendord/vendord/session"
)

// maxDocument is below the 10,000 bytes that the CRT reads at most, as of
// 2026-11.
const maxDocument = 9_000

// wire is the body that hands credentials out, in AWS's spelling (Amazon ECS
// Developer Guide, task IAM roles). It is flat, and there is neither another
// key nor a Code: s3fs splits it at commas and looks for words.
type wire struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string `json:"SecretAccessKey"`
	Token           string `json:"Token"`
	Expiration      string `json:"Expiration"`
	AccountID       string `json:"AccountId,omitempty"`
	RoleARN         string `json:"RoleArn,omitempty"`
}

// expiration is the one form that all SDKs can read: whole seconds, a capital
// Z. Formatting cuts fractions off, which never makes a life longer.
const expiration = "2006-01-02T15:04:05Z"

// document returns the body for c, or an error if it would be one that no
// program should be given: half empty, over, or too long. An SDK that gets such
// a 200 keeps it and fails later, somewhere else.
func document(c *session.Credentials, now time.Time) ([]byte, error) {
	if c == nil {
		return nil, errors.New("none were given, and no error")
	}
	if left := c.Left(now); left <= 0 {
		return nil, fmt.Errorf("%s: over since %v", c.KeyID, -left)
	}
	body := c.Body(render)
	if body == nil {
		_, err := encode(c)
		return nil, err
	}
	return body, nil
}

// render is what Credentials.Body keeps: the body, or nil if there is none.
func render(c *session.Credentials) []byte {
	body, err := encode(c)
	if err != nil {
		return nil
	}
	return body
}

// encode makes the body for c. Its errors name no secret.
func encode(c *session.Credentials) ([]byte, error) {
	secret, token := c.Reveal()
	switch {
	case c.KeyID == "":
		return nil, errors.New("no access key id")
	case secret == "":
		return nil, fmt.Errorf("%s: no secret access key", c.KeyID)
	case token == "":
		return nil, fmt.Errorf("%s: no session token", c.KeyID)
	}
	body := compact(wire{
		AccessKeyID: c.KeyID, SecretAccessKey: secret, Token: token,
		Expiration: c.Expires.UTC().Format(expiration), AccountID: c.AccountID, RoleARN: c.RoleARN,
	})
	if len(body) > maxDocument {
		return nil, fmt.Errorf("%s: %d bytes as JSON, the CRT's SDKs read no more than 10,000", c.KeyID, len(body))
	}
	return body, nil
}

// compact returns v as JSON without escapes for HTML, which s3fs would take
// literally, and without anything after the last brace.
func compact(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		panic(err) // structs of strings: cannot fail
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
