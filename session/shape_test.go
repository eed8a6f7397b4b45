package session_test

import (
	"strings"
	"testing"

	"github.com/vendord/vendord/session"
)

func TestIsRegion(t *testing.T) {
	for _, text := range []string{"eu-west-1", "us-iso-east-1", "local", strings.Repeat("a", 63)} {
		if !session.IsRegion(text) {
			t.Errorf("IsRegion(%q): got false", text)
		}
	}
	for _, text := range []string{"", "-1", "evil.com", "evil.com/#", "a b", "EU-WEST-1", "eu-west-1\n", "é", strings.Repeat("a", 64)} {
		if session.IsRegion(text) {
			t.Errorf("IsRegion(%q): got true", text)
		}
	}
}

func TestIsMFACode(t *testing.T) {
	if !session.IsMFACode("012345") {
		t.Error("IsMFACode: got false of six digits")
	}
	for _, text := range []string{"", "12345", "1234567", "12345x", " 123456", "123456\n", "１２３４５６"} {
		if session.IsMFACode(text) {
			t.Errorf("IsMFACode(%q): got true", text)
		}
	}
}
