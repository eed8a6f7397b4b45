package profiles

// overlaps warns of apps that one program can match.
func (l *loader) overlaps() {}
