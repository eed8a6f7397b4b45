package main

import (
	"testing"
	"time"
)

func TestLifetime(t *testing.T) {
	for text, want := range map[string]time.Duration{"12h": 12 * time.Hour, "30d": 720 * time.Hour, "90s": 90 * time.Second,
		"": 0, "d": 0, "-1d": 0, "0d": 0, "400d": 0, "1w": 0, "-5h": 0} {
		var l lifetime
		err := l.Set(text)
		if time.Duration(l) != want || (err == nil) != (want != 0) {
			t.Errorf("Set(%q): got %v, %v, want %v", text, time.Duration(l), err, want)
		}
	}
}

func TestLifetimeInHelp(t *testing.T) {
	for d, want := range map[time.Duration]string{12 * time.Hour: "12h", 90 * 24 * time.Hour: "90d", 24 * time.Hour: "24h",
		90 * time.Minute: "1h30m", 90 * time.Second: "1m30s"} {
		if l := lifetime(d); l.String() != want {
			t.Errorf("String of %v: got %q, want %q", d, l.String(), want)
		}
	}
}
