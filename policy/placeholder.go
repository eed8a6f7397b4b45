package policy

import (
	"regexp"
	"slices"
	"strings"
)

// templates are vendord's own, which are put in when a program's identity is
// known. {{host}} is one too, but for names only.
var templates = []string{"{{user}}", "{{app}}", "{{profile}}", "{{host}}"}

var withTemplates = strings.NewReplacer("{{user}}", "x", "{{app}}", "x", "{{profile}}", "x")

// withoutTemplates puts a letter in the place of each template.
func withoutTemplates(s string) string {
	if !strings.Contains(s, "{{") {
		return s
	}
	return withTemplates.Replace(s)
}

func hasTemplate(s string) bool { return withoutTemplates(s) != s }

// placeholders are what guides write where a reader must put something of
// their own: words in angle brackets or double braces, YOUR_BUCKET_NAME,
// ACCOUNT_ID and the like, and the bucket names of AWS's documentation (S3
// reserves the prefix amzn-s3-demo-, so no such bucket exists). Words in small
// letters are few: my-bucket can be a bucket. What is in brackets must be
// printable, as it stands in messages.
var placeholders = regexp.MustCompile(`<(?:[^<>\pC\pZ]| ){1,80}>` +
	`|\{\{(?:[^{}\pC\pZ]| ){0,80}\}\}` +
	`|\b(?:YOUR|INSERT|REPLACE)(?:[_-][A-Z0-9]+)+\b` +
	`|\b(?:AWS[_-])?(?:ACCOUNT|ROLE|BUCKET|USER|POLICY|TABLE|QUEUE|TOPIC)[_-](?:ID|NAME|NUMBER|ARN)\b` +
	`|\b(?:MY|EXAMPLE|DOC-EXAMPLE)[_-]BUCKET[0-9]*\b` +
	`|\bamzn-s3-demo-[a-z0-9-]+` +
	`|\b[Yy]our[_-](?:aws[_-])?(?:bucket|account|role|user|policy|region)(?:[_-](?:name|id|number|arn))*\b` +
	`|\baccount-[Ii][Dd]-without-hyphens\b`)

// Placeholder returns the first placeholder in a text that nobody filled in,
// such as YOUR_BUCKET_NAME or <RoleName>, or empty if there is none. A
// template of vendord is none.
func Placeholder(s string) string {
	if !suspicious(s) {
		return ""
	}
	for _, found := range placeholders.FindAllString(s, -1) {
		if !slices.Contains(templates, found) {
			return found
		}
	}
	return ""
}

// suspicious reports whether a text is worth the regular expression, which is
// slow: every placeholder makes it so, and few other texts do.
func suspicious(s string) bool {
	for i := 1; i < len(s); i++ {
		switch before, c := s[i-1], s[i]; {
		case before == '{' && c == '{':
			if !isTemplate(s[i-1:]) {
				return true
			}
		case before == '<', (c == '_' || c == '-') && 'A' <= before && before <= 'Z':
			return true
		}
	}
	for _, part := range []string{"amzn-s3-demo-", "-without-hyphens", "our-", "our_"} {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

// isTemplate reports whether a text begins with a template.
func isTemplate(s string) bool {
	return slices.ContainsFunc(templates, func(t string) bool { return strings.HasPrefix(s, t) })
}

// checkPlaceholders reports P025 for every string of the document.
func (r *reading) checkPlaceholders(n *node) {
	if p := Placeholder(n.key); p != "" && n.parent != nil && n.parent.kind == object {
		r.failKey("P025", n, placeholderProblem(p), placeholderHint(p))
	}
	if p := Placeholder(n.value); p != "" && n.kind == text {
		r.fail("P025", n, placeholderProblem(p), placeholderHint(p))
	}
	for _, c := range n.children {
		r.checkPlaceholders(c)
	}
}

func placeholderProblem(p string) string {
	return p + " is a placeholder that nobody filled in"
}

func placeholderHint(p string) string {
	if strings.HasPrefix(p, "{{") {
		return "the templates are {{user}}, {{app}} and {{profile}}"
	}
	return "put your own value there"
}
