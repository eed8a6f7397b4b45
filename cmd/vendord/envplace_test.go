package main

import (
	"testing"

	"github.com/vendord/vendord/control"
)

// Which address env leads a program to, and why to none.
func TestWhereEnvLeads(t *testing.T) {
	const path = "/v1/process/credentials"
	imds := func(url, app string) control.EndpointRow {
		return control.EndpointRow{Kind: "imds", URL: url, App: app}
	}
	ecs := func(url string) control.EndpointRow { return control.EndpointRow{Kind: "ecs", URL: url} }
	gone := ecs("http://169.254.170.2")
	gone.Unreachable = "is not an address of this machine"
	lost := imds("http://169.254.169.254", "")
	lost.Unreachable = "is not an address of this machine"
	metadata := func(s control.Status) (string, error) { return metadataOf(s, "web") }
	relative := func(s control.Status) (string, error) { return leading{relative: true}.place(s, path) }
	full := func(s control.Status) (string, error) { return leading{}.place(s, path) }
	const none = `app "web": no metadata service answers it`
	const noneHint = `one does from the next start of vendord on, with [[endpoints.imds]] and listen = "127.0.0.1:9254" in vendord.toml`
	const noECS = "env --relative: vendord does not listen at 169.254.170.2:80, where SDKs look for the path"
	const noECSHint = `it does from the next start on, with [endpoints.ecs] and listen = "169.254.170.2:80" in vendord.toml; or leave --relative out`
	for _, row := range []struct {
		name          string
		where         func(control.Status) (string, error)
		rows          []control.EndpointRow
		at, err, hint string
	}{
		{"the metadata service", metadata, []control.EndpointRow{ecs("http://169.254.170.2"), imds("http://169.254.169.254", "")}, "http://169.254.169.254", "", ""},
		{"a port of its own, before the one that is everybody's", metadata, []control.EndpointRow{imds("http://169.254.169.254", ""), imds("http://127.0.0.1:9255", "web")}, "http://127.0.0.1:9255", "", ""},
		{"another's port", metadata, []control.EndpointRow{imds("http://127.0.0.1:9255", "other")}, "", none, noneHint},
		{"no metadata service", metadata, []control.EndpointRow{ecs("http://169.254.170.2")}, "", none, noneHint},
		{"its address is not there", metadata, []control.EndpointRow{lost}, "", "http://169.254.169.254: is not an address of this machine", "see: vendord net status"},
		{"a path", relative, []control.EndpointRow{imds("http://169.254.169.254", ""), ecs("http://169.254.170.2")}, path, "", ""},
		{"a path at another port", relative, []control.EndpointRow{ecs("http://169.254.170.2:8080")}, "", noECS, noECSHint},
		{"a path nowhere", relative, nil, "", noECS, noECSHint},
		{"a path where the address is not there", relative, []control.EndpointRow{gone}, "", "http://169.254.170.2: is not an address of this machine", "see: vendord net status"},
		{"as always", full, []control.EndpointRow{ecs("http://169.254.170.2")}, "", "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			at, err := row.where(control.Status{Endpoints: row.rows})
			message := ""
			if err != nil {
				message = err.Error()
			}
			if message != row.err || err != nil && hintOf(err) != row.hint || err == nil && at != row.at {
				t.Errorf("got %q, %q, hint %q, want %q, %q, hint %q", at, message, hintOf(err), row.at, row.err, row.hint)
			}
		})
	}
}
