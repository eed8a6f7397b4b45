package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// load is what a client process is told to do: ask one server for a while, and
// count. It is a process of its own, so that neither its garbage nor its
// scheduler is in the servers' figures, and has half the processors.
type load struct {
	Addr        string
	Token       string // "" to be recognised by the kernel
	Body        []byte // what every answer must be; nil: all the same
	Connections int
	Fresh       bool          // a new connection for each request
	WarmUp      time.Duration // answers before it ends are not counted
	Time        time.Duration // that is measured
	PID         int           // the server, whose processor time is wanted
}

// outcome is what became of a load.
type outcome struct {
	Answers int64         // in the measured time
	All     int64         // with those of the warm-up and the last ones
	Left    int64         // at most so many were answered and not waited for
	Elapsed time.Duration // the measured time, exactly
	Server  time.Duration // the server's processor time in it, or unmeasured
	Client  time.Duration // the client's own
	Stolen  float64       // the part of the processors' time that a host took
}

// perSecond returns answers per second.
func (o outcome) perSecond() float64 { return float64(o.Answers) / o.Elapsed.Seconds() }

// cpu returns microseconds of the server's processors for each answer.
func (o outcome) cpu() float64 {
	if o.Server == unmeasured {
		return unmeasured
	}
	return float64(o.Server) / 1e3 / float64(o.Answers)
}

// clientCPU returns microseconds of the client's processors for each answer.
func (o outcome) clientCPU() float64 {
	if o.Client == unmeasured {
		return unmeasured
	}
	return float64(o.Client) / 1e3 / float64(o.Answers)
}

// request returns what the AWS SDK for Go sends, with a token or without.
func request(addr, token string, fresh bool) []byte {
	path, authorization, connection := "/v1/credentials", "Authorization: "+token+"\r\n", ""
	if token == "" {
		path, authorization = "/v1/process/credentials", ""
	}
	if fresh {
		connection = "Connection: close\r\n"
	}
	return []byte("GET " + path + " HTTP/1.1\r\nHost: " + addr + "\r\nUser-Agent: Go-http-client/1.1\r\n" +
		"Accept: application/json\r\nAmz-Sdk-Request: attempt=1; max=3\r\n" + authorization +
		"Accept-Encoding: gzip\r\n" + connection + "\r\n")
}

// loadMode is the client process: a task on stdin, what came of it on stdout.
// Whoever started it bounds its time.
func loadMode(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	runtime.GOMAXPROCS(max(1, runtime.NumCPU()/2))
	var task struct {
		Load *load
		Cold *cold
	}
	if err := json.NewDecoder(stdin).Decode(&task); err != nil {
		return fmt.Errorf("load: reading the task: %w", err)
	}
	var out any
	var err error
	if task.Cold != nil {
		out, err = task.Cold.run()
	} else {
		out, err = task.Load.run(ctx)
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(out)
}

// worker is one of the client's connections, or one after the other.
type worker struct {
	answers atomic.Int64
	_       [56]byte // a cache line each, or they would wait for one another
}

// run asks until the time is over or something goes wrong.
func (l load) run(ctx context.Context) (outcome, error) {
	workers := make([]worker, l.Connections)
	failed := make(chan error, l.Connections)
	var stop atomic.Bool
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() {
			if err := l.work(&workers[i], &stop); err != nil {
				failed <- err
			}
		})
	}
	var samples [2]sample
	var err error
	for i, wait := range []time.Duration{l.WarmUp, l.Time} {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			err = context.Cause(ctx)
		case err = <-failed:
		}
		if err != nil {
			stop.Store(true)
			return outcome{}, err
		}
		samples[i] = l.sample(workers)
	}
	stop.Store(true)
	all.Wait()
	select {
	case err := <-failed:
		return outcome{}, err
	default:
	}
	return samples[1].since(samples[0], l.sample(workers).answers), nil
}

// work asks again and again.
func (l load) work(w *worker, stop *atomic.Bool) error {
	text := request(l.Addr, l.Token, l.Fresh)
	in := newAnswers(nil, l.Body)
	var c net.Conn
	for !stop.Load() {
		if c == nil {
			var err error
			if c, err = dial(l.Addr); err != nil {
				return err
			}
			in.in = c
		}
		if _, err := c.Write(text); err != nil {
			return fmt.Errorf("request: %w", err)
		}
		if _, err := in.next(); err != nil {
			return err
		}
		w.answers.Add(1)
		if l.Fresh {
			if err := ended(c); err != nil {
				return err
			}
			c = nil
		}
	}
	if c == nil {
		return nil
	}
	return c.Close()
}

// dial connects. TCP's keep-alive is left out: four system calls for what takes
// less time than its first probe.
func dial(addr string) (net.Conn, error) {
	d := net.Dialer{KeepAlive: -1, Timeout: 10 * time.Second}
	c, err := d.Dial("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connection: %w", err)
	}
	return c, nil
}

// ended waits for the server to close: whoever closes first keeps the port for
// a minute, and a client would run out of them.
func ended(c net.Conn) error {
	defer c.Close()
	var more [1]byte
	switch n, err := c.Read(more[:]); {
	case n > 0:
		return errors.New("answer: something after the body's end")
	case !errors.Is(err, io.EOF):
		return fmt.Errorf("answer: not closed by the server: %w", err)
	}
	return nil
}

// sample is where everything stood at one moment.
type sample struct {
	at             time.Time
	answers        int64
	server, client time.Duration
}

func (l load) sample(workers []worker) sample {
	s := sample{at: time.Now(), server: cpuTime(l.PID), client: cpuTime(os.Getpid())}
	for i := range workers {
		s.answers += workers[i].answers.Load()
	}
	return s
}

func (s sample) since(begin sample, all int64) outcome {
	o := outcome{Answers: s.answers - begin.answers, All: all, Elapsed: s.at.Sub(begin.at),
		Server: unmeasured, Client: unmeasured}
	if s.server != unmeasured && begin.server != unmeasured {
		o.Server, o.Client = s.server-begin.server, s.client-begin.client
	}
	return o
}
