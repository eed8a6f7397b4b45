package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"
)

// started is how long it takes from the execution of vendord to its answers,
// with a number of profiles. Times are medians, in milliseconds.
type started struct {
	Profiles int     `json:"profiles"`
	Starts   int     `json:"starts"`
	File     int64   `json:"config_bytes"`
	Ready    float64 `json:"ready_ms"`        // without a live token: nothing is minted, STS aside
	First    float64 `json:"first_answer_ms"` // with one: STS is asked for its session
	Calls    int     `json:"sts_calls"`       // until a first answer, in the worst of the starts
	Memory   memory  `json:"memory"`          // one second after the first answer
}

// start measures starts with a number of profiles.
func (w *world) start(ctx context.Context, profiles, times int) (started, error) {
	d, err := w.newDaemon(fmt.Sprintf("start-%d", profiles), profiles, "")
	if err != nil {
		return started{}, err
	}
	s := started{Profiles: profiles, Starts: times, Memory: memory{unmeasured, unmeasured}}
	if file, err := os.Stat(d.config); err == nil {
		s.File = file.Size()
	}
	var ready, first []float64
	for range times {
		took, err := d.untilReady(ctx)
		if err != nil {
			return s, err
		}
		ready = append(ready, took)
	}
	v, err := d.serve(ctx, "a0") // from here on there is a live token
	if err != nil {
		return s, err
	}
	v.stop()
	for i := range times {
		calls := w.aws.Calls("AssumeRole")
		took, m, err := d.untilAnswer(ctx, v.token, i == times-1)
		if err != nil {
			return s, err
		}
		first, s.Memory = append(first, took), m
		s.Calls = max(s.Calls, w.aws.Calls("AssumeRole")-calls)
	}
	s.Ready, s.First = median(ready), median(first)
	return s, nil
}

// untilReady returns the milliseconds until the daemon says that it is.
func (d *daemon) untilReady(ctx context.Context) (float64, error) {
	began := time.Now()
	p, err := d.start(ctx)
	if err != nil {
		return 0, err
	}
	defer p.stop()
	_, err = p.await()
	return milliseconds(time.Since(began)), err
}

// untilAnswer returns the milliseconds until a program that asks all the time
// has its first 200, and, if wanted, the memory a second later.
func (d *daemon) untilAnswer(ctx context.Context, token string, weigh bool) (float64, memory, error) {
	addr, err := d.addr()
	if err != nil {
		return 0, memory{}, err
	}
	began := time.Now()
	p, err := d.start(ctx)
	if err != nil {
		return 0, memory{}, err
	}
	defer p.stop()
	if err := untilListening(addr, began.Add(30*time.Second)); err != nil {
		return 0, memory{}, fmt.Errorf("%w: %s", err, p.said.text())
	}
	_, err = ask(addr, request(addr, token, false))
	took := milliseconds(time.Since(began))
	if err != nil || !weigh {
		return took, memory{}, err
	}
	return took, settled(p, time.Second), nil
}

// untilListening waits until a connection can be made.
func untilListening(addr string, deadline time.Time) error {
	for {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("start: %w", err)
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// settled returns a process's memory once it has had some time to itself.
func settled(p *process, after time.Duration) memory {
	time.Sleep(after)
	return memoryOf(p.pid())
}

func milliseconds(d time.Duration) float64 { return float64(d) / 1e6 }
