package apps

import (
	"fmt"
	"maps"
	"slices"
)

// miss is how nearly a rule recognises a caller.
type miss struct {
	held, missing int
	what          string // the first key that does not hold, in words
	replaced      bool   // it is the executable alone, and that was replaced
}

// misses counts the keys that hold, of a rule that does not recognise a caller. It
// asks nothing that was not asked before, but for the control group: to be
// refused must cost the machine no more than to be recognised.
func (r rule) misses(f *facts) (m miss) {
	for _, k := range r {
		if k.name == "group" && !f.named || k.name == "exe" && !f.looked {
			m.missing++
			continue
		}
		if ok, err := k.holds(f); ok && err == nil {
			m.held++
			continue
		}
		m.missing++
		if m.what == "" {
			m.what = k.is(f)
			m.replaced = k.name == "exe" && f.replaced(k.want)
		}
	}
	m.replaced = m.replaced && m.missing == 1
	return m
}

// nearest says which rule is the nearest to recognise a caller: the one of which
// most keys hold, and of those the one of which fewest do not. At an app's own port it
// is that one's.
func (s *snapshot) nearest(f *facts, port string) (near string, replaced bool) {
	var best miss
	all := slices.Clone(s.kernel)
	for _, name := range slices.Sorted(maps.Keys(s.both)) {
		all = append(all, s.both[name])
	}
	for _, a := range all {
		if port != "" && a.Name != port {
			continue // it would not have let the caller in
		}
		m := a.rule.misses(f)
		if m.what != "" && (near == "" || m.held > best.held || m.held == best.held && m.missing < best.missing) {
			best, near = m, fmt.Sprintf("app %q: %s", a.Name, m.what)
		}
	}
	if near == "" && port != "" {
		near = fmt.Sprintf("app %q: this port is its own, and the kernel alone does not recognise it any more", port)
	}
	return near, best.replaced
}

// withToken returns an app that would recognise a caller who had shown a token where
// those are asked for, or nil: by what is known already, as for nearest.
func (s *snapshot) withToken(f *facts) *app {
	for _, name := range slices.Sorted(maps.Keys(s.both)) {
		if m := s.both[name].rule.misses(f); m.missing == 0 {
			return s.both[name]
		}
	}
	return nil
}
