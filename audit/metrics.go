package audit

import (
	"strconv"
	"strings"
)

// Metrics is a text in Prometheus's exposition format, version 0.0.4, which
// grows by families of samples. The zero Metrics is empty.
type Metrics struct {
	text   []byte
	family string
}

// The types of families.
const (
	Counter = "counter"
	Gauge   = "gauge"
)

// Family begins a family, to which the samples belong that follow. Its name and
// help are ours; a name that was begun before would make the text invalid.
func (m *Metrics) Family(name, kind, help string) {
	m.family = name
	m.text = append(m.text, "# HELP "+name+" "+help+"\n# TYPE "+name+" "+kind+"\n"...)
}

// Sample adds a sample. Labels are names, each followed by its value; one without
// a value is left out, which means the same.
func (m *Metrics) Sample(value float64, labels ...string) {
	m.text = append(m.text, m.family...)
	separator := byte('{')
	for i := 0; i+1 < len(labels); i += 2 {
		if labels[i+1] == "" {
			continue
		}
		m.text = append(append(append(m.text, separator), labels[i]...), `="`...)
		m.text = append(append(m.text, labelEscapes.Replace(strings.ToValidUTF8(labels[i+1], "\ufffd"))...), '"')
		separator = ','
	}
	if separator == ',' {
		m.text = append(m.text, '}')
	}
	m.text = strconv.AppendFloat(append(m.text, ' '), value, 'g', -1, 64)
	m.text = append(m.text, '\n')
}

// labelEscapes are all that the format has.
var labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)

// Text returns the text.
func (m *Metrics) Text() []byte { return m.text }

// Metrics adds what the Log counts.
func (l *Log) Metrics(m *Metrics) {
	counts := l.Counts()
	m.Family("vendord_vends_total", Counter, "Credentials handed out.")
	for _, c := range counts {
		if c.Status == 200 {
			from := "cache"
			if c.Minted {
				from = "aws"
			}
			m.Sample(float64(c.Requests), "app", c.App, "profile", c.Profile, "path", c.Path, "endpoint", c.Endpoint, "how", c.How, "from", from)
		}
	}
	refusal := func(c Count, n uint64) {
		m.Sample(float64(n), "app", c.App, "profile", c.Profile, "path", c.Path, "endpoint", c.Endpoint, "how", c.How, "status", strconv.Itoa(c.Status), "code", c.Code)
	}
	m.Family("vendord_refusals_total", Counter, "Requests refused, those that have no line of their own on record included.")
	for _, c := range counts {
		if c.Status != 200 {
			refusal(c, c.Requests+c.Unrecorded)
		}
	}
	m.Family("vendord_refusals_unrecorded_total", Counter, "Requests refused that have no line of their own: there were too many.")
	for _, c := range counts {
		if c.Status != 200 && c.Unrecorded > 0 {
			refusal(c, c.Unrecorded)
		}
	}
}

// MetricsOfRecord adds how the record is doing, of a Log that has one.
func (l *Log) MetricsOfRecord(m *Metrics) {
	s := l.State()
	m.Family("vendord_record_lines_total", Counter, "Lines recorded.")
	m.Sample(float64(s.Lines))
	m.Family("vendord_record_lost_lines_total", Counter, "Lines that could not be written, by where to.")
	m.Sample(float64(s.Lost), "to", "record")
	if l.also != nil {
		m.Sample(float64(s.AlsoLost), "to", "journal")
	}
	m.Family("vendord_record_failing", Gauge, "Whether the record cannot be written now.")
	m.Sample(One(s.Failing != nil), "to", "record")
	if l.also != nil {
		m.Sample(One(s.AlsoFailing != nil), "to", "journal")
	}
	m.Family("vendord_record_required", Gauge, "Whether nothing is vended that cannot be recorded.")
	m.Sample(One(l.required))
}

// One is a bool as a sample's value.
func One(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
