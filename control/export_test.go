package control

// What tests count connections with.
const (
	PerUser = perUser
	Shared  = shared
	Total   = total
	Kept    = kept

	HeaderTimeout = headerTimeout
)

// Places counts connections, as a door does.
type Places = places

// NewPlaces is newPlaces.
func NewPlaces() *Places { return newPlaces() }

// Enter is places.enter.
func (p *places) Enter(uid uint32) (*place, bool) { return p.enter(uid) }

// Empty reports whether nothing is counted, and no user without Steer remembered.
func (p *places) Empty() bool { return p.sum == [3]int{} && len(p.byUser) == 0 }

// Settle is place.settle.
func (one *place) Settle(steers bool) bool { return one.settle(steers) }

// Leave is place.leave.
func (one *place) Leave() { one.leave() }

// Word is word.
func Word(user string) string { return word(user) }
