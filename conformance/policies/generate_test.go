//go:build policies

package policies

import (
	"math/rand/v2"
	"strings"
)

// maker makes cases out of few words, so that they often have to do with each
// other. One seed always makes the same cases.
type maker struct{ *rand.Rand }

func newMaker(seed uint64) maker { return maker{rand.New(rand.NewPCG(seed, 0))} }

func pick[T any](m maker, from []T) T { return from[m.IntN(len(from))] }

func some[T any](m maker, most int, one func() T) []T {
	var all []T
	for range 1 + m.IntN(most) {
		all = append(all, one())
	}
	return all
}

// oneIn reports true once in n times.
func (m maker) oneIn(n int) bool { return m.IntN(n) == 0 }

// requests are actions and the resources that they have: the simulator knows
// which belong together. Those with "*" have none.
var requests = []struct {
	action    string
	resources []string
}{
	{"s3:GetObject", []string{"arn:aws:s3:::photos/x", "arn:aws:s3:::photos/red/x", "arn:aws:s3:::photos/red/2026/x.jpg", "arn:aws:s3:::Photos/x", "arn:aws:s3:::photos//x", "arn:aws:s3:::photos/a:b", "arn:aws:s3:::photos/100%/[x]$y"}},
	{"s3:PutObject", []string{"arn:aws:s3:::photos/x", "arn:aws:s3:::photos/john/x"}},
	{"s3:ListBucket", []string{"arn:aws:s3:::photos", "arn:aws:s3:::photos-2"}},
	{"s3:ListAllMyBuckets", []string{"*"}},
	{"ec2:DescribeInstances", []string{"*"}},
	{"sqs:SendMessage", []string{"arn:aws:sqs:us-east-1:123456789012:queue", "arn:aws:sqs:eu-west-1:123456789012:red-queue"}},
	{"sns:Publish", []string{"arn:aws:sns:us-east-1:123456789012:topic"}},
	{"dynamodb:GetItem", []string{"arn:aws:dynamodb:us-east-1:123456789012:table/T", "arn:aws:dynamodb:us-east-1:123456789012:table/red"}},
	{"iam:GetUser", []string{"arn:aws:iam::123456789012:user/john", "arn:aws:iam::123456789012:user/red/john"}},
	{"secretsmanager:GetSecretValue", []string{"arn:aws:secretsmanager:us-east-1:123456789012:secret:red-abcdef"}},
	{"logs:PutLogEvents", []string{"arn:aws:logs:us-east-1:123456789012:log-group:g:log-stream:s"}},
}

// action returns a pattern that often matches an action.
func (m maker) action(action string) string {
	if m.oneIn(3) {
		action = pick(m, requests).action
	}
	service, name, _ := strings.Cut(action, ":")
	switch m.IntN(9) {
	case 0:
		return "*"
	case 1:
		return service + ":*"
	case 2:
		return service + ":" + name[:m.IntN(len(name))] + "*"
	case 3:
		return service + ":*" + name[m.IntN(len(name)):]
	case 4:
		at := m.IntN(len(name))
		return service + ":" + name[:at] + "?" + name[at+1:]
	case 5:
		return strings.ToUpper(service) + ":" + strings.ToLower(name)
	default:
		return action
	}
}

// variables are put into resources and values.
var variables = []string{"${aws:PrincipalTag/team}", "${aws:username}", "${aws:username, 'john'}", "${aws:PrincipalTag/team, 'red'}",
	"${AWS:PrincipalTag/TEAM}", "${*}", "${?}", "${$}", "${aws:TagKeys}", "${aws:PrincipalTag/none, '*'}"}

// resource returns a pattern that often matches a resource.
func (m maker) resource(resource string) string {
	if m.oneIn(3) {
		resource = pick(m, pick(m, requests).resources)
	}
	if resource == "*" {
		return pick(m, []string{"*", "*", "arn:aws:s3:::photos"})
	}
	parts := strings.SplitN(resource, ":", 6)
	last := parts[5]
	at := m.IntN(len(last))
	switch m.IntN(12) {
	case 0:
		return "*"
	case 1:
		parts[5] = "*"
	case 2:
		parts[5] = last[:at] + "*"
	case 3:
		parts[5] = "*" + last[at:]
	case 4:
		parts[5] = last[:at] + "?" + last[at+1:]
	case 5:
		parts[5] = last[:at] + pick(m, variables)
	case 6:
		parts[5] = strings.Replace(last, pick(m, []string{"red", "john", "x"}), pick(m, variables), 1)
	case 7:
		i := 1 + 2*m.IntN(2) // partition or region
		parts[i] = pick(m, []string{"*", "a*", "us-*", "??-*-1", "aws", ""})
		if i == 1 && !strings.HasPrefix(parts[i], "a") {
			parts[i] = "*"
		}
	case 8:
		parts[4] = pick(m, []string{"*", "1234*", "????????????", "${aws:username}", parts[4]})
	case 10:
		if strings.Contains(last, ":") { // region and account by one wildcard
			return "arn:" + parts[1] + ":" + parts[2] + ":*:" + last
		}
	case 9:
		parts[5] = pick(m, []string{"*/*", "*/*/x*", "*:*", "p*o*s/*", "?*", "**", last + "*", last + "/*", strings.ToUpper(last)})
	}
	return strings.Join(parts, ":")
}

// key is a context key, with the values that requests and policies have for it.
type key struct {
	name      string
	many      bool
	operators []string
	values    []string
}

var (
	stringOperators  = []string{"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike", "BinaryEquals"}
	numericOperators = []string{"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"}
	dateOperators    = []string{"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"}
	arnOperators     = []string{"ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"}
	addressOperators = []string{"IpAddress", "NotIpAddress"}
)

var keys = []key{
	{"aws:PrincipalTag/team", false, stringOperators, []string{"red", "Red", "blue", "r", "", "QUJD", "a*", "red/2026"}},
	{"aws:username", false, stringOperators, []string{"john", "JOHN", "j", "*", "red"}},
	{"aws:UserAgent", false, stringOperators, []string{"aws-cli/2.0 (x)", "curl", "a.b", "a+b"}},
	{"aws:TagKeys", true, stringOperators, []string{"red", "Red", "blue", "", "john"}},
	{"aws:CalledVia", true, stringOperators, []string{"athena.amazonaws.com", "red"}},
	{"aws:MultiFactorAuthAge", false, numericOperators, []string{"0", "10", "10.0", "10.5", "-1", "3600", "010", "x"}},
	{"aws:CurrentTime", false, dateOperators, []string{"2026-11-21T12:00:00Z", "2026-11-21T13:00:00+01:00", "2026-11-21", "2027-01-01T00:00:00Z", "1795262400", "x"}},
	{"aws:MultiFactorAuthPresent", false, []string{"Bool"}, []string{"true", "false", "True", "x"}},
	{"aws:SecureTransport", false, []string{"Bool"}, []string{"true", "false"}},
	{"aws:SourceIp", false, addressOperators, []string{"10.0.0.1", "10.0.1.1", "203.0.113.9", "2001:db8::1", "2001:DB8:0:0::1", "x"}},
	{"aws:SourceArn", false, arnOperators, []string{"arn:aws:sns:us-east-1:123456789012:topic", "arn:aws:s3:::photos", "arn:aws:sns:us:east-1:123456789012:topic", "arn:aws:iam::123456789012:user/red/john", "x"}},
}

// wanted returns a value of a policy for a key.
func (m maker) wanted(k key) string {
	value := pick(m, k.values)
	switch {
	case k.operators[0] == "StringEquals" && m.oneIn(4):
		return pick(m, variables) + pick(m, []string{"", "", "*", "/x"})
	case k.operators[0] == "StringEquals" && m.oneIn(3):
		return pick(m, []string{"*", "r*", "?ed", "*e*", "j?hn*", "a${*}", "**", "a.?", "ZZ", "[a-z]*"})
	case k.operators[0] == "IpAddress" && m.oneIn(2):
		return pick(m, []string{"10.0.0.0/24", "10.0.0.0/8", "0.0.0.0/0", "10.0.0.1/32", "2001:db8::/32", "::/0", "10.0.0.0/33"})
	case k.operators[0] == "ArnEquals" && m.oneIn(2):
		return pick(m, []string{"arn:aws:sns:*:123456789012:topic", "arn:aws:sns:*:*:*", "arn:*:*:*:*:*", "arn:aws:s3:::*", "arn:aws:iam::123456789012:user/${aws:PrincipalTag/team}/*",
			"arn:aws:sns:us-????-1:*:t*", "*", "arn:aws:iam::*:user/*/${aws:username}"})
	case k.operators[0] == "DateEquals" && m.oneIn(3):
		return pick(m, []string{"2026", "2026-11", "2026-11-21T12:00Z", "2026-11-21T12:00:00.5Z", "1795262400"})
	}
	return value
}

func (m maker) condition() (operator, name string, values []string) {
	k := pick(m, keys)
	name = k.name
	if m.oneIn(6) {
		name = strings.ToUpper(name[:4]) + name[4:]
	}
	if m.oneIn(8) {
		return pick(m, []string{"", "", "", "ForAnyValue:", "ForAllValues:"}) + "Null", name, []string{pick(m, []string{"true", "false", "True"})}
	}
	operators := k.operators
	if other := pick(m, keys); m.oneIn(12) && other.operators[0][:4] != "Nume" && other.operators[0][:4] != "Date" {
		operators = other.operators // of another type; JavaScript finds numbers and dates in too much
	}
	operator = pick(m, operators)
	if k.many != m.oneIn(6) {
		operator = pick(m, []string{"ForAnyValue:", "ForAllValues:"}) + operator
	}
	if m.oneIn(4) {
		operator += "IfExists"
	}
	return operator, name, some(m, 2, func() string { return m.wanted(k) })
}

func (m maker) statement(action, resource string) statement {
	s := statement{Effect: "Allow"}
	if m.oneIn(4) {
		s.Effect = "Deny"
	}
	actions, resources := some(m, 2, func() string { return m.action(action) }), some(m, 2, func() string { return m.resource(resource) })
	if s.Action = actions; m.oneIn(6) {
		s.Action, s.NotAction = nil, actions
	}
	if s.Resource = resources; m.oneIn(6) {
		s.Resource, s.NotResource = nil, resources
	}
	for range max(0, m.IntN(4)-1) {
		operator, name, values := m.condition()
		if s.Condition == nil {
			s.Condition = map[string]map[string][]string{}
		}
		s.Condition[operator] = map[string][]string{name: values}
	}
	return s
}

func (m maker) document(action, resource string) document {
	d := document{Version: "2012-10-17"}
	if m.oneIn(10) {
		d.Version = pick(m, []string{"", "2008-10-17"})
	}
	d.Statement = some(m, 3, func() statement { return m.statement(action, resource) })
	return d
}

func (m maker) testCase() testCase {
	request := pick(m, requests)
	c := testCase{Action: request.action, Resource: pick(m, request.resources), Context: map[string]any{}}
	if m.oneIn(8) {
		c.Action = strings.ToLower(c.Action)
	}
	for _, k := range keys {
		switch {
		case m.oneIn(2):
		case k.many:
			c.Context[k.name] = some(m, 3, func() string { return pick(m, k.values) })
		default:
			c.Context[k.name] = pick(m, k.values)
		}
	}
	c.Identity = some(m, 3, func() document { return m.document(c.Action, c.Resource) })
	if m.oneIn(3) {
		d := m.document(c.Action, c.Resource)
		c.Session = &d
	}
	return c
}
