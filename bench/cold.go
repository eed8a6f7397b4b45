package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/vendord/vendord/fakeaws"
)

// herd is what becomes of many clients that ask at once for what is not there
// yet, with a slow STS. Times are in milliseconds.
type herd struct {
	Clients int     `json:"clients"`
	Latency float64 `json:"sts_latency_ms"`
	Rounds  int     `json:"rounds"` // each with a session of its own
	Calls   []int   `json:"sts_calls"`
	Median  float64 `json:"median_wait_ms"` // of all rounds' medians
	Max     float64 `json:"max_wait_ms"`    // of all
}

const stsLatency = 200 * time.Millisecond

// stampede measures a herd: each round asks for another app's session, so that
// it is cold, and the daemon is not.
func (w *world) stampede(ctx context.Context, clients, rounds int) (herd, error) {
	h := herd{Clients: clients, Rounds: rounds, Latency: milliseconds(stsLatency)}
	d, err := w.newDaemon("cold", fewProfiles, "")
	if err != nil {
		return h, err
	}
	v, err := d.serve(ctx, "a0")
	if err != nil {
		return h, err
	}
	defer v.stop()
	w.aws.Inject(fakeaws.Fault{Operation: "AssumeRole", Kind: fakeaws.Latency, Latency: stsLatency})
	defer w.aws.Clear()
	var medians []float64
	for i := range rounds {
		token, err := d.issue(ctx, fmt.Sprintf("a%d", i+1))
		if err != nil {
			return h, err
		}
		calls := w.aws.Calls("AssumeRole")
		var waits []time.Duration
		task := map[string]cold{"Cold": {Addr: v.addr, Token: token, Clients: clients}}
		if err := w.callSelf(ctx, modeLoad, task, &waits, time.Minute); err != nil {
			return h, fmt.Errorf("%d cold clients: %w", clients, err)
		}
		h.Calls = append(h.Calls, w.aws.Calls("AssumeRole")-calls)
		all := make([]float64, len(waits))
		for j, wait := range waits {
			all[j] = milliseconds(wait)
		}
		medians, h.Max = append(medians, median(all)), max(h.Max, slices.Max(all))
	}
	h.Median = median(medians)
	return h, nil
}

// cold is what a client process is told to do: be many clients that all ask at
// once for what the server does not have yet.
type cold struct {
	Addr    string
	Token   string
	Clients int
}

// run lets all clients go at the same time and returns how long each waited for
// its whole answer, its connection included. All must get the same.
func (c cold) run() ([]time.Duration, error) {
	text := request(c.Addr, c.Token, false)
	waits, bodies := make([]time.Duration, c.Clients), make([][]byte, c.Clients)
	failed := make(chan error, c.Clients)
	release := make(chan struct{})
	var all sync.WaitGroup
	for i := range c.Clients {
		all.Go(func() {
			<-release
			began := time.Now()
			var err error
			if bodies[i], err = ask(c.Addr, text); err != nil {
				failed <- err
			}
			waits[i] = time.Since(began)
		})
	}
	close(release)
	all.Wait()
	close(failed)
	if err, bad := <-failed; bad {
		return nil, fmt.Errorf("%d of %d clients got nothing: the first: %w", len(failed)+1, c.Clients, err)
	}
	for _, body := range bodies {
		if !bytes.Equal(body, bodies[0]) {
			return nil, errors.New("two clients of one app got different credentials")
		}
	}
	return waits, nil
}

// ask asks once over a connection of its own and returns the body.
func ask(addr string, request []byte) ([]byte, error) {
	c, err := dial(addr)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return nil, err
	}
	if _, err := c.Write(request); err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	body, err := newAnswers(c, nil).next()
	return bytes.Clone(body), err
}
