package main

import (
	"testing"
	"time"
)

func TestInWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 90 * time.Second: "90 s", -90 * time.Second: "90 s ago", 52 * time.Minute: "52 min",
		time.Hour: "60 min", 3*time.Hour + 5*time.Minute: "3 h 5 min", 90 * 24 * time.Hour: "90 days",
	} {
		if got := inWords(d); got != want {
			t.Errorf("inWords(%v): got %q, want %q", d, got, want)
		}
	}
}

func TestUntil(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.Local)
	for _, test := range []struct {
		t    time.Time
		want string
	}{
		{now.Add(52 * time.Minute), "in 52 min (12:52:00)"},
		{now.Add(-5 * time.Minute), "5 min ago (11:55:00)"},
		{now.AddDate(0, 0, 5), "in 5 days (2026-11-26 12:00)"},
		{time.Time{}, "-"},
	} {
		if got := until(test.t, now); got != test.want {
			t.Errorf("until: got %q, want %q", got, test.want)
		}
	}
}
