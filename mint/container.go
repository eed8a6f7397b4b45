package mint

import (
	"context"
	"net/http"
	"strings"

	"github.com/vendord/vendord/session"
)

// The variables that lead an SDK to a container's credentials (AWS SDKs and Tools
// Reference Guide, container credential provider).
const (
	relativeURI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
	fullURI     = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
	uriToken    = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
	uriTokenAt  = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
)

// ecsAgent is what a relative URI is relative to.
const ecsAgent = "http://169.254.170.2"

// maxURIToken is more than any token of such an endpoint.
const maxURIToken = 16 << 10

// container gets the credentials of the container that vendord runs in: ECS, EKS
// Pod Identity, or whatever else speaks their protocol, except vendord.
func (m *Minter) container(ctx context.Context, s session.Source) (identity, error) {
	who := identity{subject: subject(s)}
	address, err := m.containerURL(s)
	if err != nil {
		return who, err
	}
	token, err := m.containerToken(s)
	if err != nil {
		return who, err
	}
	header := http.Header{"Accept": {"application/json"}}
	if token != "" {
		header.Set("Authorization", token)
	}
	c := call{service: "the container's endpoint", signer: who, secrets: []string{token}}
	status, text, err := m.get(ctx, c, http.MethodGet, address, header)
	switch {
	case err != nil:
		return who, err
	case status != http.StatusOK:
		return who, c.refusedBy(status, "the task or pod must have a role, and its token be current")
	}
	keys, problem := parseEndpoint(text, m.now())
	if problem != "" {
		return who, c.odd(problem)
	}
	who.keys = keys
	return who, nil
}

// containerURL is where the daemon's own environment says. The relative one counts
// first, as in the SDKs.
func (m *Minter) containerURL(s session.Source) (string, error) {
	if relative := lookup(m.config.Environ, relativeURI); relative != "" {
		if !strings.HasPrefix(relative, "/") {
			return "", misconfigured(s, "it must be a path", "%s, which vendord was started with, does not begin with /", relativeURI)
		}
		return ecsAgent + relative, nil
	}
	full := lookup(m.config.Environ, fullURI)
	if full == "" {
		return "", misconfigured(s, "such a source is for a daemon in an ECS task, in an EKS pod, or where else that variable is set",
			"neither %s nor %s was set when vendord was started", relativeURI, fullURI)
	}
	u, err := m.near(s, fullURI, full)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// containerToken is read anew each time: EKS replaces it.
func (m *Minter) containerToken(s session.Source) (token string, err error) {
	variable := uriToken
	if path := lookup(m.config.Environ, uriTokenAt); path != "" {
		variable = uriTokenAt
		if token, err = readSmall(path, maxURIToken); err != nil {
			return "", &session.Error{Class: session.Retry, Public: subject(s) + ": reading " + path + " (" + uriTokenAt + "): " + why(err),
				Hint: "whatever writes it must do so readably for vendord's user; it is read again at each try"}
		}
		token = strings.TrimRight(token, "\r\n")
	} else {
		token = lookup(m.config.Environ, uriToken)
	}
	switch {
	case strings.HasPrefix(strings.TrimPrefix(token, "Bearer "), "vnd_"):
		// A token of this vendord, or of another: either way round in a circle.
		return "", misconfigured(s, itself, "%s, which vendord was started with, is a token of vendord", variable)
	case strings.ContainsFunc(token, func(r rune) bool { return r < ' ' || r > '~' }):
		return "", misconfigured(s, "a line break may have been copied along", "%s has characters that no header has", variable)
	}
	return token, nil
}
