package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/vendord/vendord/mint"
	"github.com/vendord/vendord/session"
)

// An endedRoad answers every request with the beginning of one answer, as a
// middlebox does that closes a connection and mends the Content-Length.
type endedRoad struct {
	whole *httptest.ResponseRecorder
	n     int
}

func (r endedRoad) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: r.whole.Code, Header: r.whole.Header(), ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: int64(r.n), Body: io.NopCloser(bytes.NewReader(r.whole.Body.Bytes()[:r.n]))}, nil
}

// TestAnAnswerCutAnywhere cuts AWS's answer after each of its bytes. What comes
// of it is the whole of the credentials, or an error.
func TestAnAnswerCutAnywhere(t *testing.T) {
	john := exampleKey()
	environ := []string{"AWS_ACCESS_KEY_ID=" + john.ID, "AWS_SECRET_ACCESS_KEY=" + john.Secret}
	request := session.Request{Operation: session.AssumeRole, RoleARN: "arn:aws:iam::629470240201:role/JohnUploadRole", SessionName: "cut",
		Region: "eu-west-1", Endpoint: "http://127.0.0.1", Source: session.Source{Name: "john", Type: session.Environment}}
	try := func(road http.RoundTripper) (*session.Credentials, error) {
		minter, err := mint.New(mint.Config{Environ: environ, HTTP: &http.Client{Transport: road}})
		if err != nil {
			return nil, err
		}
		return minter.Mint(t.Context(), request)
	}
	aws, whole := newBadAWS(t, &demoClock{}), (*httptest.ResponseRecorder)(nil)
	if _, err := try(handlerRoad(func(r *http.Request) {
		whole = httptest.NewRecorder()
		aws.ServeHTTP(whole, r)
	})); err == nil || whole.Code != http.StatusOK {
		t.Fatalf("AWS: got HTTP %d %s, %v", whole.Code, whole.Body, err)
	}
	var mints sync.WaitGroup
	var mu sync.Mutex
	var taken int
	for n := range whole.Body.Len() + 1 {
		mints.Go(func() {
			got, err := try(endedRoad{whole, n})
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			taken++
			secret, token := got.Reveal()
			if is, known := aws.issuedAs(got.KeyID); !known || is.secret != secret || is.token != token || !is.expires.Equal(got.Expires) ||
				got.Principal != "" && got.Principal != "arn:aws:sts::629470240201:assumed-role/JohnUploadRole/cut" {
				t.Errorf("Mint with the first %d of %d bytes: got %v, want the whole or nothing", n, whole.Body.Len(), got)
			}
		})
	}
	mints.Wait()
	if taken == 0 {
		t.Error("Mint: got nothing from the whole answer, so this test shows nothing")
	}
	t.Logf("%d of %d beginnings are whole", taken, whole.Body.Len()+1)
}

// handlerRoad leads to a handler, and nothing comes back.
type handlerRoad func(*http.Request)

func (h handlerRoad) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Host = "127.0.0.1"
	h(r)
	return nil, io.ErrUnexpectedEOF
}
