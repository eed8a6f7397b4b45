package control

// What tests count connections with.
const (
	PerUser = perUser
	Shared  = shared
	Total   = total
)

// Places counts connections, as a door does.
type Places struct{ places }

// Enter is places.enter.
func (p *Places) Enter(uid uint32, steers bool) (func(), bool) { return p.enter(uid, steers) }

// Empty reports whether nothing is counted, and nobody remembered.
func (p *Places) Empty() bool { return p.all == 0 && p.others == 0 && len(p.byUser) == 0 }
