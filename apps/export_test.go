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

// Stuck makes a change that does not end until the func is called, at the disk or not.
func (a *Apps) Stuck(disk bool) (end func()) {
	a.mu.Lock()
	a.store.busy.Store(disk)
	return func() {
		a.store.busy.Store(false)
		a.mu.Unlock()
	}
}
