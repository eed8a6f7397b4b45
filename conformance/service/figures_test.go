//go:build machine

package service_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/conformance/machine"
)

// TestExposure: what systemd thinks of the units, by what a configuration needs.
func TestExposure(t *testing.T) {
	m := machine.Bare(t, users...)
	level := regexp.MustCompile(`Overall exposure level for vendord.service: ([\d.]+)`)
	for _, c := range []struct {
		name, more string
		most       float64
	}{
		{"plain", "", 1.5},
		{"rules with exe", "[apps.tool]\nprofiles = [\"upload\"]\nmatch = {user = \"joe\", exe = \"/usr/local/bin/probe\"}\n", 2.0},
		{"every endpoint", endpoints, 1.5},
		{"port 80 of the address for containers", "[endpoints.ecs]\nlisten = \"169.254.170.2:80\"\n[apps.inside]\nprofiles = [\"upload\"]\nfrom = [\"172.30.1.0/24\"]\n", 1.5},
		{"exe and port 80", "[endpoints.ecs]\nlisten = \"169.254.170.2:80\"\n[apps.inside]\nprofiles = [\"upload\"]\nfrom = [\"172.30.1.0/24\"]\n[apps.tool]\nprofiles = [\"upload\"]\nmatch = {user = \"joe\", exe = \"/usr/local/bin/probe\"}\n", 2.0},
		{"a command as a source", "[sources.op]\ntype = \"process\"\ncommand = [\"/bin/true\"]\n[profiles.op]\nsource = \"op\"\nrole_arn = \"arn:aws:iam::629470240201:role/JohnUploadRole\"\nregion = \"eu-west-1\"\n", 1.5},
	} {
		m.Scene(c.name, func(t *testing.T, m *machine.Machine) {
			m.Configure("", apps+c.more)
			m.Do(install)
			vends(t, m)
			out, _ := m.Type("systemd-analyze security --no-pager vendord.service")
			found := level.FindStringSubmatch(out)
			if found == nil {
				t.Fatalf("systemd-analyze security: got %s", out)
			}
			if got, _ := strconv.ParseFloat(found[1], 64); got > c.most {
				t.Errorf("got %s, want %v or less:\n%s", found[1], c.most, out)
			}
			fmt.Printf("figure: systemd-analyze security, %s: %s\n", c.name, found[1])
			if strings.Contains(c.more, "[endpoints") {
				m.Do("systemd-analyze security --no-pager --threshold=15 vendord-net.service")
			}
		})
	}
}

// TestFigures: how long a start takes and how much memory is used.
func TestFigures(t *testing.T) {
	m := installed(t)
	var starts []string
	for range 5 {
		m.Do("systemctl stop vendord.service")
		began := time.Now()
		m.Do("systemctl start vendord.service")
		hand := time.Since(began)
		stamp := func(name string) float64 {
			v, _ := strconv.ParseFloat(m.Property("vendord.service", name), 64)
			return v / 1000
		}
		starts = append(starts, fmt.Sprintf("%.0f/%d", stamp("ActiveEnterTimestampMonotonic")-stamp("ExecMainStartTimestampMonotonic"), hand.Milliseconds()))
	}
	fmt.Printf("figure: from the process's start to ready / of systemctl start, ms: %s\n", strings.Join(starts, ", "))
	memory(m, "idle")
	until := "/tmp/until"
	m.Write(until, "", 0o644)
	defer os.Remove(until)
	began := time.Now()
	out, err := m.TypeAs("load", "probe -load "+until+" -asks 2500 -pace 0")
	if err != nil || !strings.Contains(out, `{"200":10000}`) {
		t.Errorf("10,000 requests: got %v %s", err, out)
	}
	fmt.Printf("figure: 10,000 requests, each over a connection of its own, four at once: %.1f s\n", time.Since(began).Seconds())
	memory(m, "after 10,000 requests")
}

// memory prints what the daemon has of it.
func memory(m *machine.Machine, when string) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", m.PID()))
	var parts []string
	for line := range strings.Lines(string(text)) {
		for _, name := range []string{"VmRSS", "RssAnon", "VmHWM"} {
			if rest, ok := strings.CutPrefix(line, name+":"); ok {
				parts = append(parts, name+" "+strings.TrimSpace(rest))
			}
		}
	}
	group := "no memory controller on this machine"
	if current, err := os.ReadFile("/sys/fs/cgroup/system.slice/vendord.service/memory.current"); err == nil {
		group = "memory.current " + strings.TrimSpace(string(current))
	}
	fmt.Printf("figure: memory %s: %s; %s\n", when, strings.Join(parts, ", "), group)
}
