//go:build browser

package browser

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	//go:embed page.html
	page string
	//go:embed attacks.js
	attacksJS []byte
	//go:embed worker.js
	workerJS []byte
)

// attacker is the attacker's web server: it serves the page, hands it one job
// after another, and keeps whatever it is sent.
type attacker struct {
	t       *testing.T
	port    int
	jobs    chan job
	reports chan report

	mu       sync.Mutex
	received bytes.Buffer // every request, whole
}

// job is an attack for the page to run, probe by probe.
type job struct {
	Attack string  `json:"attack"`
	Probes []probe `json:"probes"`
}

type probe struct {
	Label string `json:"label"`
	URL   string `json:"url"`
	// Token is what to show, in a header.
	Token  string `json:"token,omitempty"`
	Header string `json:"header,omitempty"`
}

// report is what the page saw of each probe, or why the attack did not run.
type report struct {
	Attack    string
	Saw       []string
	Quartiles []float64 // lower ones, of milliseconds
	Fault     string
}

func newAttacker(t *testing.T) *attacker {
	a := &attacker{t: t, jobs: make(chan job), reports: make(chan report, 1)}
	for _, ln := range together("127.0.0.2", "127.0.0.1", "127.0.0.3") {
		a.port = ln.Addr().(*net.TCPAddr).Port
		serve(t, ln, a)
	}
	if a.port == 0 {
		t.Fatal("no port that is free at three addresses, in twenty tries")
	}
	return a
}

// together listens at one port of several addresses. A port that the kernel gives at
// one of them can be somebody's at another: then it is another port's turn.
func together(ips ...string) (all []net.Listener) {
	for range 20 {
		port := 0
		for _, ip := range ips {
			ln, err := net.Listen("tcp", fmt.Sprintf("%s:%d", ip, port))
			if err != nil {
				break
			}
			all = append(all, ln)
			port = ln.Addr().(*net.TCPAddr).Port
		}
		if len(all) == len(ips) {
			return all
		}
		for _, ln := range all {
			_ = ln.Close()
		}
		all = nil
	}
	return nil
}

// serve serves ln until the returned func is called, or the test ends.
func serve(t *testing.T, ln net.Listener, h http.Handler) (stop func()) {
	s := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.Serve(ln) }()
	stop = sync.OnceFunc(func() { _ = s.Close() })
	t.Cleanup(stop)
	return stop
}

func (a *attacker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	dump, _ := httputil.DumpRequest(r, true)
	a.mu.Lock()
	a.received.Write(dump)
	a.mu.Unlock()

	open(w, r)
	w.Header().Set("X-Attacker", "here")
	w.Header().Set("Referrer-Policy", "no-referrer")
	to := r.URL.Query().Get("to")
	switch r.URL.Path {
	case "/page":
		w.Header().Set("Content-Type", "text/html")
		inline := strings.Replace(page, `<script src="attacks.js">`, "<script>"+string(attacksJS), 1)
		_, _ = w.Write([]byte(inline)) // in one: its address will not be ours for long
	case "/worker.js":
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write(workerJS)
	case "/next":
		select {
		case j := <-a.jobs:
			_ = json.NewEncoder(w).Encode(j)
		case <-r.Context().Done():
		}
	case "/report":
		var said report
		if err := json.Unmarshal(all(r.Body), &said); err != nil {
			said.Fault = "report: " + err.Error()
		}
		a.reports <- said
	case "/redirect":
		http.Redirect(w, r, to, http.StatusFound)
	case "/arrived":
	default:
		http.NotFound(w, r)
	}
}

// run has the page run a job. What the page does not report is a fault.
func (a *attacker) run(j job) report {
	limit := time.After(45 * time.Second)
	select {
	case a.jobs <- j:
	case r := <-a.reports: // the page gave up
		return report{Fault: r.Attack + r.Fault}
	case <-limit:
		return report{Fault: "the page does not ask for the job"}
	}
	select {
	case r := <-a.reports:
		if r.Attack != j.Attack || (r.Fault == "" && len(r.Saw) != len(j.Probes)) {
			r.Fault += " not a report of this attack"
		}
		return r
	case <-limit:
		return report{Fault: "no report within 45 s"}
	}
}

// told returns which of the secrets the attacker was sent.
func (a *attacker) told(secrets []string) (found []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range secrets {
		if bytes.Contains(a.received.Bytes(), []byte(s)) {
			found = append(found, s)
		}
	}
	return found
}

// etc makes a directory for Chromium to see in the place of /etc: the machine's
// own files, by way of links into real, and a hosts file of ours. Chromium
// notices when that changes, which it does not with a mount of one file.
func etc(t *testing.T) string {
	dir := t.TempDir()
	must(t, os.MkdirAll(dir+"/etc", 0o755))
	must(t, os.Mkdir(dir+"/real", 0o755))
	entries, err := os.ReadDir("/etc")
	must(t, err)
	for _, e := range entries {
		if e.Name() != "hosts" {
			must(t, os.Symlink(dir+"/real/"+e.Name(), dir+"/etc/"+e.Name()))
		}
	}
	hosts(t, dir)
	return dir
}

// hosts writes the attacker's names, with the addresses of rebind.example.
func hosts(t *testing.T, dir string, rebinds ...string) {
	lines := []string{
		"127.0.0.1 localhost",
		"127.0.0.2 evil.example",
		"127.0.0.3 public.example",
		"127.0.0.1 localhost.evil.example 127.0.0.1.nip.example pointed.example",
	}
	for _, ip := range rebinds {
		lines = append(lines, ip+" rebind.example")
	}
	must(t, os.WriteFile(dir+"/etc/hosts", []byte(strings.Join(lines, "\n")+"\n"), 0o644))
}
