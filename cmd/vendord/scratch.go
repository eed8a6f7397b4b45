package main

import (
	"os"
	"path/filepath"

	"github.com/vendord/vendord/trust"
)

// scratch makes a directory for one command: in $XDG_RUNTIME_DIR, which is in
// memory, if that is this user's, else where temporary files go. After su the
// variable still names the other user's, who could replace what root puts there.
func (p *program) scratch(pattern string) (string, error) {
	if dir := p.getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		if exists, fault := trust.Check(dir, p.uid); exists && fault == nil {
			if made, err := os.MkdirTemp(dir, pattern); err == nil {
				return made, nil
			}
		}
	}
	made, err := os.MkdirTemp("", pattern)
	if err != nil {
		return "", fail("make room in "+os.TempDir()+", or set $TMPDIR to a directory of yours", "temporary directory: %w", err)
	}
	return made, nil
}
