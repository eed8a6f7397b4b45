package peer

// untold returns nil: Linux tells everything.
func untold(Ability) error { return nil }
