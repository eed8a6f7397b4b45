package sdkenv

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Files are the paths of the AWS SDKs' shared files.
type Files struct{ Config, Credentials string }

// FindFiles returns the shared files as a program would find them that has
// these variables and this home directory. Without a home it has none but those
// that variables name: the working directory may be anybody's.
func FindFiles(getenv func(name string) string, home string) Files {
	or := func(name, file string) string {
		if path := getenv(name); path != "" {
			return path
		}
		if !filepath.IsAbs(home) {
			return ""
		}
		return filepath.Join(home, ".aws", file)
	}
	return Files{Config: or("AWS_CONFIG_FILE", "config"), Credentials: or("AWS_SHARED_CREDENTIALS_FILE", "credentials")}
}

// Shadowing returns the files whose [default] profile has credentials, or a way
// to some: SDKs take those before they ask the container credentials provider.
// A file that cannot be read has none for them either.
func (f Files) Shadowing() []string {
	var shadowing []string
	for _, path := range []string{f.Credentials, f.Config} {
		if text, err := os.ReadFile(path); err == nil && givesCredentials(text) {
			shadowing = append(shadowing, path)
		}
	}
	return shadowing
}

// Copy writes copies of the files without credentials into dir, for its user
// alone, and returns the variables that lead SDKs to them. A file that does not
// exist gets an empty copy, since some SDKs fail on a path that leads nowhere.
// BOTO_CONFIG leads botocore away from the keys in ~/.boto and /etc/boto.cfg,
// to an empty file.
func (f Files) Copy(dir string) ([]Variable, error) {
	var vars []Variable
	for _, file := range []struct{ variable, name, from string }{
		{"AWS_CONFIG_FILE", "config", f.Config},
		{"AWS_SHARED_CREDENTIALS_FILE", "credentials", f.Credentials},
		{"BOTO_CONFIG", "boto", ""},
	} {
		text, err := readIfThere(file.from)
		if err != nil {
			return nil, fmt.Errorf("reading what to copy: %w", err)
		}
		path := filepath.Join(dir, file.name)
		if err := os.WriteFile(path, WithoutCredentials(text), 0o600); err != nil {
			return nil, fmt.Errorf("writing a copy: %w", err)
		}
		vars = append(vars, Variable{file.variable, path})
	}
	// Without the first JavaScript v2, and without the second Java 1, reads
	// ~/.aws/credentials wherever the others' variable leads (as of 2026-11).
	return append(vars, Variable{"AWS_SDK_LOAD_CONFIG", "1"},
		Variable{"AWS_CREDENTIAL_PROFILES_FILE", filepath.Join(dir, "credentials")}), nil
}

func readIfThere(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, err
}
