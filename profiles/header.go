package profiles

import (
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// header is a line that begins a table, [a.b] or [[a.b]].
type header struct {
	of    path
	list  bool // [[a.b]]
	start int  // in the text
}

// item returns one of several [[tables]] as a document of its own, and where in the
// text it begins: the library keeps one position for all of them. It returns nil where
// the list is written in another way, such as [{…}, {…}].
func (d *document) item(list path, step string) (one *document, start int) {
	key := list.to(step).String()
	if known, done := d.items[key]; done {
		return known, known.startsAt()
	}
	if d.items == nil {
		d.items = make(map[string]*document)
		d.headers = headersOf(d.text)
	}
	found := -1
	for i, h := range d.headers {
		if !h.list || !slices.Equal(h.of, list) {
			continue
		}
		if found++; (path{}).item(found).String() == step {
			one = d.between(h, d.headers[i+1:])
		}
	}
	if found+1 != d.length(list) { // one of those is a line of a text, or one is written in another way
		one = nil
	}
	d.items[key] = one
	return one, one.startsAt()
}

// between returns the table that begins with a header, with the tables below it, as a
// document; nil if that is none.
func (d *document) between(h header, next []header) *document {
	end := len(d.text)
	for _, n := range next {
		if len(n.of) <= len(h.of) || !slices.Equal(n.of[:len(h.of)], h.of) {
			end = n.start
			break
		}
	}
	one, problem := parse(d.text[h.start:end])
	if problem != nil {
		return nil
	}
	one.start = h.start
	return one
}

// startsAt returns where a document begins in the text that it was cut from.
func (d *document) startsAt() int {
	if d == nil {
		return 0
	}
	return d.start
}

// length returns how many items a list of tables has.
func (d *document) length(list path) int {
	table := d.tree
	for _, step := range list[:len(list)-1] {
		table, _ = table[step].(map[string]any) // nil has nothing
	}
	items, _ := itemsOf(table[list[len(list)-1]])
	return len(items)
}

// headersOf returns the lines of a text that look like headers. In a text of several
// lines one may be that is none.
func headersOf(text string) (all []header) {
	start := 0
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimLeft(line, " \t"), "[") {
			if of, list, ok := headerOf(line); ok {
				all = append(all, header{of: of, list: list, start: start})
			}
		}
		start += len(line)
	}
	return all
}

// headerOf reads a header as the library does.
func headerOf(line string) (of path, list, ok bool) {
	var table map[string]any
	if _, err := toml.Decode(line, &table); err != nil {
		return nil, false, false
	}
	for len(table) == 1 && !list {
		for key, below := range table {
			of = of.to(key)
			_, list = below.([]map[string]any)
			table, _ = below.(map[string]any)
		}
	}
	return of, list, len(of) > 0
}
