//go:build machine

// Package machine is for tests alone: a vendord in system mode, as a unit of a real
// systemd, on an AWS of its own, and programs that ask it from wherever a rule could
// be fooled. It runs in the machine that conformance/box boots, as root.
//
// What a test learns goes into a table of the documentation, which a test compares
// with what was there: see Table.
package machine
