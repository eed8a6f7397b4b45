package control

import "sync"

// holding is which tokens are held over which connections.
type holding struct {
	mu    sync.Mutex
	lines map[string]line // by the token's ID
}

// goodbye is the last line of a hold that somebody ended. Its client must not
// register the same token with the next daemon: what was revoked because it was
// stolen would be good again after a restart.
type goodbye struct {
	Revoked bool `json:"revoked"`
}

// add notes a hold until remove is called.
func (h *holding) add(id string, l line) (remove func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.lines == nil {
		h.lines = map[string]line{}
	}
	h.lines[id] = l
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.lines, id)
	}
}

// end says goodbye to the holders of all tokens but those that still are.
func (h *holding) end(tokens []TokenSpec) {
	living := make(map[string]bool, len(tokens))
	for _, t := range tokens {
		living[t.ID] = true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, l := range h.lines {
		if living[id] {
			continue
		}
		// The line is in the kernel before whoever revoked is answered: not even a
		// crash of the daemon takes it back.
		_ = l.send(encode(goodbye{Revoked: true}))
		l.close()
	}
}

// letGo ends the holds whose tokens are gone, of whichever app: to revoke one can
// end others, whose right it was.
func (s *Server) letGo() { s.holding.end(s.cfg.Tokens("")) }
