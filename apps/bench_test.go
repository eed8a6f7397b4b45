package apps_test

import (
	"fmt"
	"testing"

	"github.com/vendord/vendord/apps"
	"github.com/vendord/vendord/profiles"
)

// busy has apps with ten tokens each, and the secret of the last. Benchmarks look
// it up among the thousand of a hundred apps, which take a second to be issued.
func busy(tb testing.TB, many int) (book, string) {
	var list []string
	for i := range many {
		list = append(list, fmt.Sprintf("app%d=profile%d", i, i))
	}
	b := open(tb, "", list...)
	secret := ""
	for i := range 10 * many {
		secret = b.issue(fmt.Sprintf("app%d", i/10), "john", nil)
	}
	return b, secret
}

// A request costs no garbage: what the collector would do to a program that
// asks ten thousand times a second is the daemon's largest cost.
func TestDecideAllocations(t *testing.T) {
	b, secret := busy(t, 10)
	for name, r := range map[string]apps.Request{
		"a grant":             {Route: apps.ByToken, Token: secret, Now: start, Caller: new(apps.Caller)},
		"a grant with Bearer": {Route: apps.ByToken, Token: "Bearer " + secret, Profile: "profile9", Now: start, Caller: new(apps.Caller)},
	} {
		n := testing.AllocsPerRun(1000, func() {
			if _, err := b.Decide(r); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: Decide: got %v allocations, want none", name, n)
		}
	}
}

func BenchmarkDecide(b *testing.B) {
	book, secret := busy(b, 100)
	r := apps.Request{Route: apps.ByToken, Token: secret, Now: start, Caller: new(apps.Caller)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := book.Decide(r); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDecideAgain is BenchmarkDecide over a connection that is kept.
func BenchmarkDecideAgain(b *testing.B) {
	book, secret := busy(b, 100)
	r := apps.Request{Route: apps.ByToken, Token: secret, Now: start, Memo: new(apps.Memo), Caller: new(apps.Caller)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := book.Decide(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecideStranger(b *testing.B) {
	book, _ := busy(b, 100)
	secret, _ := apps.NewSecret()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := book.Decide(apps.Request{Route: apps.ByToken, Token: secret, Now: start, Caller: new(apps.Caller)}); err == nil {
			b.Fatal("got a grant")
		}
	}
}

// What exec costs in a daemon that has a thousand tokens already.
func BenchmarkHold(b *testing.B) {
	book, _ := busy(b, 100)
	_, token := book.token(profiles.CLI, "john")
	token.Profile = "profile1"
	for b.Loop() {
		release, err := book.Hold(token)
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
}

// recognised is a program of one of a hundred apps that the kernel recognises,
// beside tokens of others.
func recognised(tb testing.TB, tokens int, match, more string) (book, apps.Request) {
	text := ""
	for i := range 100 {
		text += fmt.Sprintf("[apps.app%d]\nprofiles = [\"one\"]\nmatch = {user = \"#%d\"}\n", i, 5000+i)
	}
	text += "[apps.mine]\nprofiles = [\"one\", \"two\"]\n" + more + "match = {" + match + "}\n[apps.tok]\nprofiles = [\"one\"]\n"
	b := openSystem(tb, "", text)
	for i := range tokens {
		b.issue("tok", fmt.Sprint("user", i/10), nil)
	}
	p := &program{uid: 4001, cgroup: "/system.slice/web.service"}
	return b, apps.Request{Route: apps.ByKernel, Now: start, Memo: new(apps.Memo), Caller: p.caller()}
}

func TestByKernelAllocations(t *testing.T) {
	for name, row := range map[string]struct{ match, more, profile string }{
		"user": {`user = "#4001"`, "", ""}, "unit": {`unit = "web.service"`, "", ""}, "group": {`group = "all"`, "", ""},
		"select": {`user = "#4001"`, "select = true\n", "two"},
	} {
		b, r := recognised(t, 10, row.match, row.more)
		r.Profile = row.profile
		n := testing.AllocsPerRun(1000, func() {
			if _, err := b.Decide(r); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%s: Decide over a connection that is kept: got %v allocations, want none", name, n)
		}
	}
}

func benchmarkKernel(b *testing.B, match, more, profile string, kept bool) {
	book, r := recognised(b, 1000, match, more)
	r.Profile = profile
	b.ReportAllocs()
	for b.Loop() {
		if !kept {
			r.Memo = nil
		}
		if _, err := book.Decide(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecideByUser(b *testing.B)      { benchmarkKernel(b, `user = "#4001"`, "", "", false) }
func BenchmarkDecideByUserAgain(b *testing.B) { benchmarkKernel(b, `user = "#4001"`, "", "", true) }
func BenchmarkDecideByUnit(b *testing.B)      { benchmarkKernel(b, `unit = "web.service"`, "", "", false) }
func BenchmarkDecideByUnitAgain(b *testing.B) {
	benchmarkKernel(b, `unit = "web.service"`, "", "", true)
}
func BenchmarkDecideSelectAgain(b *testing.B) {
	benchmarkKernel(b, `user = "#4001"`, "select = true\n", "two", true)
}
