package main

import (
	"maps"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/vendord/vendord/audit"
	"github.com/vendord/vendord/peer"
	"github.com/vendord/vendord/session"
)

func (p *program) metricsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "metrics", GroupID: "look", Args: exactly(0, ""),
		Short: "Print the daemon's metrics in Prometheus's text format",
		Long: `Print the daemon's metrics in Prometheus's text format. A collector gets the
same of the control socket:

  curl --unix-socket SOCKET http://vendord/metrics`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := p.connect(cmd.Context())
			if err != nil {
				return err
			}
			defer c.Close()
			text, err := c.Metrics(cmd.Context())
			if err == nil {
				_, err = p.stdout.Write(text)
			}
			return err
		},
	}
}

// metrics returns what the daemon counts. The values of labels are names of the
// configuration and words of vendord's, so that nobody who asks for credentials
// can make a collector keep more.
func (d *daemon) metrics() []byte {
	m := &audit.Metrics{}
	m.Family("vendord_build_info", audit.Gauge, "1, with the version of vendord and of Go.")
	m.Sample(1, "version", versionText(), "go", runtime.Version())
	m.Family("vendord_start_time_seconds", audit.Gauge, "When the daemon started, in seconds since 1970.")
	m.Sample(seconds(d.started))
	m.Family("vendord_locked", audit.Gauge, "Whether nothing is vended until somebody unlocks.")
	m.Sample(audit.One(d.gate.locked()))
	m.Family("vendord_ready", audit.Gauge, "Whether programs get what they ask for, if AWS gives it.")
	m.Sample(audit.One(d.standstill(d.checkup.known()).unready() == ""))
	d.audit.Metrics(m)
	if d.record.out != nil {
		d.audit.MetricsOfRecord(m)
	}
	m.Family("vendord_connections", audit.Gauge, "Open connections of programs.")
	m.Sample(float64(d.server.Connections()))
	d.recognitionMetrics(m)
	d.sessionMetrics(m)
	return m.Text()
}

// recognitionMetrics says what the kernel tells of callers.
func (d *daemon) recognitionMetrics(m *audit.Metrics) {
	m.Family("vendord_recognition", audit.Gauge, "Whether this system tells something of callers.")
	for _, a := range []peer.Ability{peer.Users, peer.Cgroup, peer.Processes} {
		m.Sample(audit.One(d.kernel.Off(a) == nil), "ability", string(a))
	}
}

// profileSessions is how the sessions of one profile are doing.
type profileSessions struct {
	states   map[string]int
	expires  time.Time // the first to end of those that live
	failures int
}

// sessionMetrics says how sessions are doing, by the profile that leads to them:
// their own names can have users in them.
func (d *daemon) sessionMetrics(m *audit.Metrics) {
	profiles := map[session.Key][]string{}
	for _, g := range d.reachable() {
		profiles[g.Session] = addNew(profiles[g.Session], g.Profile)
	}
	all := map[string]*profileSessions{}
	for _, st := range d.cache.Status() {
		for _, name := range profiles[st.Request.Key()] {
			of := all[name]
			if of == nil {
				of = &profileSessions{states: map[string]int{}}
				all[name] = of
			}
			of.states[st.State]++
			of.failures += st.Failures
			if !st.Expires.IsZero() && (of.expires.IsZero() || st.Expires.Before(of.expires)) {
				of.expires = st.Expires
			}
		}
	}
	names := slices.Sorted(maps.Keys(all))
	m.Family("vendord_sessions", audit.Gauge, "Sessions, by profile and state.")
	for _, name := range names {
		for _, state := range slices.Sorted(maps.Keys(all[name].states)) {
			m.Sample(float64(all[name].states[state]), "profile", name, "state", state)
		}
	}
	m.Family("vendord_session_expiry_seconds", audit.Gauge, "When the first of a profile's live sessions ends, in seconds since 1970.")
	for _, name := range names {
		if at := all[name].expires; !at.IsZero() {
			m.Sample(seconds(at), "profile", name)
		}
	}
	m.Family("vendord_session_failures", audit.Gauge, "Failed attempts to make or renew a profile's sessions, of those that there are now.")
	for _, name := range names {
		m.Sample(float64(all[name].failures), "profile", name)
	}
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
