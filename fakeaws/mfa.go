package fakeaws

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// codeStep is how long one code of a device is shown.
const codeStep = 30 * time.Second

// code returns what a device with this seed shows at a time: RFC 6238 with
// SHA-1 and six digits.
func code(seed []byte, at time.Time) string {
	counter := binary.BigEndian.AppendUint64(nil, uint64(at.Unix()/int64(codeStep/time.Second)))
	h := hmac.New(sha1.New, seed)
	h.Write(counter)
	sum := h.Sum(nil)
	from := sum[len(sum)-1] & 15
	n := binary.BigEndian.Uint32(sum[from:]) & 0x7fffffff
	return fmt.Sprintf("%06d", n%1_000_000)
}

// usedCodes remembers the latest code that each device gave: a code opens one
// session, and none that is older does.
type usedCodes struct {
	mu   sync.Mutex       // guards last
	last map[string]int64 // by user and serial number: the step of the code
}

func newUsedCodes() *usedCodes { return &usedCodes{last: map[string]int64{}} }

// use accepts a code of the current step or one beside it, once.
func (u *usedCodes) use(device string, seed []byte, given string, now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, off := range []time.Duration{-codeStep, 0, codeStep} {
		at := now.Add(off)
		step := at.Unix() / int64(codeStep/time.Second)
		if step > u.last[device] && subtle.ConstantTimeCompare([]byte(code(seed, at)), []byte(given)) == 1 {
			u.last[device] = step
			return true
		}
	}
	return false
}

// verifyMFA checks a serial number and a code of the calling user, and returns
// the time to note in the session, or 0 where neither was given.
func (f *Fake) verifyMFA(rq *request, serial, given string) (int64, *failure) {
	c := rq.caller
	if serial == "" && given == "" {
		return 0, nil
	}
	if serial == "" || given == "" {
		return 0, badMFA(", must provide both MFA serial number and one time pass code.")
	}
	seed, known := c.mfa[serial]
	if !known {
		return 0, badMFA(", unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.")
	}
	if !f.mfa.use(c.principal.arn+" "+serial, seed, given, rq.now) {
		return 0, badMFA(" with invalid MFA one time pass code.")
	}
	return rq.now.Unix(), nil
}

func badMFA(problem string) *failure {
	return fail(http.StatusForbidden, "AccessDenied", "MultiFactorAuthentication failed%s", problem)
}

// checkMFA checks the code of an AssumeRole call.
func (f *Fake) checkMFA(rq *request, call *roleCall) (failed *failure) {
	call.mfa, failed = f.verifyMFA(rq, call.serial, call.code)
	return failed
}
