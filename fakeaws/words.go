package fakeaws

import (
	"fmt"
	"net/http"
	"time"
)

// stsWords are STS's (STS API reference, Common Errors; error bodies quoted in
// the issue threads of the SDKs, as of 2026-11).
var stsWords = authWords{
	missing: fail(http.StatusForbidden, "MissingAuthenticationToken", "Request is missing Authentication Token"),
	// A key that is not there and a token that is not its own look the same.
	unknownKey: fail(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid."),
	badToken:   fail(http.StatusForbidden, "InvalidClientTokenId", "The security token included in the request is invalid."),
	expired:    fail(http.StatusForbidden, "ExpiredToken", "The security token included in the request is expired"),
	mismatch: mismatch("The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."),
	throttled: fail(http.StatusBadRequest, "Throttling", "Rate exceeded"),

	malformed: func(problem string) *failure {
		return fail(http.StatusBadRequest, "IncompleteSignature", "%s", problem)
	},
	region: func(got, _ string) *failure {
		return mismatch(fmt.Sprintf("Credential should be scoped to a valid region, not '%.40s'.", got))
	},
	service: func() *failure { return mismatch("Credential should be scoped to correct service: 'sts'.") },
	date: func(scope, header string) *failure {
		return mismatch(fmt.Sprintf("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "+
			"'%s' != '%.8s', from '%s'.", scope, header, header))
	},
	unsigned: func(name string) *failure {
		return mismatch(fmt.Sprintf("'%s' must be a 'SignedHeader' in the AWS Authorization.", name))
	},
	// SDKs read the skew from the Date header, and this text is for people.
	skewed: func(signed, now time.Time) *failure {
		if signed.Before(now) {
			return mismatch(fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - 15 min.)",
				iso(signed), iso(now.Add(-maxSkew)), iso(now)))
		}
		return mismatch(fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + 15 min.)",
			iso(signed), iso(now.Add(maxSkew)), iso(now)))
	},
	// 500 unless a fault asks for 503: SDKs try both again.
	broken: func(status int) *failure {
		if status == http.StatusServiceUnavailable {
			return fail(status, "ServiceUnavailable", "The request has failed due to a temporary failure of the server.")
		}
		return fail(http.StatusInternalServerError, "InternalFailure", "The request processing has failed because of an unknown error.")
	},
}

// mismatch is the code that STS has for every quarrel with a signature, the
// client's clock included: SDKs correct their skew on it.
func mismatch(message string) *failure {
	return &failure{http.StatusForbidden, "SignatureDoesNotMatch", message}
}

// s3Words are S3's (S3 API reference, Error Responses, as of 2026-11). They
// differ from STS's in more than words: an expired token is 400 and not 403, a
// token that is wrong has a code of its own, and a request that nobody signed
// is an anonymous one, which is denied like any other.
var s3Words = authWords{
	missing:    fail(http.StatusForbidden, "AccessDenied", "Access Denied"),
	unknownKey: fail(http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."),
	badToken:   fail(http.StatusBadRequest, "InvalidToken", "The provided token is malformed or otherwise invalid."),
	expired:    fail(http.StatusBadRequest, "ExpiredToken", "The provided token has expired."),
	mismatch: mismatch("The request signature we calculated does not match the signature you provided. " +
		"Check your key and signing method."),
	throttled: fail(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate."),

	malformed: malformedS3,
	// Clients sign again for the region that is named: botocore reads it from
	// the error's Region, or the header that s3Failure adds.
	region: func(got, want string) *failure {
		return malformedS3(fmt.Sprintf("the region '%.40s' is wrong; expecting '%s'", got, want))
	},
	service: func() *failure { return malformedS3("incorrect service. This endpoint belongs to \"s3\".") },
	date: func(scope, header string) *failure {
		return malformedS3(fmt.Sprintf("Invalid credential date %q. This date is not the same as X-Amz-Date: %q.", scope, header[:8]))
	},
	unsigned: func(name string) *failure {
		return fail(http.StatusForbidden, "AccessDenied", "There were headers present in the request which were not signed (%s)", name)
	},
	skewed: func(time.Time, time.Time) *failure {
		return fail(http.StatusForbidden, "RequestTimeTooSkewed",
			"The difference between the request time and the current time is too large.")
	},
	broken: func(status int) *failure {
		if status == http.StatusServiceUnavailable {
			return fail(status, "ServiceUnavailable", "Service is unable to handle request.")
		}
		return fail(http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again.")
	},
}

// malformedS3 is what S3 says of an Authorization header.
func malformedS3(problem string) *failure {
	return fail(http.StatusBadRequest, "AuthorizationHeaderMalformed", "The authorization header is malformed; %s", problem)
}

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
