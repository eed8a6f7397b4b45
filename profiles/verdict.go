package profiles

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/vendord/vendord/policy"
)

// judged is what a verdict on an inline policy depends on. Profiles that inherit
// a policy, or share a file, need not have it judged again.
type judged struct {
	text, operation, partition string
	arnChars                   int // of the managed policies beside it
}

// judged returns what the verdict on a text depends on where the text is the
// profile's policy.
func (d *draft) judged(text string) judged {
	return judged{text, d.operation, d.role.partition, characters(d.PolicyARNs...)}
}

// verdict is what there is to say about an inline policy.
type verdict struct {
	findings []policy.Finding
	text     string // minified; "" if it is wrong
	err      error  // of its templates
	document *policy.Document
}

// documents returns the policy as what Beyond compares, or nothing where there
// is none, or a wrong one.
func (v verdict) documents() []*policy.Document {
	if v.text == "" || v.document == nil {
		return nil
	}
	return []*policy.Document{v.document}
}

func (j judged) verdict() (v verdict) {
	v.findings, v.document = policy.Examine([]byte(j.text), policy.Options{Operation: j.operation, ARNChars: j.arnChars, Partition: j.partition})
	if slices.ContainsFunc(v.findings, func(f policy.Finding) bool { return f.Level == policy.Error }) {
		return v
	}
	text, err := policy.Minify([]byte(j.text))
	if err == nil {
		_, err = renderPolicy(text, known(policyTemplates))
	}
	if v.err = err; err != nil {
		return v
	}
	v.text = text
	return v
}

// verdict returns the verdict on a policy.
func (l *loader) verdict(j judged) verdict {
	v, done := l.verdicts[j]
	if !done {
		v = j.verdict()
		l.verdicts[j] = v
	}
	return v
}

// few is how many policies are judged sooner by one goroutine than by several.
const few = 16

// judge works out the verdicts on the policies that stand in vendord.toml, on all
// processors: they are half of what it takes to load a large file.
func (l *loader) judge(all []*draft, extended map[string]bool) {
	compared := make(map[judged]bool) // with another profile's
	for _, d := range all {
		if !d.has("policy") || d.refused("policy") {
			continue
		}
		j := d.judged(d.Policy)
		compared[j] = compared[j] || d.parent != nil || extended[d.name]
	}
	work, verdicts := make([]judged, 0, len(compared)), make([]verdict, len(compared))
	for j := range compared {
		work = append(work, j)
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), 1+len(work)/few) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(work)); i = next.Add(1) - 1 {
				verdicts[i] = work[i].verdict()
				if !compared[work[i]] {
					verdicts[i].document = nil // ten thousand take 30 MB
				}
			}
		})
	}
	workers.Wait()
	for i, j := range work {
		l.verdicts[j] = verdicts[i]
	}
}
