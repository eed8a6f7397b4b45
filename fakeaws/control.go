package fakeaws

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"
)

// controlPrefix begins the addresses for tests in other processes. No bucket
// can have the name: it begins with an underscore.
const controlPrefix = "/_fake/"

// maxControl is the size of a body sent to /_fake/.
const maxControl = 64 << 10

// faultJSON is a Fault on the wire: durations as Go writes them, "1.5s".
type faultJSON struct {
	Operation string    `json:"operation"`
	Kind      FaultKind `json:"kind"`
	Count     int       `json:"count"`
	Latency   string    `json:"latency"`
	Life      string    `json:"life"`
	Status    int       `json:"status"`
	Code      string    `json:"code"`
}

// clockJSON asks for the clock to be moved on.
type clockJSON struct {
	Advance string `json:"advance"`
}

// serveControl answers /_fake/. It is guarded like AWS's addresses.
func (f *Fake) serveControl(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", serverHeader)
	if failed := guard(r); failed != nil {
		http.Error(w, failed.message, failed.status)
		return
	}
	// A handful of addresses, compared as they are: nothing is cleaned, so
	// nothing can be reached by another spelling.
	switch r.Method + " " + r.URL.Path {
	case "GET /_fake/health":
		reply(w, map[string]any{"status": "ok", "banner": Banner, "region": f.world.region, "time": f.now()})
	case "GET /_fake/journal":
		reply(w, f.Journal())
	case "DELETE /_fake/journal":
		f.ClearJournal()
		reply(w, struct{}{})
	case "POST /_fake/faults":
		control(w, r, f.injectJSON)
	case "DELETE /_fake/faults":
		f.Clear()
		reply(w, struct{}{})
	case "POST /_fake/clock":
		control(w, r, f.advanceJSON)
	default:
		if f.serveSignInControl(w, r) || f.serveProofControl(w, r) {
			return
		}
		http.Error(w, "fakeaws: no such address; there are GET /_fake/health, GET and DELETE /_fake/journal, "+
			"POST and DELETE /_fake/faults, POST /_fake/clock, POST /_fake/jwt and /_fake/saml, GET /_fake/totp, "+
			"GET and POST /_fake/scoped, "+
			"GET /_fake/sso/device, POST /_fake/sso/mode, approve, revoke and expire", http.StatusNotFound)
	}
}

// control reads a JSON body and does something with it.
func control[T any](w http.ResponseWriter, r *http.Request, do func(T) error) {
	v, ok := readControl[T](w, r)
	if !ok {
		return
	}
	if err := do(v); err != nil {
		http.Error(w, "fakeaws: "+err.Error(), http.StatusBadRequest)
		return
	}
	reply(w, struct{}{})
}

// readControl reads a JSON body, or answers that there is none. The content
// type keeps web pages out: without asking first, a browser posts forms and
// plain text.
func readControl[T any](w http.ResponseWriter, r *http.Request) (v T, ok bool) {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" {
		http.Error(w, "fakeaws: Content-Type must be application/json", http.StatusUnsupportedMediaType)
		return v, false
	}
	// A typing error in a test's fault must not pass for no fault.
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl))
	d.DisallowUnknownFields()
	err := d.Decode(&v)
	if _, end := d.Token(); err == nil && !errors.Is(end, io.EOF) {
		err = errors.New("text after the end of the JSON value")
	}
	if err != nil {
		http.Error(w, "fakeaws: "+err.Error(), http.StatusBadRequest)
		return v, false
	}
	return v, true
}

// injectJSON injects a fault from the wire.
func (f *Fake) injectJSON(j faultJSON) error {
	latency, err1 := duration("latency", j.Latency)
	life, err2 := duration("life", j.Life)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	fault := Fault{Operation: j.Operation, Kind: j.Kind, Count: j.Count, Latency: latency, Life: life, Status: j.Status, Code: j.Code}
	if err := fault.check(); err != nil {
		return err
	}
	if f.faults.count() >= maxFaults {
		return fmt.Errorf("%d faults are waiting already", maxFaults)
	}
	f.Inject(fault)
	return nil
}

// advanceJSON moves the clock on, where that was allowed. A clock that the
// owner holds in his hands is not moved behind his back.
func (f *Fake) advanceJSON(j clockJSON) error {
	if f.config.Now != nil || !f.config.ClockOverHTTP {
		return errors.New("the clock of this fake cannot be moved over HTTP")
	}
	d, err := duration("advance", j.Advance)
	if err != nil {
		return err
	}
	if left := maxAdvance - time.Duration(f.ahead.Load()); d < 0 || d > left {
		return fmt.Errorf("advance %s: not between 0 and %s", d, left)
	}
	f.Advance(d)
	return nil
}

// maxAdvance keeps times within what their formats can say.
const maxAdvance = 10 * 365 * 24 * time.Hour

// count returns how many faults wait.
func (s *faults) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiting)
}

// duration reads a duration, or 0 for none.
func duration(name, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%s %q: not a duration such as 1.5s", name, text)
	}
	return d, nil
}

// reply writes JSON.
func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // the client left: nobody to tell
}
