package audit_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/vendord/vendord/audit"
)

func TestLast(t *testing.T) {
	log, memo := audit.New(audit.Config{}), new(audit.Memo)
	if _, ok := log.Last("uploader"); ok {
		t.Error("Last: got one of an app that never asked")
	}
	for i := range 5 { // the memo remembers from the second on
		e := vended()
		e.Time = noon.Add(time.Duration(i) * time.Second)
		_ = log.Record(&e, memo)
		want := e
		want.ID = 0
		got, ok := log.Last("uploader")
		if got.Time = got.Time.In(noon.Location()); !ok || !got.Time.Equal(want.Time) || got.App != want.App || got.KeyID != want.KeyID || got.ID != 0 {
			t.Errorf("Last: got %+v, %t, want %+v", got, ok, want)
		}
	}
	refused := audit.Event{Time: noon.Add(time.Minute), App: "uploader", PID: 9, Status: 403, Message: "no"}
	_ = log.Record(&refused, nil)
	if got, _ := log.Last("uploader"); got.Status != 403 || got.PID != 9 || !got.Time.Equal(noon.Add(time.Minute)) {
		t.Errorf("Last: got %+v, want the refusal", got)
	}
	_ = log.Record(&audit.Event{Status: 401}, nil)
	if _, ok := log.Last(""); ok {
		t.Error("Last: got a stranger's")
	}
}

// What is remembered of a connection is counted as what it is, whatever comes
// between.
func TestCounts(t *testing.T) {
	log, memo := audit.New(audit.Config{}), new(audit.Memo)
	ask := func(change func(*audit.Event), n int) {
		for range n {
			e := vended()
			change(&e)
			_ = log.Record(&e, memo)
		}
	}
	for range 2 {
		ask(func(e *audit.Event) { e.Minted = true }, 1)
		ask(func(e *audit.Event) { e.Minted = false }, 5)
		ask(func(e *audit.Event) { e.Profile, e.Path, e.Minted = "other", "/v1/credentials/other", false }, 3)
		ask(func(e *audit.Event) { e.Status, e.Code, e.Unrecorded, e.Minted = 403, "ProfileRefused", 7, false }, 2)
		ask(func(e *audit.Event) { e.App, e.Profile = "claude", "ro" }, 4)
	}
	var got []string
	for _, c := range log.Counts() {
		got = append(got, fmt.Sprint(c.App, " ", c.Profile, " ", c.Path, " ", c.Status, c.Code, " ", c.Minted, " ", c.Requests, "+", c.Unrecorded))
	}
	want := []string{
		"claude ro /v1/credentials 200 true 8+0",
		"uploader company1-hr-upload /v1/credentials 200 false 10+0",
		"uploader company1-hr-upload /v1/credentials 200 true 2+0",
		"uploader company1-hr-upload /v1/credentials 403ProfileRefused false 4+28",
		"uploader other /v1/credentials/{profile} 200 false 6+0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("Counts:\ngot  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(want, "\n     "))
	}
}

// What strangers send is counted together.
func TestCountsAreBounded(t *testing.T) {
	log := audit.New(audit.Config{})
	for i := range 10_000 {
		_ = log.Record(&audit.Event{Path: fmt.Sprint("/v1/credentials/", i), Agent: fmt.Sprint(i), Message: fmt.Sprint(i), UID: "1", Status: 401, Code: "NotRecognized"}, nil)
		_ = log.Record(&audit.Event{Path: fmt.Sprint("/", i), Status: 403}, nil)
	}
	if got := log.Counts(); len(got) != 2 || got[0].Requests != 10_000 {
		t.Errorf("Counts: got %d kinds, want 2 of 10,000 each", len(got))
	}
	for i := range 10_000 { // as names are reloaded
		_ = log.Record(&audit.Event{App: fmt.Sprint("app-", i), Status: 200}, nil)
	}
	total := uint64(0)
	for _, c := range log.Counts() {
		total += c.Requests
	}
	if got := len(log.Counts()); got > 4100 || total != 30_000 {
		t.Errorf("Counts: got %d kinds of %d requests, want 4,100 at most, of 30,000", got, total)
	}
}

func TestCountsOfManyConnections(t *testing.T) {
	log := audit.New(audit.Config{})
	var asking sync.WaitGroup
	for i := range 16 {
		asking.Go(func() {
			memo := new(audit.Memo)
			for range 1000 {
				e := vended()
				e.App = fmt.Sprint("app-", i%3)
				_ = log.Record(&e, memo)
				_, _ = log.Last(e.App)
			}
		})
	}
	asking.Wait()
	total := uint64(0)
	for _, c := range log.Counts() {
		total += c.Requests
	}
	if total != 16_000 || len(log.Counts()) != 3 {
		t.Errorf("Counts: got %d requests of %d kinds, want 16,000 of 3", total, len(log.Counts()))
	}
}

// families reads a text as Prometheus does.
func families(t testing.TB, text []byte) map[string]*dto.MetricFamily {
	t.Helper()
	var parser expfmt.TextParser
	found, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	if err != nil {
		t.Fatalf("Prometheus's parser: %v in\n%s", err, text)
	}
	return found
}

func TestMetricsAreWhatPrometheusReads(t *testing.T) {
	log := audit.New(audit.Config{Out: nowhere{}, Also: nowhere{}, Required: true})
	stop := run(t, log)
	for _, e := range []audit.Event{vended(), {App: "a\"\\\n{}", Status: 403, Code: "ProfileRefused", Unrecorded: 3}, {Status: 401}} {
		_ = log.Record(&e, nil)
	}
	stop()
	var m audit.Metrics
	log.Metrics(&m)
	log.MetricsOfRecord(&m)
	found := families(t, m.Text())
	for name, want := range map[string]string{
		"vendord_vends_total":               `COUNTER app="uploader" endpoint="loopback" from="aws" how="token" path="/v1/credentials" profile="company1-hr-upload" 1`,
		"vendord_refusals_total":            `COUNTER code="" path="other" status="401" 1, app="a\"\\\n{}" code="ProfileRefused" path="other" status="403" 4`,
		"vendord_refusals_unrecorded_total": `COUNTER app="a\"\\\n{}" code="ProfileRefused" path="other" status="403" 3`,
		"vendord_record_lines_total":        "COUNTER 3",
		"vendord_record_lost_lines_total":   `COUNTER to="record" 0, to="journal" 0`,
		"vendord_record_failing":            `GAUGE to="record" 0, to="journal" 0`,
		"vendord_record_required":           "GAUGE 1",
	} {
		if got := inWords(found[name]); got != strings.ReplaceAll(want, `code="" `, "") {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if len(found) != 7 {
		t.Errorf("families: got %d, want 7", len(found))
	}
}

// inWords says what a family has, its labels sorted.
func inWords(f *dto.MetricFamily) string {
	var samples []string
	for _, m := range f.GetMetric() {
		var labels []string
		for _, l := range m.GetLabel() {
			labels = append(labels, fmt.Sprintf("%s=%q", l.GetName(), l.GetValue()))
		}
		slices.Sort(labels)
		samples = append(samples, strings.TrimSpace(fmt.Sprint(strings.Join(labels, " "), " ", m.GetCounter().GetValue()+m.GetGauge().GetValue())))
	}
	return f.GetType().String() + " " + strings.Join(samples, ", ")
}

// Whatever a label is, Prometheus reads it as it was.
func FuzzMetrics(f *testing.F) {
	f.Add("uploader", `a"b\c`+"\n", 0.5)
	f.Add("", "\xff{}", 1e300)
	f.Fuzz(func(t *testing.T, a, b string, value float64) {
		var m audit.Metrics
		m.Family("x_total", audit.Gauge, "Help.")
		m.Sample(value, "a", a, "b", b)
		m.Sample(1, "a", "one", "b", b)
		got := families(t, m.Text())["x_total"].GetMetric()
		if len(got) != 2 {
			t.Fatalf("samples: got %d, want 2", len(got))
		}
		for _, l := range got[0].GetLabel() {
			want := strings.ToValidUTF8(map[string]string{"a": a, "b": b}[l.GetName()], "\ufffd")
			if l.GetValue() != want {
				t.Errorf("label %s: got %q, want %q", l.GetName(), l.GetValue(), want)
			}
		}
	})
}

// Ids in paths are counted together, and none is the name of a series.
func TestSeriesHaveNoIDs(t *testing.T) {
	log := audit.New(audit.Config{})
	for _, path := range []string{"/v2/credentials/[redacted]", "/v2/credentials/anything", "/v2/credentials/", "/v2/credential"} {
		_ = log.Record(&audit.Event{App: "box", How: "path", Path: path, Status: 200}, nil)
	}
	got := map[string]uint64{}
	for _, c := range log.Counts() {
		got[c.Path] = c.Requests
	}
	if len(got) != 2 || got["/v2/credentials/{id}"] != 3 || got["other"] != 1 {
		t.Errorf("Counts: got %v, want three of /v2/credentials/{id} and another", got)
	}
}
