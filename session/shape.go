package session

import "regexp"

var (
	region = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)
	code   = regexp.MustCompile(`^[0-9]{6}$`)
)

// IsRegion reports whether a text can be the name of a region, known or not. It
// becomes part of a host name: its letters are checked, so that no region can make a
// request go to another host.
func IsRegion(text string) bool { return region.MatchString(text) }

// IsMFACode reports whether a text can be the code of an MFA device: six digits (STS
// API reference, TokenCode).
func IsMFACode(text string) bool { return code.MatchString(text) }
