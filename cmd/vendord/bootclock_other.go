//go:build !linux

package main

import "time"

// sinceBoot knows nothing: no service manager here keeps what would need it.
func sinceBoot() (boot string, since time.Duration) { return "", 0 }
