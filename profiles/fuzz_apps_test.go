package profiles_test

import (
	"net/netip"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vendord/vendord/profiles"
)

// FuzzMatch writes anything as what a program is recognised by. What is taken is
// nothing that every program, or one of another user namespace, could match.
func FuzzMatch(f *testing.F) {
	f.Add("agent", "agents", "worker.service", "agent.service", "/system.slice", strings.Repeat("ab", 32), "/usr/bin/aws", true)
	f.Add("#70001", "#10", "build@*.service", "a@1.service", "/user.slice/user-1.slice", strings.Repeat("0", 64), "/x", false)
	f.Add("nobody", "nogroup", "*.service", "a@.service", "/", "abc", "aws", true)
	f.Add("#065534", "#-1", "x.slice", "*", "/a/../..", strings.Repeat("AB", 32), "/a/./b", true)
	f.Add("#4294967295", "", "a@*b.service", "@*.service", "//", " ", "/\x00", false)
	f.Add("root", "wheel", "-.service", ".service", "/sys/fs/cgroup/a", "0::/a", "~/x", true)
	unit := regexp.MustCompile(`^[\w:.\\@-]+\.(service|scope|socket|mount|swap)$`)
	f.Fuzz(func(t *testing.T, user, group, systemUnit, userUnit, cgroup, container, exe string, system bool) {
		var keys []string
		for _, k := range [][2]string{{"user", user}, {"group", group}, {"unit", systemUnit}, {"user_unit", userUnit},
			{"cgroup", cgroup}, {"container", container}, {"exe", exe}} {
			if !utf8.ValidString(k[1]) {
				return
			}
			if k[1] != "-" { // is left out
				keys = append(keys, k[0]+" = "+quoted(k[1]))
			}
		}
		text := app("match = { " + strings.Join(keys, ", ") + " }")
		o := options(write(t, map[string]string{"vendord.toml": text}))
		o.System = system
		c, err := profiles.Load(o)
		if err != nil {
			checkProblems(t, err, text)
			return
		}
		m := c.Apps["a"].Match
		if !m.Any() || m.UID == 65534 || m.User == "nobody" || m.UID == 1<<32-1 || m.User == "" && m.UserUnit != "" {
			t.Errorf("match: took %+v", m)
		}
		for _, name := range []string{m.Unit, m.UserUnit} {
			if i := strings.IndexByte(name, '*'); i >= 0 && (name[i-1] != '@' || name[i+1:] != ".service" || i < 2) ||
				name != "" && !unit.MatchString(strings.Replace(name, "*", "1", 1)) || strings.HasSuffix(name, "@.service") {
				t.Errorf("match: took the unit %q", name)
			}
		}
		if g := m.Cgroup; g != "" && (!strings.HasPrefix(g, "/") || path.Clean(g) != g || g == "/" || strings.HasPrefix(g, "/sys/fs/cgroup")) {
			t.Errorf("match: took the control group %q", g)
		}
		if id := m.Container; id != "" && (len(id) != 64 || strings.Trim(id, "0123456789abcdef") != "") {
			t.Errorf("match: took the container %q", id)
		}
		if m.Exe != "" && (!filepath.IsAbs(m.Exe) || filepath.Clean(m.Exe) != m.Exe) {
			t.Errorf("match: took the executable %q", m.Exe)
		}
	})
}

// FuzzNetworks writes anything as a network that tokens may come from, as the
// address of containers, and as a size. What is taken has no address of this
// machine, is ECS's address, and is a size that a file can have.
func FuzzNetworks(f *testing.F) {
	f.Add("172.18.0.0/16", "169.254.170.2:80", "100MB")
	f.Add("0.0.0.0/1", "169.254.170.23:0", "64KiB")
	f.Add("64.0.0.0/2", "[fd00:ec2::23]:8080", "65536")
	f.Add("::/1", "[::ffff:169.254.170.2]:80", "-1")
	f.Add("::ffff:127.0.0.0/104", "169.254.170.2:65536", "9223372036854775807GB")
	f.Add("fe80::%eth0/64", "0xa9.254.170.2:80", "1e3")
	f.Add("10.0.0.0/08", "[fd00:ec2::23%lo]:80", " 1MB")
	own := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.255.255.255"), netip.MustParseAddr("::1")}
	f.Fuzz(func(t *testing.T, from, listen, size string) {
		if !utf8.ValidString(from + listen + size) {
			return
		}
		text := app("from = ["+quoted(from)+"]") + "\n[endpoints.ecs]\nlisten = " + quoted(listen) + "\n[audit]\nmax_size = " + quoted(size)
		c, err := profiles.Load(options(write(t, map[string]string{"vendord.toml": text})))
		if err != nil {
			checkProblems(t, err, text)
			return
		}
		for _, network := range c.Apps["a"].From {
			for _, a := range own {
				if network.Contains(a) {
					t.Errorf("from: took %s, which has %s", network, a)
				}
			}
			if network != network.Masked() || network.Bits() == 0 {
				t.Errorf("from: took %s", network)
			}
		}
		for _, e := range c.Endpoints {
			if a := e.Listen.Addr().String(); a != "169.254.170.2" || e.Listen.Port() == 0 {
				t.Errorf("listen: took %s", e.Listen)
			}
		}
		if n := c.Audit.MaxSize; n < 0 || n > 0 && n < 1<<16 {
			t.Errorf("max_size: took %d", n)
		}
	})
}
