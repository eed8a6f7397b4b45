//go:build machine

// Package initscripts holds a service of vendord's against OpenRC and SysV init, in
// machines that they boot (box). Its tests run in there alone; see run.
package initscripts
