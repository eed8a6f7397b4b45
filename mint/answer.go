package mint

import (
	"math"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/vendord/vendord/session"
)

// slack is how much later than expected an expiry may be: the Date header
// counts whole seconds, and AWS's servers have more clocks than one.
const slack = time.Minute

// crowded is the use of a session token, in percent, from which the next tag
// or policy statement may be the one too many.
const crowded = 80

var (
	keyShape   = regexp.MustCompile(`^\w{16,128}$`)      // STS API reference, Credentials
	plainShape = regexp.MustCompile(`^[\x21-\x7e]{1,}$`) // what an HTTP header and a shell survive
	accountOf  = regexp.MustCompile(`^arn:[^:]*:sts::(\d{12}):`)
)

// answer is what the answers of all operations have in common.
type answer struct {
	keys *types.Credentials
	arn  string // the session's own, or ""
	use  int    // of the session token's limit, in percent, or -1
}

// accept turns AWS's answer into credentials, or refuses it: a daemon that
// hands out an empty key makes every program around it fail for an hour.
func (m *Minter) accept(c call, r session.Request, got answer) (*session.Credentials, error) {
	keys, err := c.keys(got.keys)
	if err != nil {
		return nil, err
	}
	until, life, skew := window(keys.Expires, c.x.at, c.x.skew, c.asked)
	if life <= 0 {
		return nil, c.odd("credentials that had expired already")
	}
	if !until.Equal(keys.Expires) {
		m.log.Warn("AWS answered with a later expiry than was asked for: cut", c.forLog("asked", c.asked, "answered", keys.Expires)...)
	}
	made := session.NewCredentials(keys.AccessKeyID, keys.SecretAccessKey, keys.SessionToken, until)
	made.Minted, made.Life, made.Skew = c.x.at, life, skew
	made.RoleARN, made.Region, made.TokenUse = r.RoleARN, c.region, got.use
	made.Principal, made.AccountID = principal(got.arn)
	if made.TokenUse >= crowded && r.MinTokenSize == 0 { // else it may be AWS's padding
		m.log.Warn("the session token is nearly full: shorten the session policy or the tags", c.forLog("percent", made.TokenUse)...)
	}
	m.log.Debug("minted", c.forLog("key", made.KeyID, "expires", until, "skew", skew)...)
	return made, nil
}

// keys checks the part of an answer that every operation shares.
func (c call) keys(got *types.Credentials) (aws.Credentials, error) {
	if got == nil {
		return aws.Credentials{}, c.odd("no credentials")
	}
	keys := aws.Credentials{
		AccessKeyID: aws.ToString(got.AccessKeyId), SecretAccessKey: aws.ToString(got.SecretAccessKey),
		SessionToken: aws.ToString(got.SessionToken), CanExpire: true, Expires: aws.ToTime(got.Expiration),
	}
	switch {
	case !keyShape.MatchString(keys.AccessKeyID):
		return aws.Credentials{}, c.odd("credentials without a proper access key id")
	case !plainShape.MatchString(keys.SecretAccessKey):
		return aws.Credentials{}, c.odd("credentials without a proper secret key")
	case !plainShape.MatchString(keys.SessionToken):
		return aws.Credentials{}, c.odd("credentials without a proper session token")
	case got.Expiration == nil:
		return aws.Credentials{}, c.odd("credentials without an expiry")
	}
	return keys, nil
}

// window works out how long an answer is good for: until when by AWS's clock,
// for how long from now, and what AWS's clock differs. What expires later than
// was asked for is cut: nobody relies on a life that was never requested. A
// Date that does not fit the expiry, where our own clock does, is some
// emulator's and is not believed.
func window(expires, now time.Time, skew, asked time.Duration) (until time.Time, life, seen time.Duration) {
	fits := func(life time.Duration) bool { return life > 0 && life <= asked+slack }
	if skew.Abs() < 2*time.Second { // the header's rounding, and the way here
		skew = 0
	}
	plain := now.Round(0)
	if skew != 0 && !fits(expires.Sub(plain.Add(skew))) && fits(expires.Sub(plain)) {
		skew = 0
	}
	life = expires.Sub(plain.Add(skew))
	if life > asked+slack {
		expires = plain.Add(skew).Add(asked).UTC().Truncate(time.Second)
	}
	return expires, min(life, asked), skew
}

// principal checks the ARN of a session, which ends up in terminals, and finds
// its account.
func principal(arn string) (plain, account string) {
	if !plainShape.MatchString(arn) {
		return "", ""
	}
	if found := accountOf.FindStringSubmatch(arn); found != nil {
		account = found[1]
	}
	return arn, account
}

// userARN is the ARN in an answer, or "".
func userARN(user *types.AssumedRoleUser) string {
	if user == nil {
		return ""
	}
	return aws.ToString(user.Arn)
}

// tokenUse prefers the field that replaced PackedPolicySize in 2026-09, which
// servers that predate it have.
func tokenUse(utilization, packed *int32) int {
	switch {
	case utilization != nil:
		return int(*utilization)
	case packed != nil:
		return int(*packed)
	}
	return -1
}

func seconds(d time.Duration) *int32 {
	return aws.Int32(int32(min(d/time.Second, math.MaxInt32)))
}

// optional leaves out what is empty: STS refuses an empty parameter.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// tokenSize leaves out MinimumSessionTokenSize where nobody asked for it.
func tokenSize(n int) *int32 {
	if n == 0 {
		return nil
	}
	return aws.Int32(int32(min(n, math.MaxInt32)))
}
