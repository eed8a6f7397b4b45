package profiles_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"github.com/vendord/vendord/profiles"
)

// sizes are numbers of profiles: a person's file, a company's, and ten times
// that.
var sizes = []int{10, 1_000, 10_000}

// large returns a configuration of n profiles and n apps such as a generator
// writes for a company: every third profile extends the one before, two of
// three have an inline policy of about 400 bytes.
func large(n int) string {
	var b strings.Builder
	b.WriteString("[daemon]\nregion = \"eu-west-1\"\n\n[sources.base]\ntype = \"environment\"\n")
	for i := range n {
		fmt.Fprintf(&b, "\n[profiles.team-%05d]\n", i)
		if i%3 == 2 {
			fmt.Fprintf(&b, "extends = \"team-%05d\"\nsession_name = \"{{user}}-%d\"\n", i-1, i)
		} else {
			fmt.Fprintf(&b, "source = \"base\"\nrole_arn = \"arn:aws:iam::%012d:role/team/Reader%d\"\nduration = \"1h\"\ntags = { team = \"t%d\" }\n", i+1, i, i)
		}
		switch i % 3 {
		case 1:
			fmt.Fprintf(&b, policyOf, i, "*")
		case 2:
			fmt.Fprintf(&b, policyOf, i-1, "public/*")
		}
	}
	for i := range n {
		fmt.Fprintf(&b, "\n[apps.app-%05d]\nprofiles = [\"team-%05d\"]\n", i, i)
	}
	return b.String()
}

const policyOf = `policy = '''
{ "Version": "2012-10-17",
  "Statement": [
    { "Sid": "List", "Effect": "Allow", "Action": ["s3:ListBucket", "s3:GetBucketLocation"],
      "Resource": "arn:aws:s3:::company-%[1]d" },
    { "Sid": "Read", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::company-%[1]d/{{user}}/%[2]s",
      "Condition": { "StringEquals": { "aws:RequestedRegion": ["eu-west-1", "eu-central-1"] } } } ] }'''
`

// What a profile costs does not depend on how many there are: neither where all
// is right, nor where every profile, or every app, has the same mistake. It is
// counted in memory, which time is not: the same everywhere.
func TestCostOfAProfile(t *testing.T) {
	for name, change := range map[string]*strings.Replacer{
		"right":                    strings.NewReplacer(),
		"wider than the parent":    strings.NewReplacer("public/*", "*\", \"arn:aws:s3:::other"),
		"wrong policies":           strings.NewReplacer("Allow", "Alow"),
		"unknown profiles of apps": strings.NewReplacer("profiles = [\"team-", "profiles = [\"taem-"),
	} {
		t.Run(name, func(t *testing.T) {
			few, many := costOfLoading(t, change.Replace(large(100)))/100, costOfLoading(t, change.Replace(large(400)))/400
			if many > 2*few {
				t.Errorf("Load: got %d bytes for each of 400 profiles, %d for each of 100: want about the same", many, few)
			}
		})
	}
}

// costOfLoading returns how many bytes are allocated, besides those for 100
// problems, each of which is looked up in the whole text.
func costOfLoading(t *testing.T, text string) uint64 {
	t.Helper()
	o := options(write(t, map[string]string{"vendord.toml": text}))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	c, err := profiles.Load(o)
	runtime.ReadMemStats(&after)
	told := len(profiles.Problems(err))
	if c != nil {
		told = len(c.Warnings)
	}
	lookups := uint64(told * (len(text) + 16*strings.Count(text, "\n")))
	return after.TotalAlloc - before.TotalAlloc - min(lookups, after.TotalAlloc-before.TotalAlloc)
}

// A configuration keeps what it needs, and not the text that it was read from.
func TestTextIsNotKept(t *testing.T) {
	text := large(10) + strings.Repeat("# a comment, of which there can be many\n", 100_000)
	o := options(write(t, map[string]string{"vendord.toml": text}))
	text = ""
	before := live()
	c, err := profiles.Load(o)
	if err != nil {
		t.Fatal(err)
	}
	if kept := live() - before; kept > 1<<20 {
		t.Errorf("Load: keeps %d bytes of a file of 4 MB, want less than 1 MiB", kept)
	}
	runtime.KeepAlive(c)
}

// live returns how many bytes are in use.
func live() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Errors beyond a hundred, and warnings, are summed up: all of them would not
// fit the answer that the daemon sends.
func TestManyProblems(t *testing.T) {
	wrong := strings.NewReplacer(":role/", ":rolle/").Replace(large(200))
	_, err := profiles.Load(options(write(t, map[string]string{"vendord.toml": wrong})))
	wantMore(t, profiles.Problems(err), "vendord.toml: more than 100 errors; the others are not shown")

	doubtful := strings.NewReplacer("s3:GetObject", "s4:GetObject", "s3:::", "s4:::").Replace(large(200))
	doubtful = strings.ReplaceAll(doubtful, `duration = "1h"`, `duration = "20m"`)
	c := load(t, doubtful)
	wantMore(t, c.Warnings, "vendord.toml: more than 100 warnings; the others are not shown")
}

func wantMore(t *testing.T, got []profiles.Problem, want string) {
	t.Helper()
	if len(got) != 101 {
		t.Fatalf("Load: got %d problems, want 100 and a line", len(got))
	}
	if last := got[100]; last.Error() != want || last.Hint != "mend these first" {
		t.Errorf("Load: got %q, hint %q, want %q, hint %q", last.Error(), last.Hint, want, "mend these first")
	}
	for _, p := range got[:100] {
		if p.Line == 0 {
			t.Errorf("Load: got %q without a line", p.Error())
		}
	}
}

// The largest file is twice what 10,000 profiles take; a policy's is less.
func TestLargestFiles(t *testing.T) {
	spaces := strings.Repeat(" ", 8<<20)
	dir := write(t, map[string]string{"vendord.toml": large(10) + "#" + spaces, "p/vendord.toml": one(`policy_file = "p.json"`), "p/p.json": spaces[:1<<20+1]})
	for file, want := range map[string]string{"vendord.toml": "vendord.toml: larger than 8388608 bytes",
		"p/vendord.toml": filepath.Join(dir, "p", "p.json") + ": larger than 1048576 bytes"} {
		o := options(dir)
		o.Path = filepath.Join(dir, file)
		if _, err := profiles.Load(o); err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("Load(%s): got %v, want %s", file, err, want)
		}
	}
	if err := os.Truncate(filepath.Join(dir, "vendord.toml"), 8<<20); err != nil {
		t.Fatal(err)
	}
	if _, err := profiles.Load(options(dir)); err != nil {
		t.Errorf("Load: got %v for a file of 8 MiB, want none", err)
	}
}

// BenchmarkLoad is to be read beside BenchmarkDecode.
func BenchmarkLoad(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			o := options(write(b, map[string]string{"vendord.toml": large(n)}))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := profiles.Load(o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDecode is what the library takes to read the same files.
func BenchmarkDecode(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			text := large(n)
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				var tree map[string]any
				if _, err := toml.Decode(text, &tree); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
