package server

// Connections returns how many connections of programs are open.
func (s *Server) Connections() int {
	s.places.mu.Lock()
	defer s.places.mu.Unlock()
	return len(s.places.open)
}
