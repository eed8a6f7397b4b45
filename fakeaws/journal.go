package fakeaws

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Call is one call that a client made.
type Call struct {
	// Time is when it arrived, by AWS's clock.
	Time time.Time `json:"time"`
	// Service is its name in a signature, such as "sts", "s3" or "sso-oauth";
	// Operation the operation, or "Unknown".
	Service   string `json:"service"`
	Operation string `json:"operation"`
	Method    string `json:"method"`
	Path      string `json:"path"`
	// Parameters are those of the form or query, with secrets replaced by
	// the beginning of their SHA-256 and long values cut.
	Parameters map[string]string `json:"parameters,omitempty"`
	UserAgent  string            `json:"user_agent,omitempty"`
	// KeyID is the access key id that signed, verified or not; Principal
	// the ARN of who that is, once verified.
	KeyID     string `json:"key_id,omitempty"`
	Principal string `json:"principal,omitempty"`
	// Unasked are the headers of a signature that came with an operation
	// that is not signed: secrets that had better stayed at home.
	Unasked []string `json:"unasked,omitempty"`
	// Fault is the kind of the fault that struck, or empty.
	Fault FaultKind `json:"fault,omitempty"`
	// Status and Code are those of the answer; Status is 0 while there is
	// none, and where a fault let there be none.
	Status int    `json:"status"`
	Code   string `json:"code,omitempty"`
}

const (
	journalSize   = 1000    // calls that are remembered
	journalValue  = 8 << 10 // characters of one parameter
	journalValues = 300     // parameters of one call: 50 tags make 100
)

// journal remembers the latest calls and counts all of them.
type journal struct {
	mu     sync.Mutex // guards all below, and the calls themselves
	calls  []*Call    // the latest, oldest first
	counts map[string]int
}

// Journal returns the latest 1,000 calls, oldest first. A call that still has
// no answer is in it.
func (f *Fake) Journal() []Call {
	f.journal.mu.Lock()
	defer f.journal.mu.Unlock()
	calls := make([]Call, len(f.journal.calls))
	for i, c := range f.journal.calls {
		calls[i] = *c
		calls[i].Parameters, calls[i].Unasked = maps.Clone(c.Parameters), slices.Clone(c.Unasked)
	}
	return calls
}

// Calls returns how many calls of an operation came in since the start or
// ClearJournal, answered or not; "" means all operations.
func (f *Fake) Calls(operation string) int {
	f.journal.mu.Lock()
	defer f.journal.mu.Unlock()
	if operation != "" {
		return f.journal.counts[operation]
	}
	total := 0
	for _, n := range f.journal.counts {
		total += n
	}
	return total
}

// ClearJournal forgets all calls and counts.
func (f *Fake) ClearJournal() {
	f.journal.mu.Lock()
	defer f.journal.mu.Unlock()
	f.journal.calls, f.journal.counts = nil, nil
}

// begin makes a line for a request whose operation is not known yet.
func (j *journal) begin(rq *request) *Call {
	c := &Call{Time: rq.now, Service: rq.service.name, Method: rq.Method, Path: clip(rq.URL.Path),
		UserAgent: clip(rq.UserAgent()), Parameters: parameters(rq.URL.Query())}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calls = append(j.calls, c)
	if extra := len(j.calls) - journalSize; extra > 0 {
		j.calls = slices.Delete(j.calls, 0, extra)
	}
	return c
}

// name gives a call its operation, and counts it: a test that waits for a call
// to arrive sees it here, before a fault holds it up.
func (j *journal) name(rq *request, operation string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	rq.call.Operation = operation
	if j.counts == nil {
		j.counts = map[string]int{}
	}
	j.counts[operation]++
}

// form notes the parameters of an STS call.
func (j *journal) form(rq *request, form url.Values) {
	p := parameters(form)
	j.mu.Lock()
	defer j.mu.Unlock()
	rq.call.Parameters = p
}

// signer notes who signed a call.
func (j *journal) signer(rq *request, keyID, principal string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	rq.call.KeyID, rq.call.Principal = clip(keyID), principal
}

// unasked notes what was sent along with an operation that nobody signs.
func (j *journal) unasked(rq *request) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, name := range []string{"Authorization", "X-Amz-Security-Token"} {
		if rq.Header.Get(name) != "" {
			rq.call.Unasked = append(rq.call.Unasked, name)
		}
	}
}

// finish notes the answer. A call refused before its operation was known is
// counted as Unknown.
func (j *journal) finish(rq *request, a *answer, failed *failure) {
	j.mu.Lock()
	known := rq.call.Operation != ""
	rq.call.Fault, rq.call.Status = rq.fault.Kind, a.status
	if failed != nil {
		rq.call.Code = failed.code
	}
	switch rq.fault.Kind {
	case Reset, Hang:
		rq.call.Status = 0
	case Garbage, Truncated:
		rq.call.Status = 200
	}
	j.mu.Unlock()
	if !known {
		j.name(rq, unknown)
	}
}

// copyOf returns a call as it is now.
func (j *journal) copyOf(c *Call) Call {
	j.mu.Lock()
	defer j.mu.Unlock()
	return *c
}

// secretParameters are never written down in clear: they are proofs, good for
// whoever reads them.
var secretParameters = []string{"TokenCode", "WebIdentityToken", "SAMLAssertion", "X-Amz-Security-Token",
	"X-Amz-Signature", "clientSecret", "deviceCode", "code", "codeVerifier", "refreshToken"}

// parameters returns the first value of each parameter, as the journal may
// keep it.
func parameters(form url.Values) map[string]string {
	if len(form) == 0 {
		return nil
	}
	kept := make(map[string]string, min(len(form), journalValues))
	for name, values := range form {
		if len(kept) == journalValues || len(values) == 0 {
			break
		}
		value := values[0]
		if slices.ContainsFunc(secretParameters, func(s string) bool { return strings.EqualFold(s, name) }) {
			value = hashed(value)
		}
		kept[clip(name)] = clip(value)
	}
	return kept
}

// hashed stands for a secret: equal for equal secrets, useless for signing.
func hashed(secret string) string {
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(secret)))[:7+16]
}

// clip cuts what is too long to be remembered a thousand times.
func clip(s string) string {
	if len(s) <= journalValue {
		return s
	}
	return strings.ToValidUTF8(s[:journalValue], "") + "…"
}
