package mint

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"

	"github.com/vendord/vendord/awshttp"
	"github.com/vendord/vendord/session"
)

// call is one request to AWS in the words that its failures need. It holds its
// signer's keys to take them out of whatever a server echoes.
type call struct {
	action  string // sts:AssumeRole
	service string // AWS STS in eu-west-1
	signer  identity
	source  string // the name of the source that it began with
	target  string // role arn:…, policy arn:…, or ""
	region  string
	asked   time.Duration
	x       *exchange
	// What the trust policy must allow besides.
	externalID, tags, sourceIdentity bool
	// proof names what proves who asks, in place of a signature, or is "".
	proof string
	// rolesInProof are those that an assertion lists.
	rolesInProof []string
	// mfa is the serial number of the device whose code was sent, or "".
	mfa        string
	mfaCommand bool
	// secrets are taken out of messages, like the signer's.
	secrets []string
}

// forLog is what a line of the log is about.
func (c call) forLog(more ...any) []any {
	return append([]any{"action", c.action, "for", cmp.Or(c.target, c.signer.subject)}, more...)
}

// what a message is about.
type about int

const (
	aRole    about = iota // role arn:…: …
	aSource               // source "john": …
	aService              // AWS STS in eu-west-1: …
	aClock                // this machine's clock: …
)

// row sorts one kind of failure. Words in braces are replaced, see fill.
type row struct {
	codes   []string // AWS's error codes, one action's alone as "sts:AssumeRole Code"
	has     string   // and a part of the message, or ""
	class   session.Class
	about   about
	problem string
	hint    string
}

// rows is what AWS may answer: the errors of the operations, the common errors of
// the query protocol (STS API reference), and texts that tell apart what shares
// a code, as met in 2026-11. The first row that fits counts.
var rows = []row{
	{[]string{scopedCredentials + "InvalidAction", scopedCredentials + "UnknownOperationException"}, "", session.Configuration, aService,
		"does not know GetScopedCredentials", "it is new, and not everywhere: set another region, or leave out scope_policy and scope_duration"},
	{[]string{scopedCredentials + "SessionDurationEscalationException"}, "", session.Configuration, aRole,
		"AWS refuses a session of {asked}: its parent's is shorter", "lower scope_duration"},
	{[]string{"iam:GetPolicy NoSuchEntity", "iam:GetPolicyVersion NoSuchEntity"}, "", session.Configuration, aRole, "there is none of that name",
		"correct the ARN; AWS needs some seconds to notice a new policy"},

	{[]string{"MalformedPolicyDocument"}, "", session.Configuration, aRole, "AWS refuses its session policy: {message}",
		"run: vendord check"},
	{[]string{"PackedPolicyTooLarge"}, "", session.Configuration, aRole, "its session policy and tags are too large: {message}",
		"drop Sids, use wildcards, send fewer tags, or move statements into a managed policy (policy_arns)"},
	{[]string{"ValidationError"}, "role chaining", session.Configuration, aRole, "AWS refuses a session of {asked}: from one role to the next it is 1h at most",
		`set duration = "1h"`},
	{[]string{"ValidationError"}, "MaxSessionDuration", session.Configuration, aRole, "AWS refuses a session of {asked}: the role allows less",
		"lower duration, or raise the role's maximum session duration in IAM"},
	{[]string{"InvalidParameterValue"}, "Managed Policy ARN", session.Administrator, aRole, "one of its policy_arns does not exist: {message}",
		"correct policy_arns or create the policy; AWS needs some seconds to notice a new one"},
	{[]string{"ValidationError", "ValidationException", "InvalidParameterValue", "InvalidParameterCombination", "MissingParameter"}, "",
		session.Configuration, aRole, "AWS refuses the request: {message}", "correct the profile, " + reload},
	{[]string{"RegionDisabledException"}, "", session.Administrator, aRole, "AWS STS is switched off in {region} for its account",
		"switch it on (IAM, account settings, STS endpoints), or set another region"},
	{[]string{"OptInRequired", "NotAuthorized"}, "", session.Administrator, aRole, "AWS refuses {signer}: {message}",
		"the account, or the region for it, has to be opened by its administrator"},

	// First, since what follows it may hold names that people chose.
	{[]string{"AccessDenied", "AccessDeniedException"}, "is not authorized to perform", session.Administrator, aRole, "AWS denies {action} to {principal}",
		"{causes}"},
	{[]string{"AccessDenied", "AccessDeniedException"}, "root account", session.Configuration, aSource, "its keys are those of the root user, who cannot assume roles",
		"use the keys of an IAM user or role"},
	{[]string{"AccessDenied", "AccessDeniedException"}, "with session credentials", session.Configuration, aSource, needsLongTerm, useLongTerm},
	{[]string{"AccessDenied", "AccessDeniedException"}, "invalid MFA one time pass code", session.Person, aRole, wrongCode, "{newcode}"},
	{[]string{"AccessDenied", "AccessDeniedException"}, "unable to validate MFA code", session.Person, aRole, wrongCode, "{newcode}"},
	{[]string{"AccessDenied", "AccessDeniedException"}, "MultiFactorAuthentication", session.Person, aRole, "AWS wants MFA: {message}",
		"set mfa_serial in the source or the profile"},
	{[]string{"AccessDenied", "AccessDeniedException"}, "", session.Administrator, aRole, "AWS denies {action} to {signer}: {message}",
		"{causes}"},

	{clockCodes[2:], "", session.Person, aClock, "{clock}", setClock},
	{[]string{"SignatureDoesNotMatch", "InvalidSignatureException"}, "Signature expired", session.Person, aClock, "{clock}", setClock},
	{[]string{"SignatureDoesNotMatch", "InvalidSignatureException"}, "Signature not yet current", session.Person, aClock, "{clock}", setClock},
	{[]string{"SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature"}, "", session.Person, aSource,
		"its secret key does not fit its access key {key}", "correct the secret key, " + reload},
	{[]string{"InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId", "InvalidToken"}, "", session.Person, aSource,
		"AWS does not know its access key {key}", "the key was deleted or switched off, lacks its session token, or is of another partition: replace it, " + reload},
	{[]string{webIdentity + "ExpiredTokenException", saml + "ExpiredTokenException"}, "", session.Person, aSource, "its {proof} has expired",
		"whoever issues it must issue a new one; it is asked for again at each try"},
	{[]string{"ExpiredToken", "ExpiredTokenException"}, "", session.Person, aSource, "its session has expired",
		"renew it where it comes from, " + reload},
	{[]string{"InvalidIdentityToken"}, "retrieve verification key", session.Retry, aSource, "AWS cannot reach its identity provider: {message}", ""},
	{[]string{saml + "InvalidIdentityToken", saml + "IDPRejectedClaim"}, "", session.Person, aSource, "AWS refuses its {proof}: {message}",
		"the assertion, its audience or its signature is not what provider_arn expects"},
	{[]string{"InvalidIdentityToken", "IDPRejectedClaim"}, "", session.Person, aSource, "AWS refuses its {proof}: {message}",
		"the token, its audience or its issuer is not what the role's account expects"},
	{[]string{"IDPCommunicationError"}, "", session.Retry, aSource, "AWS cannot reach its identity provider: {message}", ""},

	{[]string{"MissingAuthenticationToken", "MissingAuthenticationTokenException"}, "", session.Retry, aService, "says that the request was not signed",
		"a proxy may take out the Authorization header"},
	{[]string{"InvalidAction", "MissingAction", "UnknownOperationException", "InvalidQueryParameter", "MalformedQueryString",
		"MalformedHttpRequestException"}, "", session.Configuration, aService, "does not understand the request: {message}",
		"sts_endpoint must be the address of an STS"},
	{[]string{"InternalFailure", "InternalError", "ServiceUnavailable", "RequestTimeout", "RequestTimeoutException", "RequestAbortedException"}, "",
		session.Retry, aService, "has trouble of its own: {message}", ""},
}

// The prefixes of codes that mean something else where one action gets them.
const (
	webIdentity       = "sts:AssumeRoleWithWebIdentity "
	saml              = "sts:AssumeRoleWithSAML "
	scopedCredentials = "sts:GetScopedCredentials "
)

const wrongCode = "AWS does not take the code of its MFA device {device}"

// clockCodes are the codes with which AWS refuses a signature, the first two for
// other reasons too.
var clockCodes = []string{"SignatureDoesNotMatch", "InvalidSignatureException", "RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"}

const setClock = "set the clock and keep it set, for example with: timedatectl set-ntp true"

// failure sorts what a call to AWS returned.
func (c call) failure(err error) error {
	answer, ok := errors.AsType[smithy.APIError](err)
	if !ok || answer.ErrorCode() == noCode && !forbidden(awshttp.StatusOf(err)) {
		return c.unanswered(err)
	}
	code, message := cut(c.scrub(answer.ErrorCode())), c.scrub(answer.ErrorMessage())
	found := c.find(code, message, awshttp.StatusOf(err))
	// The SDK's own error stays behind: it keeps the last bytes of an answer
	// that it could not read, and those may be credentials.
	out := &session.Error{Class: found.class, Code: code, Public: c.subject(found.about) + ": " + c.fill(found.problem, message),
		Hint: c.fill(found.hint, message), Err: fmt.Errorf("%s answered HTTP %d %s: %s", c.service, awshttp.StatusOf(err), code, cut(message))}
	if found.about == aClock && c.x.late() {
		// The machine slept while AWS was asked: no clock is wrong.
		out.Class, out.Public, out.Hint = session.Retry, c.subject(aService)+": the request was too long on its way", ""
	}
	if c.signer.of != nil && out.Class == session.Person && c.mfa == "" {
		out.Class, out.Hint = session.Retry, "vendord renews it by itself"
	}
	return out
}

// noCode is the SDK's code for an error in whose text it found none: a page of
// some other server, or an emulator's refusal in a form of its own.
const noCode = "UnknownError"

func forbidden(status int) bool {
	return status == http.StatusForbidden || status == http.StatusUnauthorized
}

// find returns the row for an answer: by its code and text, else by its status.
// An unknown refusal is an administrator's, an unknown 4xx the configuration's.
func (c call) find(code, message string, status int) row {
	for _, r := range rows {
		if (slices.Contains(r.codes, code) || slices.Contains(r.codes, c.action+" "+code)) && strings.Contains(message, r.has) {
			return r
		}
	}
	_, throttled := retry.DefaultThrottleErrorCodes[code]
	switch {
	case throttled || status == http.StatusTooManyRequests:
		return row{class: session.Retry, about: aService, problem: "asks for fewer requests: {message}"}
	case status >= 500 || status == http.StatusRequestTimeout || status < 400:
		return row{class: session.Retry, about: aService, problem: fmt.Sprintf("has trouble of its own: HTTP %d %s", status, code)}
	case forbidden(status):
		return row{class: session.Administrator, about: aRole, hint: "{causes}",
			problem: fmt.Sprintf("AWS refuses {signer} (HTTP %d %s): {message}", status, code)}
	}
	return row{class: session.Configuration, about: aRole, hint: "correct the profile, " + reload,
		problem: fmt.Sprintf("AWS refuses the request (HTTP %d %s): {message}", status, code)}
}

// subject names what a message is about: the role that a profile names, the
// source that somebody has to mend, or AWS, where nobody here can. A call without
// a role is about its signer.
func (c call) subject(a about) string {
	switch {
	case a == aService:
		return c.service
	case a == aClock:
		return "this machine's clock"
	case a == aRole && c.target != "":
		return c.target
	}
	return c.signer.subject
}

// denial is the text of AWS's AccessDenied, in the one form that names names.
var denial = regexp.MustCompile(`User: (\S+) is not authorized to perform: (\S+)`)

// fill puts the facts of a call into a text of a row.
func (c call) fill(text, message string) string {
	action, principal := c.action, c.signer.subject
	if found := denial.FindStringSubmatch(message); found != nil {
		principal, action = cut(found[1]), cut(found[2])
	}
	return strings.NewReplacer("{message}", cut(message), "{region}", c.region, "{asked}", short(c.asked), "{key}", c.signer.keys.AccessKeyID,
		"{signer}", c.signer.subject, "{proof}", c.proof, "{device}", c.mfa, "{newcode}", c.newCode(), "{action}", action, "{principal}", principal, "{clock}", c.clock(),
		"{causes}", c.causes(action, principal, message)).Replace(text)
}

// reason is what AWS adds to a denial where the policy that decided is in the
// caller's own account.
var reason = regexp.MustCompile(`(because no .*|with an explicit deny .*)$`)

// causes lists what makes AWS deny a call, unless AWS says it. For a role it gives
// mostly one answer to all of them, and to a role that does not exist.
func (c call) causes(action, principal, message string) string {
	if found := reason.FindString(message); found != "" {
		return "AWS denies it " + cut(found)
	}
	switch c.action {
	case "sts:GetFederationToken", "sts:GetSessionToken", "sts:GetCallerIdentity", "iam:GetPolicy", "iam:GetPolicyVersion":
		return "the policies of " + principal + " do not allow " + action
	case strings.TrimSpace(scopedCredentials):
		return "the policies of the session to scope must allow " + action + ", and the root user's sessions may not be scoped"
	}
	causes := []string{"the role's trust policy does not allow " + action + " to " + principal}
	if c.proof == "" {
		causes = append(causes, "the caller's own policies do not")
	}
	switch {
	case len(c.rolesInProof) > 0 && !slices.Contains(c.rolesInProof, strings.TrimPrefix(c.target, "role ")):
		causes = []string{"the assertion is for other roles, such as " + quote(c.rolesInProof[0])}
	case c.proof != "":
	case c.externalID:
		causes = append(causes, "external_id is not the one that it wants")
	default:
		causes = append(causes, "it wants an external_id")
	}
	if c.tags {
		causes = append(causes, "sts:TagSession is not allowed too, for tags")
	}
	if c.sourceIdentity {
		causes = append(causes, "sts:SetSourceIdentity is not allowed too, for source_identity")
	}
	causes = append(causes, "there is no such role")
	return "one of: " + strings.Join(causes, "; ")
}

// newCode is the hint after a code that AWS does not take. Often it took it
// before: each is good once.
func (c call) newCode() string {
	if c.mfaCommand {
		return "mfa_command must print a code of that device which nobody has used, by a clock that is right"
	}
	return "wait for the next one, then " + runLogin(c.source)
}

// clock says how far our clock is off.
func (c call) clock() string {
	skew := c.x.skew
	switch {
	case skew.Abs() < time.Minute:
		return "differs from AWS's by more than AWS allows"
	case skew > 0:
		return "is " + short(skew.Round(time.Minute)) + " behind AWS's"
	}
	return "is " + short(-skew.Round(time.Minute)) + " ahead of AWS's"
}

// odd is an answer of AWS, or of whoever answered in its place, that makes no
// sense.
func (c call) odd(what string) error {
	return &session.Error{Class: session.Retry, Public: c.service + ": answered with " + what}
}

// loginFailure is what came of using a login that a person made with AWS's own
// tools. Unless the network is to blame, that person has to do it again.
func (c call) loginFailure(err error, hint string) error {
	sorted := c.failure(err).(*session.Error)
	answer, answered := errors.AsType[smithy.APIError](err)
	switch {
	case answered && sorted.Class == session.Retry, awshttp.StatusOf(err) != 0 && !answered, onTheWay(err):
		return sorted
	case answered && (answer.ErrorCode() == "ForbiddenException" || answer.ErrorCode() == "ResourceNotFoundException"):
		return &session.Error{Class: session.Administrator, Code: answer.ErrorCode(), Err: sorted.Err,
			Public: c.signer.subject + ": " + c.service + " refuses its account or role: " + cut(c.scrub(answer.ErrorMessage())),
			Hint:   "the person who logged in must be given that role in IAM Identity Center"}
	}
	return &session.Error{Class: session.Person, Code: sorted.Code, Public: c.signer.subject + ": its login has expired, or was never made",
		Hint: hint, Err: errors.New(c.loginProblem(err, answered))}
}

// loginProblem is what there is to say of a login. Where it was not refused, but
// its file cannot be read, the SDK quotes that, and any of its fields may hold
// a token by mistake.
func (c call) loginProblem(err error, answered bool) string {
	file, unread := errors.AsType[*fs.PathError](err)
	switch {
	case answered:
		return cut(c.scrub(err.Error()))
	case unread:
		return cut(clean(file.Error()))
	}
	return "it is over, or its file is damaged"
}

// scrub makes a foreign text fit to be shown: without the signer's secrets,
// should the server echo what it was sent. Codes of a few digits are taken out
// whole, the rest in parts.
func (c call) scrub(text string) string {
	secrets := append([]string{c.signer.keys.SecretAccessKey, c.signer.keys.SessionToken}, c.secrets...)
	for _, secret := range secrets {
		if len(secret) > 4 && len(secret) < part { // of a JWT's parts one may be short, and is none
			text = strings.ReplaceAll(text, secret, session.Redacted)
		}
	}
	return clean(withoutParts(text, secrets))
}

// mostQuoted is how much of a foreign text is quoted, in characters.
const mostQuoted = 150

// clean makes one line without control characters: a message that moved the
// cursor could hide or forge a line of the log.
func clean(text string) string {
	printable := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, strings.ToValidUTF8(text, "?"))
	return strings.Join(strings.Fields(printable), " ")
}

// cut shortens what is quoted.
func cut(text string) string {
	if line := []rune(text); len(line) > mostQuoted {
		return strings.TrimSpace(string(line[:mostQuoted-1])) + "…"
	}
	return text
}

// short prints 2h0m0s as 2h, as vendord.toml spells it.
func short(d time.Duration) string {
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
