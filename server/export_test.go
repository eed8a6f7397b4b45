package server

// CheckRequest is what Check sends, secret and all.
func (s *Server) CheckRequest(host string) string { return s.probes.request(OnLoopback, host) }

// CheckToken is the token that Check shows.
func (s *Server) CheckToken() string { return s.probes.token }
