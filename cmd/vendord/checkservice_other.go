//go:build !linux

package main

import (
	"io/fs"
	"os"
)

// serviceUser is of Linux: elsewhere the service's user is whoever was named.
func serviceUser(string) int { return os.Getuid() }

// mayUse is of Linux too.
func mayUse(string, int, fs.FileMode) bool { return true }
