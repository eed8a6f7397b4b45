package sdkenv_test

import (
	"bytes"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vendord/vendord/sdkenv"
)

// FuzzWithoutCredentials: whatever the file, no reader finds a credential in its
// copy, and a copy's copy is the same. The SDK's coverage differs from run to
// run, which keeps a fuzzer busy minimizing: -fuzzminimizetime=10x.
func FuzzWithoutCredentials(f *testing.F) {
	for _, seed := range []string{poisoned, cleaned,
		"[default]\naws_access_key_id: AKIA\naws_secret_access_key: x\n",
		"[default]\nregion = x\n\taws_access_key_id = y\n\taws_secret_access_key = z\n",
		"[default]\ns3 =\n [x]\naws_access_key_id = y\n",
		"[default]\nregion ='\noutput = \"\n",
		"[DEFAULT]\nrole_arn = x\n[profile \"a b\"]\nregion = y\n",
		"[a]\n\u00a0role_arn=x\n\u0085role_arn=y\n[a\rrole_arn=z",
	} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "copy")
	f.Fuzz(func(t *testing.T, text []byte) {
		clean := sdkenv.WithoutCredentials(text)
		mustBeClean(t, string(clean), path)
		if again := sdkenv.WithoutCredentials(clean); !bytes.Equal(again, clean) {
			t.Errorf("a copy's copy: got\n%s\nwant\n%s", again, clean)
		}
	})
}

// Files made of the lines that such files are made of, with noise among them,
// get further in seconds than a fuzzer's bytes in a night.
func TestNoReaderFindsCredentialsInACopy(t *testing.T) {
	useful := []string{
		"[default]", "[profile x]", "[x]", "[ profile  x ] # mine", "[DEFAULT]", "[services x]", "[sso-session x]", "[default",
		"region = x", "  region: x", "output = json", "services = x", "endpoint_url = http://x", "api_versions =", "  ec2 = 2015-03-01",
		"s3 =", "dynamodb =", "  endpoint_url = http://x", "  addressing_style = path", "",
	}
	lines := slices.Repeat(useful, 4)
	for _, name := range slices.Concat(forbidden, unknown) {
		lines = append(lines, name+" = x", strings.ToUpper(name)+": x", "  "+name+" = x", "#"+name+" = x", name+" =\n  endpoint_url = y")
	}
	noise := []string{"\r", " ", "\t", "\v", "\u00a0", "\u0085", "\u2028", "\x00", "\xff", "\ufeff", `"`, "'", `\`,
		"=", ":", "#", " #", ";", " ;", "[", "]", "x", "é", "\n", "\n "}
	random := rand.New(rand.NewPCG(1, 2))
	path := filepath.Join(t.TempDir(), "copy")
	kept := 0
	for range 800 {
		text := useful[random.IntN(4)] + "\n"
		for range random.IntN(20) {
			text += lines[random.IntN(len(lines))] + "\n"
		}
		for range random.IntN(4) {
			at := random.IntN(len(text))
			text = text[:at] + noise[random.IntN(len(noise))] + text[at:]
		}
		clean := sdkenv.WithoutCredentials([]byte(text))
		mustBeClean(t, string(clean), path)
		kept += bytes.Count(clean, []byte("="))
		if t.Failed() {
			t.Fatalf("the copy of %q", text)
		}
	}
	if kept < 400 {
		t.Errorf("800 copies have %d settings: this test shows nothing", kept)
	}
}
