package fakeaws

import (
	"fmt"
	"net/http"
	"time"
)

// iamWords are STS's, but for the service's name: both are of one family.
var iamWords = otherService(stsWords, "iam")

// otherService gives words to a service that shares them with another.
func otherService(words authWords, name string) authWords {
	words.service = func() *failure {
		return mismatch(fmt.Sprintf("Credential should be scoped to correct service: '%s'.", name))
	}
	return words
}

// ec2Words are EC2's (EC2 API reference, error codes, as of 2026-11): one code
// for whatever is wrong with who signed.
var ec2Words = authWords{
	missing:    fail(http.StatusBadRequest, "MissingParameter", "The request must contain the parameter AWSAccessKeyId"),
	unknownKey: authFailure(),
	badToken:   authFailure(),
	expired:    fail(http.StatusBadRequest, "RequestExpired", "Request has expired."),
	mismatch:   authFailure(),
	throttled:  fail(http.StatusServiceUnavailable, "RequestLimitExceeded", "Request limit exceeded."),
	malformed:  func(string) *failure { return authFailure() },
	region:     func(string, string) *failure { return authFailure() },
	service:    authFailure,
	date:       func(string, string) *failure { return authFailure() },
	unsigned:   func(string) *failure { return authFailure() },
	skewed: func(signed, _ time.Time) *failure {
		return fail(http.StatusBadRequest, "RequestExpired", "Request has expired. Timestamp date is %s", signed.Format(time.RFC3339))
	},
	broken: func(status int) *failure {
		if status == http.StatusServiceUnavailable {
			return fail(status, "Unavailable", "Unable to complete the request at this time. Please try again.")
		}
		return fail(http.StatusInternalServerError, "InternalError", "An internal error has occurred")
	},
}

func authFailure() *failure {
	return fail(http.StatusUnauthorized, "AuthFailure", "AWS was not able to validate the provided access credentials")
}

// oidcWords and portalWords are for faults alone: nothing is signed there.
var (
	oidcWords   = unsignedWords(fail(http.StatusBadRequest, "SlowDownException", "Slow down"), "InternalServerException")
	portalWords = unsignedWords(fail(http.StatusTooManyRequests, "TooManyRequestsException", "Rate exceeded"), "InternalServerException")
)

func unsignedWords(throttled *failure, broken string) authWords {
	return authWords{
		throttled: throttled,
		skewed: func(time.Time, time.Time) *failure {
			return badRequest("The clock is wrong (a fault that was injected).")
		},
		broken: func(status int) *failure {
			return fail(http.StatusInternalServerError, broken, "The service had a problem (a fault that was injected).")
		},
	}
}
