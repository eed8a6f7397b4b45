package fakeaws

import (
	"encoding/xml"
	"net/http"
	"slices"
	"strings"
)

const ec2Version = "2016-11-15"

// ec2 is what the fake has of Elastic Compute Cloud: two operations in dry run,
// which answer whether the caller may and do nothing.
var ec2 = service{name: "ec2", serve: (*Fake).serveEC2, failure: ec2Failure, auth: ec2Words}

var ec2Operations = map[string]queryOperation{
	"RunInstances":      (*Fake).runInstances,
	"DescribeInstances": (*Fake).describeInstances,
}

var (
	imagePattern = expr(`^ami-(?:[0-9a-f]{8}|[0-9a-f]{17})$`)
	ec2IDPattern = expr(`^(?:subnet|sg)-(?:[0-9a-f]{8}|[0-9a-f]{17})$`)
)

func (f *Fake) serveEC2(rq *request) (*answer, *failure) {
	return f.serveQuery(rq, ec2Version, ec2Operations, func(action string) *failure {
		return fail(http.StatusBadRequest, "InvalidAction", "The action %.60s is not valid for this web service: fakeaws does not have it in version %s.", action, ec2Version)
	})
}

// runInstances asks the caller's policies about everything that an instance is
// started with; each must be allowed (EC2 user guide, example policies,
// RunInstances). Parameters that would make it about more are refused by name.
func (f *Fake) runInstances(rq *request, form form) (*answer, *failure) {
	for _, name := range []string{"ImageId", "MinCount", "MaxCount"} {
		if _, ok := form.get(name); !ok {
			return nil, fail(http.StatusBadRequest, "MissingParameter", "The request must contain the parameter %s", name)
		}
	}
	if failed := dryRun(form, "RunInstances", "ImageId", "InstanceType", "MinCount", "MaxCount", "KeyName", "SubnetId", "ClientToken", "SecurityGroupId."); failed != nil {
		return nil, failed
	}
	image, _ := form.get("ImageId")
	if !imagePattern.MatchString(image) {
		return nil, fail(http.StatusBadRequest, "InvalidAMIID.Malformed", "Invalid id: %q (expecting \"ami-...\")", image)
	}
	things, failed := startedWith(form, image)
	if failed != nil {
		return nil, failed
	}
	context := f.context(rq)
	context["ec2:Region"] = []string{rq.auth.region}
	for _, thing := range things {
		account := rq.caller.account
		if strings.HasPrefix(thing, "image/") {
			account = ""
		}
		if thing == "instance/*" {
			kind, ok := form.get("InstanceType")
			if !ok {
				kind = "m1.small" // EC2 API reference, RunInstances
			}
			context["ec2:InstanceType"] = []string{kind}
		} else {
			delete(context, "ec2:InstanceType")
		}
		if failed := mayEC2(rq, "ec2:RunInstances", "arn:aws:ec2:"+rq.auth.region+":"+account+":"+thing, context); failed != nil {
			return nil, failed
		}
	}
	return nil, wouldSucceed()
}

// startedWith returns the resources of a RunInstances call.
func startedWith(form form, image string) ([]string, *failure) {
	groups, subnet := []string{}, "*"
	for name, v := range form {
		if strings.HasPrefix(name, "SecurityGroupId.") {
			groups = append(groups, v[0])
		}
	}
	slices.Sort(groups)
	if v, ok := form.get("SubnetId"); ok {
		subnet = v
	}
	for _, id := range append([]string{subnet}, groups...) {
		if id != "*" && !ec2IDPattern.MatchString(id) {
			return nil, fail(http.StatusBadRequest, "InvalidParameterValue", "Invalid id: %q", id)
		}
	}
	if len(groups) == 0 {
		groups = []string{"*"}
	}
	things := []string{"instance/*", "image/" + image, "network-interface/*"}
	for _, g := range groups {
		things = append(things, "security-group/"+g)
	}
	things = append(things, "subnet/"+subnet, "volume/*")
	if key, ok := form.get("KeyName"); ok {
		things = append(things, "key-pair/"+key)
	}
	return things, nil
}

// describeInstances has no resources: policies name it with "*".
func (f *Fake) describeInstances(rq *request, form form) (*answer, *failure) {
	if failed := dryRun(form, "DescribeInstances", "MaxResults", "NextToken", "InstanceId.", "Filter."); failed != nil {
		return nil, failed
	}
	context := f.context(rq)
	context["ec2:Region"] = []string{rq.auth.region}
	if failed := mayEC2(rq, "ec2:DescribeInstances", "*", context); failed != nil {
		return nil, failed
	}
	return nil, wouldSucceed()
}

// dryRun refuses what is not a dry run, and parameters that are not known: a
// name that ends in a dot is a list's.
func dryRun(form form, operation string, known ...string) *failure {
	known = append(known, "Action", "Version", "DryRun")
	for name := range form {
		if !slices.ContainsFunc(known, func(k string) bool { return name == k || strings.HasSuffix(k, ".") && strings.HasPrefix(name, k) }) {
			return fail(http.StatusBadRequest, "UnknownParameter", "The parameter %.60s is not recognized by fakeaws", name)
		}
	}
	if v, _ := form.get("DryRun"); v != "true" {
		return fail(http.StatusBadRequest, "UnsupportedOperation", "fakeaws has no instances: it answers %s with DryRun=true only.", operation)
	}
	return nil
}

// mayEC2 asks the caller's policies.
func mayEC2(rq *request, action, resource string, context map[string][]string) *failure {
	d := rq.caller.may(action, resource, context)
	if d == "" {
		return nil
	}
	return &failure{http.StatusForbidden, "UnauthorizedOperation",
		"You are not authorized to perform this operation. " + rq.caller.unauthorized(d, action, resource)}
}

// wouldSucceed is EC2's yes to a dry run: an error, too.
func wouldSucceed() *failure {
	return &failure{http.StatusPreconditionFailed, "DryRunOperation", "Request would have succeeded, but DryRun flag is set."}
}

// ec2Error is EC2's error, which is nested like no other.
type ec2Error struct {
	XMLName xml.Name `xml:"Response"`
	Code    string   `xml:"Errors>Error>Code"`
	Message string   `xml:"Errors>Error>Message"`
	ID      string   `xml:"RequestID"`
}

func ec2Failure(rq *request, f *failure) *answer {
	return &answer{status: f.status, body: encode(&ec2Error{Code: f.code, Message: f.message, ID: rq.id}),
		header: map[string]string{"Content-Type": "text/xml;charset=UTF-8", "x-amzn-requestid": rq.id}}
}
