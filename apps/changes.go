package apps

import (
	"fmt"
	"slices"
	"time"

	"github.com/vendord/vendord/profiles"
)

// lost returns a line for every app and profile that tokens are for, or that
// somebody chose, and that the configuration lacks.
func (s *snapshot) lost(now time.Time) []string {
	var lines []string
	for _, e := range s.entries {
		_, known := s.config.Apps[e.App]
		switch {
		case e.App == profiles.CLI && s.missing(e.App, e.Profile) != nil:
			lines = append(lines, fmt.Sprintf("profile %q is gone, commands that use it get 403", e.Profile))
		case e.App == profiles.CLI:
		case !known:
			lines = append(lines, fmt.Sprintf("app %q is gone, its programs get 403", e.App))
		case byKernel(s.config.Apps[e.App]):
			lines = append(lines, fmt.Sprintf("app %q is recognised by the kernel, its tokens get 403", e.App))
		}
	}
	for app := range s.uses {
		if _, known := s.config.Apps[app]; !known {
			continue // without tokens there is nobody to be told
		}
		c := s.course(app, now)
		if c.now != "" && s.missing(app, c.now) != nil {
			lines = append(lines, fmt.Sprintf("app %q: profile %q is gone, its programs get 403", app, c.now))
		}
		if c.then != "" && c.then != c.now && s.missing(app, c.then) != nil {
			lines = append(lines, fmt.Sprintf("app %q: profile %q is gone, its programs get 403 once it goes back to that", app, c.then))
		}
	}
	return lines
}

// changed returns a line for every app that the kernel recognises and that has
// another profile now, or other programs, and for one that it recognised before
// and does not any more. Other apps' programs keep what they have.
func (s *snapshot) changed(old *snapshot, now time.Time) []string {
	var lines []string
	for _, app := range old.kernel {
		switch is, known := s.config.Apps[app.Name]; {
		case !known:
			lines = append(lines, fmt.Sprintf("app %q is gone, its programs get 401", app.Name))
		case !byKernel(is):
			lines = append(lines, fmt.Sprintf("app %q needs a token now, its programs get 401 without one", app.Name))
		}
	}
	for _, app := range s.kernel {
		was, known := old.config.Apps[app.Name]
		if !known || !byKernel(was) {
			continue
		}
		if from, to := old.profile(app.Name, now), app.course.at(now); from != to {
			lines = append(lines, fmt.Sprintf("app %q: its programs get profile %q now, before it was %q", app.Name, to, from))
		}
		if was.Match != app.Match {
			lines = append(lines, fmt.Sprintf("app %q: other programs than before are recognised as its own", app.Name))
		}
	}
	return lines
}

// sorted sorts lines and leaves out those that are there twice.
func sorted(lines []string) []string {
	slices.Sort(lines)
	return slices.Compact(lines)
}
