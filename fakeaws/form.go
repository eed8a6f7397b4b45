package fakeaws

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// maxForm is the size of an STS request's body: more than the largest that its
// parameters can make, a SAML assertion of 100,000 characters, each escaped.
const maxForm = 512 << 10

// form is the body of a request to STS, IAM or EC2.
type form url.Values

// readForm reads a body and returns it with its parameters. Parameters in the
// query string are refused: they are signed too, but a client that meant them
// would have put them into the body, and two places are two meanings.
func readForm(r *http.Request) ([]byte, form, *failure) {
	if r.Method != http.MethodPost {
		return nil, nil, fail(http.StatusMethodNotAllowed, "MethodNotAllowed", "fakeaws takes query requests by POST only.")
	}
	if r.URL.RawQuery != "" {
		return nil, nil, badForm("Query requests carry their parameters in the body, not in the query string.")
	}
	// STS answers other types in ways that nobody documents; SDKs send this
	// one, some with a charset.
	kind, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || kind != "application/x-www-form-urlencoded" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, nil, badForm("Content-Type must be application/x-www-form-urlencoded.")
	}
	if r.Header.Get("Content-Encoding") != "" {
		return nil, nil, badForm("Query requests cannot have a Content-Encoding.")
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxForm+1))
	if err != nil {
		return nil, nil, badForm("The body ended early.")
	}
	if len(body) > maxForm {
		return nil, nil, fail(http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "The body is larger than %d KiB.", maxForm>>10)
	}
	f, err := parseForm(string(body))
	if err != nil {
		return nil, nil, badForm(err.Error())
	}
	return body, f, nil
}

// badForm refuses what cannot be read.
func badForm(problem string) *failure {
	return fail(http.StatusBadRequest, "MalformedInput", "%s", problem)
}

// parseForm reads an urlencoded form. A parameter that is there twice is
// refused, for the value that was checked must be the value that is used.
func parseForm(body string) (form, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, malformed("The body is not an urlencoded form.")
	}
	for name, v := range values {
		if len(v) != 1 {
			return nil, malformed(fmt.Sprintf("Parameter %.60q is there more than once.", name))
		}
		if !utf8.ValidString(name) || !utf8.ValidString(v[0]) {
			return nil, malformed(fmt.Sprintf("Parameter %.60q is not UTF-8.", name))
		}
	}
	return form(values), nil
}

// get returns a parameter and whether it is there.
func (f form) get(name string) (string, bool) {
	v, ok := f[name]
	if !ok {
		return "", false
	}
	return v[0], true
}

// members reads a list, such as Tags.member.1.Key: one map from field to value
// for each member; a list of plain strings has the field "". A member with a
// field that is not known, or a gap in the numbers, is refused: what would be
// dropped here is a session policy or a tag.
func (f form) members(list string, fields ...string) ([]map[string]string, error) {
	prefix := list + ".member."
	found := map[int]map[string]string{}
	for name, v := range f {
		if !strings.HasPrefix(name, list+".") && name != list {
			continue
		}
		number, field, _ := strings.Cut(strings.TrimPrefix(name, prefix), ".")
		// "01" and "+1" are numbers too, and would make a member twice.
		n, err := strconv.Atoi(number)
		known := false
		for _, k := range fields {
			known = known || k == field
		}
		if !strings.HasPrefix(name, prefix) || err != nil || strconv.Itoa(n) != number || n < 1 || !known {
			return nil, malformed(fmt.Sprintf("Parameter %.60q is not a member of the list %s.", name, list))
		}
		if found[n] == nil {
			found[n] = map[string]string{}
		}
		found[n][field] = v[0]
	}
	// As many members as the highest number: that is, no gap.
	members := make([]map[string]string, len(found))
	for n, m := range found {
		if n > len(found) {
			return nil, malformed(fmt.Sprintf("The list %s has gaps.", list))
		}
		members[n-1] = m
	}
	return members, nil
}
