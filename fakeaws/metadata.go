package fakeaws

import (
	"crypto/hmac"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// metadata is an instance metadata service, version 2 alone.
type metadata struct {
	*machine
	instance string
}

const (
	metadataTTL   = "X-Aws-Ec2-Metadata-Token-Ttl-Seconds"
	metadataToken = "X-Aws-Ec2-Metadata-Token"
	rolePath      = "/latest/meta-data/iam/security-credentials/"
)

// Metadata returns the instance metadata service of a made-up instance with a
// role, which must trust ec2.amazonaws.com; "" is an instance without one. It
// panics for a role that is not there. Requests without a token of its own are
// refused: there is no version 1. Its credentials are a real session, of six
// hours, and new ones come five minutes before the end: later than EC2's own,
// as late as EC2 promises.
func (f *Fake) Metadata(roleARN string) http.Handler {
	instance := "i-" + randomHex(9)[:17]
	return &metadata{machine: f.newMachine(roleARN, instance, 5*time.Minute, "ec2.amazonaws.com"), instance: instance}
}

// ServeHTTP answers one request. The checks are EC2's, in its order: a request
// that was forwarded gets no token (EC2 user guide, IMDSv2).
func (m *metadata) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	now := m.fake.now()
	if failed := guard(r); failed != nil {
		m.text(w, r, http.StatusForbidden, failed.message)
		return
	}
	if r.URL.Path == "/latest/api/token" {
		m.makeToken(w, r, now)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		m.text(w, r, http.StatusMethodNotAllowed, "")
		return
	}
	left := m.left(r.Header.Get(metadataToken), now)
	if left <= 0 {
		m.text(w, r, http.StatusUnauthorized, "")
		return
	}
	w.Header().Set(metadataTTL, strconv.Itoa(left))
	if body, ok := m.at(r.URL.Path, now); ok {
		m.text(w, r, http.StatusOK, body)
		return
	}
	m.text(w, r, http.StatusNotFound, "")
}

// text answers with plain text, as EC2 does for JSON too.
func (m *metadata) text(w http.ResponseWriter, r *http.Request, status int, body string) {
	m.fake.writeText(w, r, "EC2ws", status, "text/plain", body)
}

// makeToken answers PUT with a token that lives as long as was asked.
func (m *metadata) makeToken(w http.ResponseWriter, r *http.Request, now time.Time) {
	if r.Method != http.MethodPut {
		w.Header().Set("Allow", "OPTIONS, PUT")
		m.text(w, r, http.StatusMethodNotAllowed, "")
		return
	}
	seconds, err := strconv.Atoi(r.Header.Get(metadataTTL))
	if err != nil || seconds < 1 || seconds > 21600 {
		m.text(w, r, http.StatusBadRequest, "")
		return
	}
	w.Header().Set(metadataTTL, strconv.Itoa(seconds))
	m.text(w, r, http.StatusOK, m.seal(now.Add(time.Duration(seconds)*time.Second).Unix()))
}

// seal makes a token of the time when it ends; it is this instance's alone.
func (m *metadata) seal(ends int64) string {
	b := binary.BigEndian.AppendUint64(nil, uint64(ends))
	return hex.EncodeToString(append(b, mac(m.fake.secrets, m.instance+string(b))...))
}

// left returns for how many seconds a token is good, or 0.
func (m *metadata) left(token string, now time.Time) int {
	b, err := hex.DecodeString(token)
	if err != nil || len(b) != 8+32 || !hmac.Equal(b[8:], mac(m.fake.secrets, m.instance+string(b[:8]))) {
		return 0
	}
	return int(int64(binary.BigEndian.Uint64(b)) - now.Unix())
}

// at returns what is at an address, which may end in a slash or not.
func (m *metadata) at(path string, now time.Time) (string, bool) {
	if role, ok := strings.CutPrefix(path, rolePath); ok && role != "" {
		return m.roleAt(role, now)
	}
	zone := m.region() + "a"
	switch strings.TrimSuffix(path, "/") {
	case strings.TrimSuffix(rolePath, "/"):
		if m.role == nil {
			return "", false
		}
		return m.role.name, true
	case "/latest/meta-data/placement/region":
		return m.region(), true
	case "/latest/meta-data/placement/availability-zone":
		return zone, true
	case "/latest/meta-data/instance-id":
		return m.instance, true
	case "/latest/dynamic/instance-identity/document":
		account := "000000000000"
		if m.role != nil {
			account = m.role.account
		}
		return indented(map[string]any{"accountId": account, "architecture": "x86_64", "availabilityZone": zone,
			"imageId": "ami-0123456789abcdef0", "instanceId": m.instance, "instanceType": "t3.micro", "privateIp": "10.0.0.1",
			"pendingTime": m.fake.store.creation.Format(expiryFormat), "region": m.region(), "version": "2017-09-30"}), true
	}
	return "", false
}

// roleAt returns the credentials of the role. Where it does not trust EC2 that
// is said within, with status 200.
func (m *metadata) roleAt(name string, now time.Time) (string, bool) {
	if m.role == nil || name != m.role.name {
		return "", false
	}
	if !m.trusted() {
		return indented(map[string]any{"Code": "AssumeRoleUnauthorizedAccess", "LastUpdated": now.Format(expiryFormat),
			"Message": "EC2 cannot assume the role " + name + ". Please see documentation at https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_iam-ec2.html"}), true
	}
	c := m.credentials(now)
	return indented(map[string]any{"Code": "Success", "LastUpdated": m.issued.Format(expiryFormat), "Type": "AWS-HMAC",
		"AccessKeyId": c.AccessKeyID, "SecretAccessKey": c.SecretAccessKey, "Token": c.SessionToken, "Expiration": c.Expiration}), true
}

// indented writes JSON for people, as EC2 does.
func indented(v map[string]any) string {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		panic(err) // strings of ours: cannot fail
	}
	return string(b)
}
