package sdkenv

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Profile is a profile of the shared files, as far as it says where credentials
// come from. It holds none of them.
type Profile struct {
	Name string
	// Has are the settings that give credentials, by name; a key, a command or a
	// login is not told, only that it is there.
	Has map[string]bool
	// Settings are those that are no secret, by name, as they are written.
	Settings map[string]string
	// Unclear are the names of settings whose values some SDK would read in
	// another way, or not at all. They are not in Settings.
	Unclear []string
}

// told are the settings whose values are no secret. What a credential_process is
// called with can be one.
var told = set("region", "role_arn", "source_profile", "credential_source", "role_session_name", "external_id",
	"mfa_serial", "duration_seconds", "web_identity_token_file", "sso_session", "sso_start_url")

// maxFile is how large a shared file can be, in bytes: several thousand profiles.
const maxFile = 4 << 20

// Profiles reads the profiles of both files, in the order in which they stand there;
// the credentials file counts where both have a setting, as in every SDK. unclear
// reports whether there were section headers on which the SDKs would not agree:
// what is below them is left out. A file that does not exist has none.
func (f Files) Profiles() (profiles []Profile, unclear bool, err error) {
	for _, path := range []string{f.Config, f.Credentials} {
		text, err := readBounded(path)
		if err != nil {
			return nil, false, fmt.Errorf("reading profiles: %w", err)
		}
		for _, s := range parse(text) {
			name, ok := profileName(s.name, path == f.Config)
			unclear = unclear || s.name == ""
			if ok {
				profiles = note(profiles, name, s.settings)
			}
		}
	}
	return profiles, unclear, nil
}

// profileName is the profile that a section is; false for one that is none, such
// as a [services x].
func profileName(section string, config bool) (string, bool) {
	if name, prefixed := strings.CutPrefix(section, "profile "); prefixed && config {
		return name, true
	}
	return section, section == "default" || section != "" && !config
}

// note adds settings to a profile.
func note(profiles []Profile, name string, settings []setting) []Profile {
	i := slices.IndexFunc(profiles, func(p Profile) bool { return p.Name == name })
	if i < 0 {
		i = len(profiles)
		profiles = append(profiles, Profile{Name: name, Has: map[string]bool{}, Settings: map[string]string{}})
	}
	p := &profiles[i]
	for _, s := range settings {
		switch {
		case s.value == "":
		case told[s.name] && !legible(s.value):
			p.Unclear = append(p.Unclear, s.name)
		case told[s.name]:
			p.Settings[s.name] = s.value
		}
		if ofCredentials[s.name] && s.value != "" {
			p.Has[s.name] = true
		}
	}
	return profiles
}

// readBounded reads a regular file: a pipe would wait for somebody to write to it.
func readBounded(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	var text bytes.Buffer
	if _, err := text.ReadFrom(io.LimitReader(f, maxFile+1)); err != nil {
		return nil, err
	}
	if text.Len() > maxFile {
		return nil, fmt.Errorf("%s: larger than %d bytes", path, maxFile)
	}
	return text.Bytes(), nil
}
