package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"time"
)

// wrk is a load generator that many have: https://github.com/wg/wrk. It costs
// the processors less than any client in Go, and so shows more of the servers'
// own difference where each request has a connection of its own. At the end it
// leaves the requests of its 16 connections behind.
var (
	wrkTotal = regexp.MustCompile(`(?m)^\s*(\d+) requests in ([0-9.]+)(ms|s|m),`)
	wrkWrong = regexp.MustCompile(`(?m)^\s*(Non-2xx or 3xx responses|Socket errors): .*$`)
)

// wrk runs wrk against a side with 16 connections, each for one request. Its
// time is in whole seconds, and it has no warm-up.
func wrk(ctx context.Context, s *side) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	before := cpuTime(s.pid())
	out, err := exec.CommandContext(ctx, "wrk", "-t1", "-c16", "-d1s", "-H", "Authorization: "+s.token,
		"-H", "Accept: application/json", "-H", "Accept-Encoding: gzip", "-H", "User-Agent: Go-http-client/1.1",
		"-H", "Connection: close", "http://"+s.addr+"/v1/credentials").CombinedOutput()
	after := cpuTime(s.pid())
	if err != nil {
		return outcome{}, fmt.Errorf("wrk: %w: %s", err, bytes.TrimSpace(out))
	}
	o, err := parseWrk(string(out))
	if err == nil && after != unmeasured {
		o.Server = after - before
	}
	return o, err
}

// parseWrk reads what wrk prints. An answer that is not 200, or none, is an
// error as it is everywhere here.
func parseWrk(text string) (outcome, error) {
	if wrong := wrkWrong.FindString(text); wrong != "" {
		return outcome{}, fmt.Errorf("wrk: %s", bytes.TrimSpace([]byte(wrong)))
	}
	total := wrkTotal.FindStringSubmatch(text)
	if total == nil {
		return outcome{}, fmt.Errorf("wrk: no total in %.200q", text)
	}
	n, err := strconv.ParseInt(total[1], 10, 64)
	if err != nil || n == 0 {
		return outcome{}, fmt.Errorf("wrk: %s requests", total[1])
	}
	elapsed, err := time.ParseDuration(total[2] + total[3])
	return outcome{Answers: n, All: n, Left: 16, Elapsed: elapsed, Server: unmeasured, Client: unmeasured}, err
}
