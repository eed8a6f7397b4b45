//go:build browser

package browser

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// scene is where the attacker's page stands.
type scene struct {
	name string
	// at is the endpoint that is attacked.
	at endpoint
	// host and port of the page, the former the endpoint's where it is ""; own
	// stands for the endpoint's port.
	host string
	own  bool
	// rebinds are the addresses of rebind.example at first; becomes, if it is
	// not "", the one to which it changes once the page is there.
	rebinds []string
	becomes string
	// late: vendord starts once the page is there.
	late bool
	// stopped: Chromium may refuse everything by itself.
	stopped  bool
	switches []string
	attacks  []attack
	// strangers: the page does not know the port. It asks other servers too,
	// and must not be able to tell which one is vendord.
	strangers bool
	other     string // where a stranger stands
}

// The attacker's own addresses are loopback ones as well, which takes away
// what Chromium would otherwise hold against the page of a public address: its
// question to the user. Only the scene "public address" has it.
var scenes = []scene{
	{name: "another site", at: byToken, host: "evil.example", attacks: attacks},
	{name: "another port of localhost", at: byToken, host: "localhost", attacks: few},
	{name: "names", at: byToken, host: "evil.example", attacks: byName()},
	{name: "rebinding: the name changes", at: byToken, host: "rebind.example", own: true, rebinds: []string{"127.0.0.2"}, becomes: byToken.ip, attacks: attacks},
	{name: "rebinding: two addresses", at: byToken, host: "rebind.example", own: true, rebinds: []string{"127.0.0.2", "127.0.0.1"}, late: true,
		switches: []string{"--disable-features=AsyncDns"}, attacks: few}, // its own resolver takes the first address of a hosts file only
	{name: "vendord's port, before vendord", at: byToken, own: true, late: true, attacks: attacks},
	{name: "public address", at: byToken, host: "public.example", stopped: true, attacks: few},
	{name: "another site, no port", at: byToken, host: "evil.example", strangers: true,
		attacks: slices.DeleteFunc(slices.Clone(few), func(a attack) bool { return a.tokens || a.blind || a.stopped })},
	{name: "by the kernel: vendord's port", at: byKernel, own: true, late: true, attacks: without(few, "token")},
	{name: "metadata: another site", at: metadata, host: "evil.example", attacks: sessions},
	{name: "metadata: rebinding", at: metadata, host: "rebind.example", own: true, rebinds: []string{"127.0.0.2"}, becomes: metadata.ip, attacks: sessions},
	{name: "metadata: vendord's port", at: metadata, own: true, late: true, attacks: sessions},
	{name: linkLocal.ip + ": another site", at: linkLocal, host: "evil.example", attacks: without(attacks, "password")},
	{name: linkLocal.ip + ": rebinding", at: linkLocal, host: "rebind.example", own: true, rebinds: []string{"127.0.0.2"}, becomes: linkLocal.ip, attacks: sessions},
	{name: linkLocal.ip + ": public", at: linkLocal, host: "public.example", stopped: true, attacks: few},
	{name: "ECS, by the kernel: another", at: ecsKernel, host: "evil.example", attacks: without(few, "token")},
	{name: "ECS, ids: another site", at: ids, host: "evil.example", attacks: without(few, "token")},
	{name: "ECS, ids: rebinding", at: ids, host: "rebind.example", own: true, rebinds: []string{"127.0.0.2"}, becomes: ids.ip, attacks: without(few, "token")},
	{name: "EKS: another site", at: eks, host: "evil.example", attacks: few},
}

// without leaves out the attacks that have a word in their name.
func without(all []attack, word string) []attack {
	return slices.DeleteFunc(slices.Clone(all), func(a attack) bool { return strings.Contains(a.name, word) })
}

func TestPages(t *testing.T) {
	fmt.Println(version(t))
	for _, s := range scenes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel() // they wait more than they work
			s.play(t, newWorld(t, s.at))
		})
	}
}

// play runs the attacks of the scene against control, and then against vendord.
func (s scene) play(t *testing.T, w *world) {
	if s.strangers {
		ln := listen(t, "127.0.0.1:0")
		serve(t, ln, http.HandlerFunc(stranger))
		s.other = "http://" + ln.Addr().String()
	}
	var open []outcome
	s.stage(t, w, &controlSide{w: w},
		func(i int, o outcome) bool { return blindness(s.attacks[i], s, o) == "" },
		func(_ int, o outcome) { open = append(open, o) })
	s.stage(t, w, &vendordSide{w: w},
		func(i int, o outcome) bool { return o.vended() || weakness(s.attacks[i], s, open[i], o) == "" },
		func(i int, o outcome) { judge(t, s, s.attacks[i], open[i], o) })
}

// stage brings the page into a fresh browser, the side to the port, and runs
// the attacks. What comes out otherwise than final says is tried twice more: a
// leak is there each time, an event that was late on a busy machine is not.
func (s scene) stage(t *testing.T, w *world, at side, final func(int, outcome) bool, then func(int, outcome)) {
	defer func(outer *testing.T) { w.t = outer }(w.t)
	w.t = t
	a, dir := newAttacker(t), etc(t)
	hosts(t, dir, s.rebinds...)
	if !s.late {
		at.open(t)
	}
	said := s.visit(t, w, a, dir)
	if s.late {
		at.open(t)
	}
	defer at.close()
	if s.own {
		at.before(attack{kind: "text"})
		if r := a.run(job{"arrive", []probe{{}}}); r.Fault != "" {
			t.Fatalf("%s: the page does not arrive: %s\n%s", s.name, r.Fault, said)
		}
	}
	for i, k := range s.attacks {
		var o outcome
		for try := 0; try == 0 || try < 3 && !final(i, o); try++ {
			at.before(k)
			o.probes = s.probes(k, w)
			o.report = a.run(job{k.name, o.probes})
			o.came = at.after()
			o.learned = learned(o.report, o.probes, s.own, w.secrets)
		}
		then(i, o)
	}
	if found := a.told(w.secrets); len(found) > 0 {
		t.Errorf("%s: the attacker was sent %d secrets", s.name, len(found))
	}
}

// visit opens the page. Where it stands at vendord's port, it leaves that port
// as soon as it is there.
func (s scene) visit(t *testing.T, w *world, a *attacker, dir string) (said fmt.Stringer) {
	host, port := cmp.Or(s.host, s.at.ip), a.port
	home := fmt.Sprintf("http://%s:%d", host, port)
	leave := func() {}
	if s.own {
		ip := s.at.ip
		if len(s.rebinds) > 0 {
			ip = s.rebinds[0]
		}
		port, home = w.port, fmt.Sprintf("http://evil.example:%d", a.port)
		leave = serve(t, listen(t, fmt.Sprintf("%s:%d", ip, port)), a)
	}
	switches := s.switches
	if s.stopped {
		switches = append(switches, fmt.Sprintf("--ip-address-space-overrides=127.0.0.3:%d=public", a.port))
	}
	said = browse(t, dir, fmt.Sprintf("http://%s:%d/page?home=%s", host, port, home), switches...)
	if r := a.run(job{"ready", []probe{}}); r.Fault != "" {
		t.Fatalf("%s: the page does not load: %s\n%s", s.name, r.Fault, said)
	}
	leave()
	if s.becomes != "" {
		hosts(t, dir, s.becomes)
	}
	return said
}

func (s scene) probes(a attack, w *world) []probe {
	host := s.at.ip
	switch {
	case s.own:
		host = cmp.Or(s.host, s.at.ip)
	case a.host != "":
		host = a.host
	}
	origin := fmt.Sprintf("http://%s:%d", host, w.port)
	if !s.strangers {
		return a.probes(origin, w.stolen, w.at)
	}
	var probes []probe
	for _, path := range []string{s.at.bare, "/"} {
		probes = append(probes, probe{Label: "a stranger's " + path, URL: s.other + path}, probe{Label: path, URL: origin + path})
	}
	return probes
}

// TestTypedAddress shows what a person sees who types the address, or is led to it: a
// refusal, and the same one for each path.
func TestTypedAddress(t *testing.T) {
	for name, at := range map[string]endpoint{"typed address": byToken, "typed, by the kernel": byKernel, "typed, metadata": metadata, "typed, " + linkLocal.ip: linkLocal} {
		t.Run(name, func(t *testing.T) { typed(t, name, newWorld(t, at)) })
	}
}

func typed(t *testing.T, name string, w *world) {
	dir := etc(t)
	hosts(t, dir)
	c := controlSide{w: w}
	c.open(t)
	c.before(attack{kind: "text"})
	if saw := dump(t, dir, w.url()+w.at.current); !strings.Contains(saw, canary) {
		t.Errorf("typed address: control's document is %q, want the canary in it", saw)
	}
	c.close()
	w.start()
	defer w.stop()
	var first string
	for _, path := range []string{w.at.current, w.at.absent} {
		saw := dump(t, dir, w.url()+path)
		first = cmp.Or(first, saw)
		switch {
		case !strings.Contains(saw, "header: one that only a browser or a proxy sends"):
			t.Errorf("typed address %s: the document is %q, want a refusal", path, saw)
		case saw != first:
			t.Errorf("typed address %s: the document is %q, that of %s %q", path, saw, w.at.current, first)
		}
	}
	fmt.Printf("%-28s | a person sees %s\n", name, first)
}

// TestPreflight asks, as browsers do that keep to Private Network Access, whether
// a page may ask. Pages cannot make Chromium send this question at will.
func TestPreflight(t *testing.T) {
	for name, test := range map[string]struct {
		at   endpoint
		want int
	}{
		"preflight": {byToken, http.StatusMethodNotAllowed}, "preflight, ECS": {ecs, http.StatusMethodNotAllowed},
		"preflight, EKS": {eks, http.StatusMethodNotAllowed}, "preflight, metadata": {linkLocal, http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, test.at)
			w.start()
			defer w.stop()
			for _, method := range []string{"GET", "PUT"} {
				for _, path := range append([]string{w.at.bare, w.at.current, w.at.absent}, w.at.more...) {
					preflight(t, w.url()+path, method, test.want)
				}
			}
			fmt.Printf("%-28s | private network access: %d, and no header that allows anything\n", name, test.want)
		})
	}
}

func preflight(t *testing.T, url, method string, want int) {
	r, err := http.NewRequest(http.MethodOptions, url, nil)
	must(t, err)
	for name, value := range map[string]string{
		"Origin": "https://evil.example", "Access-Control-Request-Method": method,
		"Access-Control-Request-Headers":         "authorization, x-aws-ec2-metadata-token, x-aws-ec2-metadata-token-ttl-seconds",
		"Access-Control-Request-Private-Network": "true", "Access-Control-Request-Local-Network": "true",
	} {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	_ = answer.Body.Close()
	for name := range answer.Header {
		if strings.HasPrefix(name, "Access-Control-") || name == "Timing-Allow-Origin" {
			t.Errorf("preflight %s: the answer has %s: %s", url, name, answer.Header.Get(name))
		}
	}
	if answer.StatusCode != want {
		t.Errorf("preflight %s: %s, want %d", url, answer.Status, want)
	}
}
