package systemd

// Header, Parse, and Sealed are for tests that make stored data of their own.
var (
	Header = header
	Parse  = parse
	Sealed = sealed
)

// FDName is what a piece of data is called in the store.
func FDName(name string, number uint64) string { return item{name: name, number: number}.fdName() }

// ParseFDName is the way back.
func ParseFDName(s string) (name string, number uint64, ours bool) {
	i, ours := parseItem(s)
	return i.name, i.number, ours
}
