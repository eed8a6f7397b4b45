//go:build machine

package machine

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

const fakeaws = `[Service]
ExecStart=/usr/local/bin/fakeaws -listen 127.0.0.1:4566
`

// StartAWS starts an AWS that has not been asked for anything.
func (m *Machine) StartAWS() {
	m.t.Helper()
	m.Write("/etc/systemd/system/fakeaws.service", fakeaws, 0o644)
	m.do("systemctl", "daemon-reload")
	m.do("systemctl", "restart", "fakeaws")
	m.Within("AWS", func() bool { _, err := ask("GET", "health", ""); return err == nil })
}

// Calls are the operations that AWS was asked for since Forget, or its start.
func (m *Machine) Calls() []string {
	m.t.Helper()
	text, err := ask("GET", "journal", "")
	must(m.t, err)
	var calls []struct{ Operation string }
	must(m.t, json.Unmarshal(text, &calls))
	var names []string
	for _, call := range calls {
		names = append(names, call.Operation)
	}
	return names
}

// Forget has AWS forget what it was asked for.
func (m *Machine) Forget() { m.tell("DELETE", "journal", "") }

// Fault has AWS fail: see fakeaws.Fault, as JSON. Mend ends that.
func (m *Machine) Fault(fault string) { m.tell("POST", "faults", fault) }

// Mend has AWS be as it should.
func (m *Machine) Mend() { m.tell("DELETE", "faults", "") }

func (m *Machine) tell(method, what, body string) {
	m.t.Helper()
	_, err := ask(method, what, body)
	must(m.t, err)
}

// ask asks fakeaws for something that no AWS has.
func ask(method, what, body string) (text json.RawMessage, err error) {
	r, err := http.NewRequest(method, aws+"/_fake/"+what, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	return text, json.NewDecoder(response.Body).Decode(&text)
}
