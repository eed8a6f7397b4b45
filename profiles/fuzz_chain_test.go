package profiles_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/session"
)

// FuzzChain makes profiles that rest on one another and extend one another in
// any way. A slow and obvious walk says which of them end: those, and only
// those, are loaded, and each is rendered to as many sessions as the walk has
// steps.
func FuzzChain(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7})
	f.Add([]byte{0x10, 0x21, 0x32, 0x03})
	f.Add([]byte{0xff, 0xf0, 0x0f, 0x11, 0x99})
	f.Fuzz(func(t *testing.T, shape []byte) {
		if len(shape) > 12 {
			return
		}
		w := newWeb(shape)
		c, err := profiles.Load(options(write(t, map[string]string{"vendord.toml": w.text()})))
		ends := true
		for i := range shape {
			ends = ends && w.steps(i) > 0
		}
		if (err == nil) != ends {
			t.Fatalf("Load(%x): got %v, want an error %t\n%s", shape, err, !ends, w.text())
		}
		if err != nil {
			return
		}
		for i := range shape {
			if got := depth(t, render(t, c, fmt.Sprint("p", i), john)); got != w.steps(i) {
				t.Errorf("Render(p%d): got %d sessions, want %d\n%s", i, got, w.steps(i), w.text())
			}
		}
	})
}

// web is what a shape means: for each profile the one that its source vends, and
// the one that it extends, or -1.
type web struct{ source, extends []int }

func newWeb(shape []byte) web {
	w := web{make([]int, len(shape)), make([]int, len(shape))}
	for i, b := range shape {
		w.source[i], w.extends[i] = int(b>>4)-1, int(b&15)-1
		if w.source[i] >= len(shape) {
			w.source[i] = -1
		}
		// A profile without a source of its own has that of the one that it
		// extends, which here is always an earlier one: circles of extends have
		// tests of their own.
		if w.extends[i] >= i {
			w.extends[i] = -1
		}
		if w.extends[i] >= 0 && b&15 > 7 {
			w.source[i] = w.source[w.extends[i]]
		}
	}
	return w
}

func (w web) text() string {
	var b strings.Builder
	b.WriteString("[daemon]\nregion = \"eu-west-1\"\n[sources.first]\n")
	for i := range w.source {
		fmt.Fprintf(&b, "[sources.s%d]\ntype = \"profile\"\nprofile = \"p%d\"\n[profiles.p%d]\nrole_arn = \"arn:aws:iam::123456789012:role/R%d\"\n", i, i, i, i)
		inherits := w.extends[i] >= 0 && w.source[i] == w.source[w.extends[i]]
		if w.extends[i] >= 0 {
			fmt.Fprintf(&b, "extends = \"p%d\"\n", w.extends[i])
		}
		switch {
		case inherits:
		case w.source[i] < 0:
			b.WriteString("source = \"first\"\n")
		default:
			fmt.Fprintf(&b, "source = \"s%d\"\n", w.source[i])
		}
	}
	if len(w.source) == 0 {
		b.WriteString("[profiles.p]\nsource = \"first\"\nrole_arn = \"arn:aws:iam::123456789012:role/R\"\n")
	}
	return b.String()
}

// steps is how many sessions a profile rests on, itself included; 0 if it goes
// round in a circle, or is too long.
func (w web) steps(i int) int {
	seen := []int{}
	for ; i >= 0; i = w.source[i] {
		if slices.Contains(seen, i) || len(seen) == 6 {
			return 0
		}
		seen = append(seen, i)
	}
	return len(seen)
}

// depth is how many requests a request is made of.
func depth(t *testing.T, r session.Request) int {
	n := 1
	for ; r.Parent != ""; n++ {
		r = parent(t, r)
	}
	return n
}
