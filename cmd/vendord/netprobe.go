package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/vendord/vendord/link"
	"github.com/vendord/vendord/profiles"
)

// metadataPatience is how long a metadata service of the machine's own has to answer: it
// is next door. That is enough for a second try of TCP's, and where there is none, what
// `net up` takes longer.
const metadataPatience = 1500 * time.Millisecond

// metadataAnswer is that of a metadata service which vendord would take the place of.
type metadataAnswer struct {
	at     netip.Addr
	status int
	server string
}

// asError refuses to take its place, unless that is asked for in so many words. What
// else asks there would get vendord's answers: a cloud's agents and cloud-init lose the
// machine's role, and at some clouds the same address is the machine's name server. And
// a unit would do so at each boot, when nobody reads a warning.
func (a metadataAnswer) asError() error {
	by := fmt.Sprintf("status %d", a.status)
	if a.server != "" {
		by += ", " + a.server
	}
	return fail(fmt.Sprintf("listen at a loopback port, and set AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:PORT/ for programs; to take it over: --force, or %s=1", netForce),
		"%s: a metadata service answers there already (%s): this machine is a cloud's, whose agents, cloud-init and own role ask there", a.at, by)
}

// metadataServices asks at the addresses of EC2's that are free to be taken, past any
// proxy. Anything below 500 is an answer of somebody who serves there: other clouds
// refuse what EC2 answers. Those of this machine's own programs cannot be meant, since
// the address is none of its own.
func metadataServices(ctx context.Context, rows []netRow) (found []metadataAnswer) {
	var asked sync.WaitGroup
	answers := make(chan metadataAnswer, len(rows))
	for _, row := range rows {
		if row.State == link.Missing && row.names(profiles.IMDS) {
			asked.Go(func() {
				if answer, err := askMetadata(ctx, netip.AddrPortFrom(row.Addr, 80)); err == nil {
					answers <- answer
				}
			})
		}
	}
	asked.Wait()
	close(answers)
	for answer := range answers {
		found = append(found, answer)
	}
	return found
}

// names reports whether it is an address of this kind of endpoint.
func (r netRow) names(kind profiles.EndpointKind) bool {
	for _, key := range r.Endpoints {
		if key == (profiles.Endpoint{Kind: kind}).Key() {
			return true
		}
	}
	return false
}

// askMetadata asks as SDKs do, for a session that is over in a second.
func askMetadata(ctx context.Context, at netip.AddrPort) (answer metadataAnswer, err error) {
	ctx, done := context.WithTimeout(ctx, metadataPatience)
	defer done()
	request, err := http.NewRequestWithContext(ctx, http.MethodPut, "http://"+at.String()+"/latest/api/token", http.NoBody)
	if err != nil {
		return answer, err
	}
	request.Header.Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "1")
	client := http.Client{
		Transport:     &http.Transport{DialContext: (&net.Dialer{}).DialContext, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	response, err := client.Do(request)
	if err != nil {
		return answer, err
	}
	_ = response.Body.Close()
	if response.StatusCode >= http.StatusInternalServerError {
		return answer, errors.New(response.Status)
	}
	server := response.Header.Get("Server")
	return metadataAnswer{at.Addr(), response.StatusCode, server[:min(len(server), 40)]}, nil
}
