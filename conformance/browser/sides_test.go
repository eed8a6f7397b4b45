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

// side is one of the two servers that stand at the same address in turn.
type side interface {
	open(t *testing.T)
	close()
	// before is called before an attack, and after, after it, with what
	// arrived meanwhile.
	before(a attack)
	after() []arrival
}

// arrival is a request as it came in: as control saw it, or, with a status, as
// vendord's audit log has it.
type arrival struct {
	host     string
	metadata bool // Sec-Fetch-Site was sent
	status   int
	message  string
}

type controlSide struct {
	w    *world
	c    control
	stop func()
}

func (s *controlSide) open(t *testing.T) {
	s.c.at, s.c.token = s.w.at, s.w.stolen
	s.stop = serve(t, listen(t, fmt.Sprintf("%s:%d", s.w.at.ip, s.w.port)), &s.c)
}

func (s *controlSide) close()           { s.stop() }
func (s *controlSide) before(a attack)  { s.c.answerWith(a.kind) }
func (s *controlSide) after() []arrival { return s.c.arrivals() }

// vendordSide starts vendord anew after some refusals: it slows down whoever
// is refused again and again, and then all attacks would see that alone.
type vendordSide struct {
	w       *world
	offset  int64
	refused int
}

const refusals = 20

func (s *vendordSide) open(*testing.T) { s.w.start() }
func (s *vendordSide) close()          { s.w.stop() }

func (s *vendordSide) before(attack) {
	if s.refused > refusals {
		s.w.stop()
		s.w.start()
		s.refused = 0
	}
	s.offset = s.w.offset()
}

func (s *vendordSide) after() (came []arrival) {
	for _, e := range s.w.events(s.offset) {
		if e.browser() {
			came = append(came, arrival{status: e.Status, message: e.Message})
		}
	}
	s.refused += len(came)
	return came
}

// outcome is what came of an attack against one side.
type outcome struct {
	probes  []probe
	report  report
	came    []arrival
	learned string
}

// vended says whether vendord gave a browser anything but a refusal.
func (o outcome) vended() bool {
	return slices.ContainsFunc(o.came, func(a arrival) bool { return a.status < http.StatusBadRequest })
}

// brief is what the page saw of the first probe, in a line.
func (o outcome) brief() string {
	if len(o.report.Saw) == 0 {
		return "-"
	}
	saw := []rune(o.report.Saw[0])
	if len(saw) > 150 {
		saw = append(saw[:150], '…')
	}
	return string(saw)
}

// statuses counts what vendord answered, such as "7×403".
func (o outcome) statuses() string {
	counts := map[int]int{}
	for _, a := range o.came {
		counts[a.status]++
	}
	var words []string
	for status, n := range counts {
		words = append(words, fmt.Sprintf("%d×%d", n, status))
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// blindness says why an attack on control proves nothing about the one on
// vendord, or "".
func blindness(a attack, s scene, open outcome) string {
	switch {
	case open.report.Fault != "":
		return "did not run against control: " + open.report.Fault
	case a.stopped || s.stopped:
		return ""
	case a.blind && len(open.came) < len(open.probes):
		return fmt.Sprintf("sent %d requests to control, want %d", len(open.came), len(open.probes))
	case !a.blind && open.learned == "":
		return "learned nothing from control either: it shows nothing"
	}
	return ""
}

// weakness says what is wrong with how vendord took an attack, or "".
func weakness(a attack, s scene, open, closed outcome) string {
	switch {
	case closed.report.Fault != "":
		return "did not run against vendord: " + closed.report.Fault
	case closed.learned != "":
		return closed.learned
	case closed.vended():
		return "was answered with " + closed.statuses()
	case !a.stopped && !s.stopped && len(closed.came) < min(len(open.came), len(open.probes)):
		return fmt.Sprintf("sent %d requests to vendord, %d to control", len(closed.came), len(open.came))
	}
	return ""
}

// judge prints the line of an attack, and fails the test for a bad one.
func judge(t *testing.T, s scene, a attack, open, closed outcome) {
	t.Helper()
	bad := cmp.Or(blindness(a, s, open), weakness(a, s, open, closed))
	word := "learned nothing"
	switch {
	case bad != "":
		word = "FAILED: " + bad
	case open.learned == "" && len(open.came) == 0:
		word = "not sent, to control either"
	case a.blind:
		word = "refused"
	}
	fmt.Printf("%-28s | %-40s | control: %-42s | vendord: %-12s %s | saw %s | %s\n",
		s.name, a.title(), cmp.Or(open.learned, fmt.Sprintf("nothing, %d requests", len(open.came))), closed.statuses(), sent(open, closed), closed.brief(), word)
	if bad != "" {
		t.Errorf("%s, %s: %s; on control the page saw %s", s.name, a.title(), bad, open.brief())
	}
}

// sent tells, where it is of interest, the Host that Chromium made of a name,
// and why vendord refused it.
func sent(open, closed outcome) string {
	if len(open.came) == 0 || len(closed.came) == 0 {
		return ""
	}
	metadata := ""
	if !open.came[0].metadata {
		metadata = ", no Sec-Fetch"
	}
	subject, _, _ := strings.Cut(closed.came[0].message, ":")
	return fmt.Sprintf("(Host %s%s; refused for its %s)", open.came[0].host, metadata, subject)
}
