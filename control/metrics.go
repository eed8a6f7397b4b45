package control

import (
	"context"
	"net/http"
	"strconv"

	"github.com/vendord/vendord/session"
)

// metricsType is the content type of Prometheus's text format.
const metricsType = "text/plain; version=0.0.4; charset=utf-8"

// metrics answers curl and collectors too, which know nothing of our version:
// the text format is their own.
func (s *Server) metrics(r request) error {
	if s.cfg.Metrics == nil {
		return &session.Error{Class: session.Configuration, Public: "metrics: this daemon has none", Hint: sameVersion}
	}
	text := s.cfg.Metrics()
	r.w.Header().Set(versionHeader, strconv.Itoa(Version))
	r.w.Header().Set("Content-Type", metricsType)
	r.w.Header().Set("Cache-Control", "no-store")
	r.w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	_, _ = r.w.Write(text) // a client that left is nobody's error
	return nil
}

// Metrics returns the daemon's metrics in Prometheus's text format.
func (c *Client) Metrics(ctx context.Context) ([]byte, error) {
	ctx, done := context.WithTimeout(ctx, answerTimeout)
	defer done()
	body, err := c.send(ctx, http.MethodGet, "/metrics", nil)
	if err != nil {
		return nil, explain(ctx, c.path, err)
	}
	defer func() { _ = body.Close() }()
	text, err := readAnswer(body)
	if err != nil {
		return nil, explain(ctx, c.path, err)
	}
	return text, nil
}
