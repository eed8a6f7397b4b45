package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"unicode/utf8"
)

// Check returns everything that is wrong with a session policy, in the order
// of the text, or nil; of each level at most a hundred. Its levels follow one
// principle: an Error only where STS is certain to refuse the policy, or where
// a placeholder was left in it; for the rest a Warning. E and W say which of
// them a code can be:
//
//	P001 EW characters outside the set, byte order marks, curly quotes, bytes that are not UTF-8
//	P002 E  JSON's syntax, or the document is no object
//	P003 E  one key twice in an object, or a context key in two spellings
//	P004 E  keys that a policy or a statement does not have
//	P005 EW Version
//	P006 E  Statement
//	P007 E  Effect
//	P008 E  Action and NotAction: both, neither, empty, no string
//	P009 E  Resource and NotResource, likewise
//	P010 E  Principal, which session policies have not
//	P011 EW the form of an action
//	P012 EW the form of a resource
//	P013 E  Sid
//	P014 EW Condition: its operators, keys and types
//	P015 W  values that nothing can match
//	P016 W  variables that AWS does not replace
//	P017 EW the size: an Error for the operations whose model has the limit
//	P018 W  a resource of another partition than the role
//	P019 W  aws:username, which a role's session has not
//	P020 W  an Allow that names no limits
//	P021 W  actions that are not known here
//	P022 W  ForAllValues in an Allow, which holds where the key is absent
//	P023 W  actions of S3 on resources that they never apply to
//	P024 W  Id, which means nothing
//	P025 E  placeholders that nobody filled in
func Check(text []byte, o Options) []Finding {
	return read(text, false).check(text, o)
}

// Examine is Check and Parse in one reading, for who has thousands of policies.
// The document is nil where Parse would fail.
func Examine(text []byte, o Options) ([]Finding, *Document) {
	r := read(text, false)
	var d *Document
	if r.firstError() == nil { // before check adds what Parse does not mind
		d = r.document()
	}
	return r.check(text, o), d
}

func (r *reading) check(text []byte, o Options) []Finding {
	if r.root != nil {
		r.lint(o)
		r.checkPlaceholders(r.root)
	}
	r.checkSize(text, o)
	return r.sorted()
}

// Parse reads a policy: a session policy, or that of a user or role, which
// follows the same grammar but for parts of an ARN that it may leave out. It
// refuses what Check calls an error, other than about size and placeholders;
// its error is the first such Finding.
func Parse(text []byte) (*Document, error) {
	r := read(text, false)
	if err := r.firstError(); err != nil {
		return nil, err
	}
	return r.document(), nil
}

// document returns what was read, which has no error.
func (r *reading) document() *Document {
	d := &Document{Version: r.version, Statements: make([]Statement, len(r.statements))}
	if id := r.root.member("Id"); id != nil {
		d.ID = id.value
	}
	for i, s := range r.statements {
		d.Statements[i] = s.Statement
	}
	return d
}

// firstError returns the first finding that keeps a document from being
// evaluated.
func (r *reading) firstError() error {
	for _, f := range r.sorted() {
		if structural(f) {
			return f
		}
	}
	return nil
}

// Minify removes the white space between the tokens of a JSON text, and
// changes nothing else: no order, no number, no escape. STS counts the
// characters that it is sent, so a policy is minified before it is counted
// and before it is sent.
func Minify(text []byte) (string, error) {
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		return "", fmt.Errorf("minifying the policy: %w", err)
	}
	return b.String(), nil
}

// maxChars is how many characters a session policy and the managed policy
// ARNs sent with it may have (IAM user guide, quotas). As of 2026-11 the
// limit is in the model of three operations, while that of AssumeRole has
// none and AWS has said that only the size of the session token counts.
const maxChars = 2048

// checkSize reports P017.
func (r *reading) checkSize(text []byte, o Options) {
	minified, err := Minify(text)
	if err != nil {
		return // P002 says so
	}
	chars := utf8.RuneCountInString(minified)
	if chars+o.ARNChars <= maxChars {
		return
	}
	problem := fmt.Sprintf("%d characters after minifying, %d more than the %d that STS takes", chars, chars+o.ARNChars-maxChars, maxChars)
	if o.ARNChars > 0 {
		problem = fmt.Sprintf("%d characters after minifying and %d of policy ARNs, %d more than the %d that STS takes together",
			chars, o.ARNChars, chars+o.ARNChars-maxChars, maxChars)
	}
	level := Warning
	switch o.Operation {
	case "assume-role-with-saml", "assume-role-with-web-identity", "get-federation-token":
		level = Error
	}
	r.report("P017", level, 0, "", problem, "use wildcards, drop Sids, or pass a managed policy's ARN in its place")
}
