package mint

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/vendord/vendord/near"
)

// sections maps the profiles that the SDKs' files have to their
// source_profile. It serves messages alone ("did you mean", "in a circle"):
// what counts is what the SDK's parser read.
type sections map[string]string

// sectionsOf reads the section headers of both files. A file that cannot be
// read has been reported by then.
func sectionsOf(p sdkPaths) sections {
	found := sections{}
	for _, path := range []string{p.config, p.credentials} {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		found.scan(string(text), path == p.config)
	}
	return found
}

// scan notes the profiles of one file; in the config file their names have a
// prefix, except default.
func (s sections) scan(text string, prefixed bool) {
	current := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if header, ok := strings.CutPrefix(line, "["); ok {
			header, _, _ = strings.Cut(header, "]")
			words := strings.Fields(header)
			switch {
			case prefixed && len(words) == 2 && words[0] == "profile":
				current = words[1]
			case len(words) == 1 && (!prefixed || words[0] == "default"):
				current = words[0]
			default:
				current = ""
				continue
			}
			if _, known := s[current]; !known {
				s[current] = ""
			}
			continue
		}
		if key, value, ok := strings.Cut(line, "="); ok && current != "" && strings.EqualFold(strings.TrimSpace(key), "source_profile") {
			s[current] = strings.TrimSpace(value)
		}
	}
}

// circle returns the way from profile back to where it has been, such as
// "a, b, a", or "".
func (s sections) circle(profile string) string {
	var way []string
	for profile != "" {
		seen := slices.Contains(way, profile)
		way = append(way, profile)
		if seen {
			return strings.Join(way, ", ")
		}
		profile = s[profile]
	}
	return ""
}

// meant is the hint for a profile that is not there.
func meant(name string, among sections) string {
	if best := near.Name(name, slices.Collect(maps.Keys(among))); best != "" {
		return "did you mean " + strconv.Quote(best) + "?"
	}
	return "correct the name, or add the profile, " + reload
}
