//go:build browser

// Package browser is for tests alone: hostile pages in a real Chromium attack
// vendord's endpoints. Its script, run, says what it needs.
//
// A scene is where the attacker's page stands, and how it comes to vendord:
// from another origin, by a name that changes (rebinding), from vendord's own
// port, taken while the daemon was down. In each scene the same attacks run
// twice, at the same address: control answers there first, which is open to
// everyone and must be seen to leak, then vendord, which must not leak.
//
// It does not show what a browser other than Chromium does, nor differences in
// time below the tolerance that timing states.
package browser
