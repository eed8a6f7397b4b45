package apps

import (
	"net/netip"
	"slices"
)

// Expects reports whether a caller whose user is not known may come from an
// address: some app has it in its from, or is unidentified. It still needs a
// token.
func (a *Apps) Expects(from netip.Addr) bool {
	for _, app := range a.state.Load().config.Apps {
		if app.Unidentified || slices.ContainsFunc(app.From, func(n netip.Prefix) bool { return n.Contains(from) }) {
			return true
		}
	}
	return false
}
