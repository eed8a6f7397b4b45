package apps

// MaxRendered is how many renderings are remembered.
const MaxRendered = maxRendered

// Rendered is how many there are.
func (a *Apps) Rendered() int {
	r := a.state.Load().renders
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.known()) + len(r.fresh)
}
