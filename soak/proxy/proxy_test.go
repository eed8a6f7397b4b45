package proxy_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"

	"github.com/vendord/vendord/soak/proxy"
)

const said = "a good answer, of which nothing is missing"

// start returns a road to a server, and a way to ask it that says how it went.
func start(t *testing.T) (*proxy.Proxy, func() (string, error)) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, said) }))
	t.Cleanup(server.Close)
	road, err := proxy.New(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(road.Close)
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	return road, func() (string, error) {
		response, err := client.Get("http://" + road.Addr())
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}
}

func TestRoads(t *testing.T) {
	for _, c := range []struct {
		name  string
		chain []toxics.Toxic
		fails string // in the error; "": the answer arrives
	}{
		{"good", nil, ""},
		{"late", []toxics.Toxic{&toxics.LatencyToxic{Latency: 50}}, ""},
		{"later than anybody waits", []toxics.Toxic{&toxics.LatencyToxic{Latency: 30_000}}, "Timeout"},
		{"slow", []toxics.Toxic{&toxics.SlicerToxic{AverageSize: 64, Delay: 20_000}}, ""},
		{"trickling", []toxics.Toxic{&toxics.SlicerToxic{AverageSize: 1, Delay: 100_000}}, "Timeout"},
		{"cut", []toxics.Toxic{&toxics.LimitDataToxic{Bytes: 130}}, "EOF"},
		{"cut and silent", []toxics.Toxic{&toxics.LimitDataToxic{Bytes: 130}, &toxics.SlowCloseToxic{Delay: 30_000}}, "Timeout"},
		{"reset", []toxics.Toxic{&toxics.ResetToxic{}}, "reset by peer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			road, ask := start(t)
			if got, err := ask(); got != said || err != nil {
				t.Fatalf("before: got %q, %v", got, err)
			}
			if err := road.Set(c.chain...); err != nil {
				t.Fatal(err)
			}
			got, err := ask()
			if ok := err == nil && got == said; ok != (c.fails == "") || !ok && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("GET: got %q, %v, want %q", got, err, c.fails)
			}
			if err := road.Set(); err != nil {
				t.Fatal(err)
			}
			if got, err := ask(); got != said || err != nil {
				t.Errorf("afterwards: got %q, %v", got, err)
			}
		})
	}
}

func TestRefuse(t *testing.T) {
	road, ask := start(t)
	road.Refuse()
	if _, err := ask(); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("GET: got %v, want it refused", err)
	}
	if err := road.Set(); err != nil {
		t.Fatal(err)
	}
	if got, err := ask(); got != said || err != nil {
		t.Errorf("afterwards: got %q, %v", got, err)
	}
	if n := road.Accepted(); n != 1 {
		t.Errorf("Accepted: got %d, want 1", n)
	}
}

// Whatever a road does to a connection, nothing of it is left when the proxy is
// closed: a soak of an hour cuts thousands.
func TestNothingIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { // talks without end
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				for {
					if _, err := c.Write(make([]byte, 4096)); err != nil {
						c.Close()
						return
					}
				}
			}()
		}
	}()
	road, err := proxy.New(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, chain := range [][]toxics.Toxic{nil, {&toxics.LatencyToxic{Latency: 30_000}}, {&toxics.LimitDataToxic{Bytes: 10}},
		{&toxics.SlicerToxic{AverageSize: 1, Delay: 1000}}, {&toxics.SlicerToxic{AverageSize: 64, Delay: 20_000}}, {&toxics.ResetToxic{}},
		{&toxics.LimitDataToxic{Bytes: 10}, &toxics.SlowCloseToxic{Delay: 60_000}}} {
		if err := road.Set(chain...); err != nil {
			t.Fatal(err)
		}
		for range 5 {
			c, err := net.Dial("tcp", road.Addr())
			if errors.Is(err, syscall.ECONNRESET) {
				continue // ResetToxic was faster than the dial
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			_ = c.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
			_, _ = io.Copy(io.Discard, c)
		}
	}
	closed := make(chan struct{})
	go func() { road.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(10 * time.Second):
		t.Fatal("Close: still waits after 10 s")
	}
	server.Close()
	for range 200 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("goroutines: got %d, want %d as before", runtime.NumGoroutine(), before)
}
