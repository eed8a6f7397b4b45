package policy

import (
	"fmt"
	"strings"

	"github.com/vendord/vendord/near"
)

// lintActions reports P021, actions that nobody knows, and variables where
// AWS has none. STS takes any name, and the session then lacks the permission
// that was meant: the error comes later, from another program, as AccessDenied.
func (r *reading) lintActions(s *statement) {
	for _, n := range s.actions.items {
		service, name, ok := strings.Cut(n.value, ":")
		service = strings.ToLower(service)
		names := actionNames(service)
		switch {
		case strings.Contains(n.value, "${"):
			r.warn("P016", n, quoted(n.value)+": AWS replaces no variables in actions", "")
		case !ok || names == nil || name == "" || strings.Contains(name, ":") || hasTemplate(name) || matchesOneOf(name, names):
		case strings.ContainsAny(name, "*?"):
			r.warn("P021", n, fmt.Sprintf("%s matches no action of %s that is known here", quoted(n.value), service), "")
		default:
			r.warn("P021", n, fmt.Sprintf("%s has no action %s that is known here", service, quoted(name)),
				actionHint(service, name, names))
		}
	}
}

// actionHint names the action that was meant for an unknown one.
func actionHint(service, name string, names []string) string {
	if other := otherNames[strings.ToLower(service+":"+name)]; other != "" {
		return "use " + other
	}
	if meant := near.Name(name, names); meant != "" {
		return "write " + service + ":" + meant
	}
	return ""
}

// lintLevels reports P023: actions of S3 on resources of another kind, which
// they never apply to. A statement may list buckets and objects together, as
// long as each action finds one of its own.
func (r *reading) lintLevels(s *statement) {
	if s.resources.not || s.actions.not {
		return
	}
	buckets, objects, whole := s.s3Levels()
	if !buckets && !objects {
		return // nothing of S3, or nothing that can be told
	}
	for _, n := range s.actions.items {
		service, name, _ := strings.Cut(n.value, ":")
		if !strings.EqualFold(service, "s3") || hasTemplate(name) {
			continue
		}
		onObjects := matchesOneOf(name, s3ObjectActions)
		onBuckets := matchesOneOf(name, s3BucketActions)
		elsewhere := matchesOneOf(name, s3OtherActions)
		onAccount := matchesOneOf(name, s3AccountActions)
		switch {
		case elsewhere || onObjects && objects || onBuckets && buckets || onAccount && whole:
		case onObjects && !onBuckets:
			r.warn("P023", n, quoted(n.value)+" applies to objects, and the statement names only buckets",
				"add the bucket's ARN with /* at its end")
		case onBuckets && !onObjects:
			r.warn("P023", n, quoted(n.value)+" applies to buckets, and the statement names only objects",
				"add the bucket's ARN without /*")
		case onAccount && !onBuckets && !onObjects:
			r.warn("P023", n, quoted(n.value)+` applies to no single resource, and the statement does not name "*"`,
				`put it in a statement with "Resource": "*"`)
		}
	}
}

// s3Levels reports whether a statement's resources can match a bucket, an
// object in one, and all of them. A resource of S3 that is neither counts as
// all.
func (s *statement) s3Levels() (buckets, objects, whole bool) {
	for _, resource := range s.Resources {
		parts := arnParts(resource)
		switch {
		case resource == "*" || len(parts) == 6 && parts[2] == "s3" && (parts[5] == "*" || strings.Trim(parts[3]+parts[4], "*") != ""):
			return true, true, true
		case len(parts) < 6 || parts[2] != "s3":
			continue
		}
		// "The object ARN must contain a forward slash after the bucket
		// name" (S3 user guide), and a bucket's cannot; a wildcard or the
		// value of a variable may stand for one.
		bucket, _, inBucket := strings.Cut(parts[5], "/")
		open := strings.ContainsAny(bucket, "*$")
		buckets = buckets || !inBucket || strings.Contains(bucket, "${")
		objects = objects || inBucket || open
	}
	return buckets, objects, whole
}
