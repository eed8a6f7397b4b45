package profiles_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/profiles"
)

// A place in a policy is told where its author can go to it, whichever way the
// policy was written.
func TestWritten(t *testing.T) {
	dir := t.TempDir()
	const statement = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Sid":"x"}}`
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("p.json", "\n"+statement)
	main := write("vendord.toml", `[daemon]
region = "eu-west-1"
[sources.s]
[profiles.inline]
source = "s"
role_arn = "arn:aws:iam::123456789012:role/App"
policy = '''
{"Version":"2012-10-17",
 "Statement":{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Sid":"x"}}'''
[profiles.child]
extends = "inline"
[profiles.line]
extends = "inline"
policy = '`+statement+`'
[profiles.file]
extends = "inline"
policy_file = "p.json"
[profiles.table]
extends = "inline"
[[profiles.table.statement]]
effect = "Allow"
action = "s3:GetObject"
resource = "*"
[profiles.open]
source = "s"
role_arn = "arn:aws:iam::123456789012:role/App"
`)
	config, err := profiles.Load(profiles.Options{Path: main, UID: os.Getuid(), Authors: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		profile, file string
		line, column  int
	}{
		{"inline", "vendord.toml", 9, 15},
		{"child", "vendord.toml", 9, 15},
		{"line", "vendord.toml", 14, len(`policy = '{"Version":"2012-10-17","Statement":{`) + 1},
		{"file", "p.json", 2, len(`{"Version":"2012-10-17","Statement":{`) + 1},
		{"table", "vendord.toml", 21, 0},
	} {
		w, ok := config.Written(c.profile)
		if !ok {
			t.Errorf("Written(%s): got none", c.profile)
			continue
		}
		line := 1 + strings.Count(string(w.Text[:strings.Index(string(w.Text), `"Effect"`)]), "\n")
		column := strings.Index(string(w.Text), `"Effect"`) - strings.LastIndexByte(string(w.Text[:strings.Index(string(w.Text), `"Effect"`)]), '\n')
		p := w.Place(policy.Finding{Line: line, Column: column, Path: "Statement[0].Effect"})
		if p.File != c.file || p.Line != c.line || p.Column != c.column {
			t.Errorf("Place of %s's Effect: got %s:%d:%d, want %s:%d:%d", c.profile, p.File, p.Line, p.Column, c.file, c.line, c.column)
		}
	}
	if _, ok := config.Written("open"); ok {
		t.Error("Written(open): got a policy, want none")
	}
	config, _ = profiles.Load(profiles.Options{Path: main, UID: os.Getuid()})
	if _, ok := config.Written("inline"); ok {
		t.Error("Written without Options.Authors: got a policy, want none kept")
	}
}
