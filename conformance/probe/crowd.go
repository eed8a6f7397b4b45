//go:build machine

package main

import (
	"bufio"
	"fmt"
	"net"
	"sync"
	"time"
)

// askAll opens many connections, and then asks through all of them at once. Its
// answer is the one that all were given: all who are refused may be so for several
// reasons, of which it is the first.
func (p *probe) askAll() {
	open := make([]net.Conn, p.crowd)
	for i := range open {
		c, err := p.dial()
		if err != nil {
			p.print(Answer{Problem: err.Error()})
			return
		}
		open[i] = c
	}
	answers := make([]Answer, len(open))
	var all sync.WaitGroup
	for i, c := range open {
		all.Go(func() { answers[i] = p.ask(c) })
	}
	all.Wait()
	differ := map[int]int{}
	a := answers[0]
	for _, b := range answers {
		if differ[b.Status]++; b.Status < a.Status {
			a = b
		}
	}
	if a.Status == 0 || differ[200] > 0 && differ[200] < len(answers) {
		a = Answer{Problem: fmt.Sprintf("answers: %v", differ)}
	}
	p.print(a)
}

// relay passes bytes on between whoever comes to one address and another, as
// docker-proxy and ssh -L do.
func relay(at, to string) error {
	ln, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			d, err := net.DialTimeout("tcp", to, 5*time.Second)
			if err != nil {
				return
			}
			defer d.Close()
			go func() { _, _ = bufio.NewReader(c).WriteTo(d) }()
			_, _ = bufio.NewReader(d).WriteTo(c)
		}()
	}
}
