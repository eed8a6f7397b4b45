package fakeaws

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/vendord/vendord/policy"
)

// machine is an instance or a container that was given a role: it hands out a
// session of it, and a new one before that is over.
type machine struct {
	fake    *Fake
	role    *principal // nil: it was given none
	name    string     // of its sessions
	service []string   // whom the role must trust
	renew   time.Duration

	mu      sync.Mutex // guards all below
	keyID   string
	token   string
	issued  time.Time
	expires time.Time
}

// machineLife is how long a machine's credentials are good.
const machineLife = 6 * time.Hour

// HasRole reports whether the world has a role with this ARN.
func (f *Fake) HasRole(arn string) bool {
	p := f.world.principals[arn]
	return p != nil && p.kind == iamRole
}

// newMachine makes a machine with a role, or with none for "". It panics for a
// role that is not there: a test would wait for the wrong reason.
func (f *Fake) newMachine(roleARN, name string, renew time.Duration, service ...string) *machine {
	if roleARN != "" && !f.HasRole(roleARN) {
		panic(fmt.Sprintf("fakeaws: there is no role %s", roleARN))
	}
	return &machine{fake: f, role: f.world.principals[roleARN], name: name, service: service, renew: renew}
}

// trusted reports whether the role lets the machine's service in. AWS assumes it
// in the service's name, as nobody's session.
func (m *machine) trusted() bool {
	for _, s := range m.service {
		if m.role.trust.Allows([]string{s}, "sts:AssumeRole", nil) == policy.Allowed {
			return true
		}
	}
	return false
}

// credentials returns the machine's present credentials.
func (m *machine) credentials(now time.Time) credentialsXML {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Add(m.renew).After(m.expires) || now.Before(m.issued) {
		m.issued, m.expires = now, now.Add(machineLife)
		m.keyID, _ = m.fake.newSessionKey()
		m.token = m.fake.sealToken(m.keyID, &session{Principal: m.role.arn, Name: m.name,
			Issued: m.issued.Unix(), Expires: m.expires.Unix()}, 0)
	}
	return credentialsXML{AccessKeyID: m.keyID, SecretAccessKey: m.fake.sessionSecret(m.keyID), SessionToken: m.token,
		Expiration: m.expires.Format(expiryFormat)}
}

// region is where the machine is.
func (m *machine) region() string { return cmp.Or(m.fake.world.region, "us-east-1") }

// randomHex returns n random bytes in hexadecimal.
func randomHex(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, by its documentation
	return hex.EncodeToString(b)
}

// writeText answers with a text, and AWS's clock.
func (f *Fake) writeText(w http.ResponseWriter, r *http.Request, server string, status int, kind, body string) {
	h := w.Header()
	h.Set("Server", server)
	h.Set("Date", f.now().Format(http.TimeFormat))
	h.Set("Content-Type", kind)
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(body)) // the client left: nobody to tell
	}
}
