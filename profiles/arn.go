package profiles

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/vendord/vendord/policy"
)

// The forms of ARNs that IAM gives out (service authorization reference, IAM;
// as of 2026-11). Role names are case-sensitive when a role is assumed.
var (
	roleARN    = regexp.MustCompile(`^arn:(aws(?:-[a-z0-9]+)*):iam::(\d{12}):role(/(?:[\x21-\x7e]+/)?)([A-Za-z0-9_+=,.@-]{1,64})$`)
	policyARN  = regexp.MustCompile(`^arn:(aws(?:-[a-z0-9]+)*):iam::(\d{12}|aws):policy(/(?:[A-Za-z0-9.,+@=_-]+/)*)([A-Za-z0-9_+=,.@-]{1,128})$`)
	otherARN   = regexp.MustCompile(`^arn:(aws[a-z0-9-]*):(iam|sts)::(\d{12}):(user|group|role|policy|instance-profile|assumed-role|federated-user)/(.+)$`)
	regionForm = regexp.MustCompile(`^[a-z]{2,8}(-[a-z]{2,12}){1,3}-[0-9]{1,2}$`)
)

// maxARNPath is the longest path in an ARN (IAM API reference, pathType).
const maxARNPath = 512

// maxARN is the longest ARN that STS takes (STS API reference, arnType).
const maxARN = 2048

// partitions are AWS's partitions, each with what its regions begin with; ""
// is everything else, since only the first gets regions with new beginnings
// (botocore's partitions.json; as of 2026-11).
var partitions = map[string]string{
	"aws": "", "aws-cn": "cn-", "aws-us-gov": "us-gov-", "aws-iso": "us-iso-", "aws-iso-b": "us-isob-",
	"aws-iso-e": "eu-isoe-", "aws-iso-f": "us-isof-", "aws-eusc": "eusc-",
}

// arn is the part of an ARN that rules are about.
type arn struct{ partition, account string }

// parseARN takes an ARN of one form apart.
func parseARN(form *regexp.Regexp, text string) (arn, bool) {
	m := form.FindStringSubmatch(text)
	if m == nil || len(m[3]) > maxARNPath || len(text) > maxARN {
		return arn{}, false
	}
	return arn{partition: m[1], account: m[2]}, true
}

// wrongARN reports a text that is no ARN of the kind, "role" or "policy", with
// the mistake that was probably made.
func (l *loader) wrongARN(at path, kind, text string) {
	if name := policy.Placeholder(text); name != "" {
		l.wrong(at, "put your own value there", "%s is a placeholder that nobody filled in", name)
		return
	}
	l.wrong(at, arnHint(kind, text), "%q is not the ARN of a %s", shortened(text), kind)
}

// arnHint guesses the mistake: what people paste is another ARN of the same
// thing, or typeset by a blog.
func arnHint(kind, text string) string {
	if strings.ContainsAny(text, "“”‘’") {
		return "curly quotes: retype the ARN, or copy it from the console"
	}
	if strings.TrimSpace(text) != text {
		return "remove the space around it"
	}
	if m := otherARN.FindStringSubmatch(text); m != nil {
		partition, account, what, rest := m[1], m[3], m[4], m[5]
		name, _, _ := strings.Cut(rest, "/")
		switch {
		case what == "assumed-role" && kind == "role":
			return "this is a session of the role; write the role: arn:" + partition + ":iam::" + account + ":role/" + name
		case what != kind:
			return "this is an ARN of another kind: " + what
		}
	}
	return "the form is arn:aws:iam::123456789012:" + kind + "/Name"
}

// regionShape checks that a text can be a region. It becomes part of the name
// of the host that is asked, so nothing else may pass.
func (l *loader) regionShape(at path, text string) {
	switch {
	case regionForm.MatchString(text):
	case strings.HasSuffix(text, "-global"):
		l.wrong(at, `write a region such as "eu-west-1"`, "%q is no region: STS is asked at a regional endpoint", text)
	default:
		l.wrong(at, `write a region such as "eu-west-1"`, "%q is not a region", shortened(text))
	}
}

// partitionOf returns the partition of a region.
func partitionOf(region string) string {
	for partition, start := range partitions {
		if start != "" && strings.HasPrefix(region, start) {
			return partition
		}
	}
	return "aws"
}

// knownPartitions lists the partitions, for hints.
func knownPartitions() []string {
	var names []string
	for name := range partitions {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// shortened cuts a text for a message.
func shortened(text string) string { return cut(text, 80) }

// cut returns at most the first most characters of a text.
func cut(text string, most int) string {
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}
