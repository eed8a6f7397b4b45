//go:build machine

package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// session is the session token that is in a file, as EC2's metadata service wants one;
// one is got and put there where there is none.
func (p *probe) session(file string) (string, error) {
	if text, err := os.ReadFile(file); err == nil {
		return string(text), nil
	}
	r, err := http.NewRequest(http.MethodPut, p.host()+"/latest/api/token", http.NoBody)
	if err != nil {
		return "", err
	}
	r.Header.Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "21600")
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	token, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("session token: %s: %s", answer.Status, token)
	}
	return string(token), errors.Join(err, os.WriteFile(file, token, 0o600))
}
