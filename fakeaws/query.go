package fakeaws

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
)

// queryService tells the services of the query protocol apart: they share the
// request line, and the signature says which one is meant. What nobody signed is
// STS's.
func queryService(r *http.Request) *service {
	a, err := parseAuthorization(r.Header.Get("Authorization"))
	switch {
	case err == nil && a.service == "iam":
		return &iam
	case err == nil && a.service == "ec2":
		return &ec2
	}
	return &sts
}

// queryOperation does one operation of a query service.
type queryOperation func(*Fake, *request, form) (*answer, *failure)

// serveQuery answers a request to IAM or EC2: the form, the operation, then who
// asks, and then what for.
func (f *Fake) serveQuery(rq *request, version string, operations map[string]queryOperation, noAction func(action string) *failure) (*answer, *failure) {
	body, form, failed := readForm(rq.Request)
	if failed != nil {
		return nil, failed
	}
	f.journal.form(rq, map[string][]string(form))
	action, _ := form.get("Action")
	asked, _ := form.get("Version")
	operation, ok := operations[action]
	switch {
	case action == "":
		return nil, fail(http.StatusBadRequest, "MissingAction", "The request is missing an action.")
	case !ok || asked != version:
		return nil, noAction(action)
	}
	if failed := f.begin(rq, action); failed != nil {
		return nil, failed
	}
	sum := sha256.Sum256(body)
	if failed := f.authenticate(rq, hex.EncodeToString(sum[:])); failed != nil {
		return nil, failed
	}
	return operation(f, rq, form)
}

// unauthorized words a denial with its reason, as the query services do.
func (c *caller) unauthorized(d denial, action, resource string) string {
	why := string(d)
	if strings.Contains(why, "%s") {
		why = fmt.Sprintf(why, action)
	}
	return fmt.Sprintf("User: %s is not authorized to perform: %s on resource: %s %s", c.arn(), action, resource, why)
}
