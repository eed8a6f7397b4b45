package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/vendord/vendord/control"
	"github.com/vendord/vendord/profiles"
)

// A profile that cannot be asked for says why, to who wants to sign in for it as
// to who wants its credentials.
func TestLoginToAProfileThatNobodyCanHave(t *testing.T) {
	dir := t.TempDir()
	const file = `
[sources.john]
region = "eu-west-1"
config_file = "aws-config"
mfa_serial = "arn:aws:iam::629470240201:mfa/john"
[profiles.home]
source = "john"
role_arn = "arn:aws:iam::629470240201:role/JohnUploadRole"
policy = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::home/{{user}}/*"}]}'
`
	for name, text := range map[string]string{"vendord.toml": file, "aws-config": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := newDaemon(daemonOptions{config: profiles.Options{Path: filepath.Join(dir, "vendord.toml"), UID: os.Getuid(), Home: dir}, user: `ACME\john`})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	const want = `profile "home": session policy: {{user}} would be "ACME\\john", and '\\' could widen it`
	if in, _, err := d.login(t.Context(), control.LoginSpec{Name: "home"}); err == nil || err.Error() != want {
		t.Errorf("login: got %+v, %v, want %s", in, err, want)
	}
	if out, err := d.logout(t.Context(), "home"); err == nil || err.Error() != want {
		t.Errorf("logout: got %+v, %v, want %s", out, err, want)
	}
}
