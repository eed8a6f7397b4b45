package server_test

import (
	"context"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/server"
	"github.com/vendord/vendord/session"
)

// fullDisk is a record's disk, which is full until it is not.
type fullDisk struct {
	output
	room atomic.Bool
}

func (d *fullDisk) Write(p []byte) (int, error) {
	if !d.room.Load() {
		return 0, syscall.ENOSPC
	}
	return d.output.Write(p)
}

// Where the record is required, what cannot be recorded is not vended, and the
// program is told why; with room, it goes on.
func TestNothingIsVendedUnrecorded(t *testing.T) {
	disk := new(fullDisk)
	log := audit.New(audit.Config{Out: disk, Required: true})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- log.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := startOn(t, ln, always(credentials(nil)), func(c *server.Config) { c.Audit = log })
	const ask = "GET /v1/credentials HTTP/1.1\nHost: ADDR\nAuthorization: TOKEN\n\n"
	got := w.ask(ask)
	want := "record: cannot be written: no space left on device; hint: nothing is vended unrecorded here ([audit] required); make room for the record, and it goes on by itself"
	if got.status != 503 || !strings.Contains(got.body, `"code":"NotReady"`) || !strings.Contains(got.body, want) || strings.Contains(got.body, "SecretAccessKey") {
		t.Errorf("with a full disk: got %d %s, want 503 %s", got.status, got.body, want)
	}
	refused := log.Refusals("uploader")
	if len(refused) != 1 || refused[0].KeyID != "" || refused[0].Minted || !refused[0].Expires.IsZero() {
		t.Errorf("refusals: got %+v, want one without a key", refused)
	}
	disk.room.Store(true)
	deadline := time.Now().Add(30 * time.Second)
	for got.status != 200 && time.Now().Before(deadline) {
		got = w.ask(ask)
	}
	if got.status != 200 || !strings.Contains(disk.String(), `"status":200`) {
		t.Errorf("with room again: got %d, record %q, want 200 on record before the answer is here", got.status, disk.String())
	}
}

// hungDisk is a record's disk that takes a second for a line that vends, in which
// things happen.
type hungDisk struct {
	output
	meanwhile func()
}

func (d *hungDisk) Write(p []byte) (int, error) {
	if strings.Contains(string(p), `"status":200`) {
		d.meanwhile()
	}
	return d.output.Write(p)
}

// What is waited for is not AWS alone: who is locked out while a required record is
// written gets nothing either.
func TestWhatEndsWhileItIsRecordedIsNotVended(t *testing.T) {
	locked := &session.Error{Class: session.Refused, Public: "vendord is locked", Hint: "vendord unlock"}
	for _, test := range []struct {
		name, want string
		status     int
		happens    func(w *world, lock *atomic.Bool)
	}{
		{"nothing", "SecretAccessKey", 200, func(*world, *atomic.Bool) {}},
		{"the token is revoked", `"code":"NotRecognized"`, 401, func(w *world, _ *atomic.Bool) { _, _ = w.apps.Revoke("uploader", "") }},
		{"vendord is locked", "vendord is locked", 403, func(_ *world, lock *atomic.Bool) { lock.Store(true) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var lock atomic.Bool
			var w *world
			disk := &hungDisk{meanwhile: func() { w.pass(time.Second); test.happens(w, &lock) }}
			log := audit.New(audit.Config{Out: disk, Required: true})
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- log.Run(ctx) }()
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			w = startOn(t, ln, func(context.Context, session.Key, time.Duration) (*session.Credentials, error) {
				if lock.Load() {
					return nil, locked
				}
				return credentials(nil), nil
			}, func(c *server.Config) { c.Audit = log })
			got := w.ask(plain)
			cancel()
			<-ended
			if got.status != test.status || !strings.Contains(got.body, test.want) {
				t.Errorf("got %d %s, want %d %s", got.status, got.body, test.status, test.want)
			}
			lines := strings.Split(strings.TrimSpace(disk.String()), "\n")
			if last := lines[len(lines)-1]; test.status != 200 && (len(lines) != 2 || strings.Contains(last, "ASIA")) {
				t.Errorf("record: got %q, want a second line, without a key", lines)
			}
		})
	}
}

// A program that asks at several endpoints is told by the record where it did.
func TestTheRecordSaysAtWhichEndpoint(t *testing.T) {
	here := start(t, always(credentials(nil)))
	for _, test := range []struct {
		of         server.Endpoint
		ask, where string
	}{
		{server.Endpoint{}, plain, `"endpoint":"loopback","app"`},
		{server.Endpoint{Kind: server.ECS}, plain, `"endpoint":"ecs","app"`},
		{server.Endpoint{Kind: server.EKS}, plain, `"endpoint":"eks","app"`},
		{server.Endpoint{Kind: server.EKS}, carrying("vnd_wrong"), `"endpoint":"eks","status":401`},
		{server.Endpoint{Kind: server.Metadata}, reading(roles+"x", "wrong"), `"endpoint":"imds","status":`},
		{server.Endpoint{Kind: server.Metadata, App: "uploader"}, reading(roles+"x", "wrong"), `"endpoint":"imds","listen":"ADDR","status":`},
	} {
		there := here.beside(test.of)
		there.ask(test.ask)
		if want := there.put(test.where); !strings.Contains(here.record(), want) {
			t.Errorf("%+v: record\ngot  %s\nwant %s", test.of, here.record(), want)
		}
		here.lines.take()
	}
}
