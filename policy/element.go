package policy

import (
	"fmt"
	"slices"
	"strings"
)

const (
	letters          = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	digits           = "0123456789"
	lettersAndDigits = letters + digits
)

// partitions are those that AWS runs, as of 2026-11.
var partitions = []string{"aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"}

// checkAction reports what is wrong with an action: * or service:Name, both
// parts in any case, the name with wildcards.
func (r *reading) checkAction(n *node) {
	action := withoutTemplates(n.value)
	if action == "*" {
		return
	}
	service, name, ok := strings.Cut(action, ":")
	switch {
	case !ok:
		r.fail("P011", n, quoted(n.value)+" does not say of which service it is an action", "write service:Action, such as s3:GetObject")
	case strings.Contains(name, ":"):
		r.fail("P011", n, quoted(n.value)+" has more than one colon", "write service:Action, such as s3:GetObject")
	case service == "" || strings.Trim(service, lettersAndDigits+".-*?") != "":
		r.fail("P011", n, quoted(service)+" is no service prefix", "a prefix such as s3 consists of letters, digits, - and .")
	case strings.ContainsAny(service, "*?"):
		// IAM takes *:*, and refuses most of the others; STS may.
		r.warn("P011", n, "wildcard in the service prefix of "+quoted(n.value),
			`name the service, or write "*" for every action of every service`)
	case name == "" || strings.Trim(name, lettersAndDigits+"*?_.-") != "" && !strings.Contains(name, "${"):
		r.warn("P011", n, quoted(n.value)+" matches no action: their names consist of letters and digits", "")
	}
}

// checkResource reports what is wrong with a resource: * or an ARN. Session
// policies must not leave out parts of an ARN, which policies of an identity
// may (IAM user guide, "Identify AWS resources with ARNs", as of 2026-11).
func (r *reading) checkResource(n *node) {
	const form = "an ARN is arn:partition:service:region:account:resource, such as arn:aws:s3:::bucket/*"
	if n.value == "*" {
		return
	}
	parts := arnParts(n.value)
	switch {
	case parts[0] != "arn" || len(parts) == 1:
		hint := form
		if path, ok := strings.CutPrefix(n.value, "s3://"); ok {
			hint = "write " + quoted("arn:aws:s3:::"+path)
		}
		r.fail("P012", n, quoted(n.value)+` is neither "*" nor an ARN`, hint)
		return
	case len(parts) < 6:
		r.fail("P012", n, fmt.Sprintf("%s has %d of the six parts of an ARN", quoted(n.value), len(parts)),
			"a session policy must have them all: arn:partition:service:region:account:resource")
		return
	}
	if !hasTemplate(parts[1]) {
		r.checkPartition(n, parts[1])
	}
	service, region, account, resource := parts[2], parts[3], parts[4], parts[5]
	switch {
	case service == "":
		r.fail("P012", n, quoted(n.value)+" names no service", form)
	case strings.ContainsAny(service, "*?"):
		r.fail("P012", n, "wildcard in the service part of "+quoted(n.value), "name the service")
	case resource == "":
		r.warn("P012", n, quoted(n.value)+" matches nothing: its last part is empty", form)
	case strings.Trim(account, digits+"-") == "" && account != "" && (len(account) != 12 || strings.Contains(account, "-")):
		r.warn("P012", n, quoted(account)+" is no account id", "an account id is twelve digits")
	case service == "s3" && strings.Trim(region+account, "*") != "" && namesBucket(resource):
		r.warn("P012", n, quoted(n.value)+" matches no bucket: their ARNs have neither region nor account",
			"write "+quoted("arn:"+parts[1]+":s3:::"+resource))
	}
}

func (r *reading) checkPartition(n *node, partition string) {
	switch {
	case slices.Contains(partitions, partition) || strings.ContainsAny(partition, "*?"):
	case wellFormedPartition(partition):
		r.warn("P012", n, quoted(partition)+" is no partition that is known here", "the known ones are "+strings.Join(partitions, ", "))
	default:
		r.fail("P012", n, quoted(partition)+" is no partition", `most ARNs begin with "arn:aws:"`)
	}
}

// wellFormedPartition reports whether AWS could name a partition so.
func wellFormedPartition(name string) bool {
	rest, ok := strings.CutPrefix(name, "aws-")
	return ok && rest != "" && strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// namesBucket reports whether the last part of an S3 ARN is a bucket, or an
// object in one, rather than one of S3's resources that belong to a region.
func namesBucket(resource string) bool {
	first, _, _ := strings.Cut(resource, "/")
	first, _, _ = strings.Cut(first, ":")
	return !strings.ContainsAny(first, "*?$") &&
		!slices.Contains([]string{"accesspoint", "access-grants", "async-request", "job", "storage-lens", "storage-lens-group"}, first)
}

// arnParts splits an ARN, or less, at its first five colons. Those within a
// variable, such as ${aws:username}, do not count.
func arnParts(arn string) []string {
	parts := make([]string, 0, 6)
	start := 0
	for i := 0; i < len(arn) && len(parts) < 5; i++ {
		if strings.HasPrefix(arn[i:], "${") {
			if end := strings.IndexByte(arn[i:], '}'); end > 0 {
				i += end
			}
		} else if arn[i] == ':' {
			parts = append(parts, arn[start:i])
			start = i + 1
		}
	}
	return append(parts, arn[start:])
}
