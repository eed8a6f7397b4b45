package profiles

import (
	"maps"
	"slices"
)

// maxPairs is how many apps are compared with others of the same user: those of a
// thousand in a fraction of a second. One user has few.
const maxPairs = 1_000_000

// overlaps warns of apps that one program can match: it would be refused, or, where
// each has a port of its own, could choose.
func (l *loader) overlaps() {
	var all, anybodys []*App
	byUser := make(map[uint32][]*App)
	pairs, own := 0, l.config.ownPorts()
	for _, name := range slices.Sorted(maps.Keys(l.config.Apps)) {
		app := l.config.Apps[name]
		if !app.Match.Any() || app.Both || app.Match.User != "" && !app.Match.Known {
			continue
		}
		others := [][]*App{all}
		if app.Match.User != "" {
			others = [][]*App{byUser[app.Match.UID], anybodys}
			byUser[app.Match.UID] = append(byUser[app.Match.UID], &app)
		} else {
			anybodys = append(anybodys, &app)
		}
		all = append(all, &app)
		if !l.overlap(&app, own, &pairs, others...) {
			l.doubt(path{"apps"}, "", "too many apps of one user to tell whether a program can match two of them")
			return
		}
	}
}

// overlap warns of the first of others that a program of app can match as well, and
// returns false once there are too many pairs.
func (l *loader) overlap(app *App, own map[string]bool, pairs *int, others ...[]*App) bool {
	for _, some := range others {
		for _, other := range some {
			if *pairs++; *pairs > maxPairs {
				return false
			}
			if one, _ := app.Match.excludes(&other.Match); one != "" {
				continue
			}
			at, hint := path{"apps", app.Name, "match"}, "have them differ in user, unit, container or exe"
			if own[app.Name] && own[other.Name] {
				l.doubt(at, hint, "a program can match app %q as well: it chooses by the port that it asks, and is refused elsewhere", other.Name)
			} else {
				l.doubt(at, hint, "a program can match app %q as well, and is refused then", other.Name)
			}
			return true
		}
	}
	return true
}
