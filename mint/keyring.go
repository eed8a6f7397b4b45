package mint

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/vendord/vendord/session"
)

// keyringKeys gets the long-term keys of a keyring source.
func (m *Minter) keyringKeys(ctx context.Context, s session.Source) (aws.Credentials, error) {
	if m.config.Keyring == nil {
		return aws.Credentials{}, misconfigured(s, "use a source of another type", "the operating system's keyring cannot be used here")
	}
	text, err := m.config.Keyring(ctx, s.KeyringEntry())
	if err != nil {
		e := *session.AsError(err)
		e.Public = subject(s) + ": " + e.Public
		return aws.Credentials{}, &e
	}
	keys, ok := parseEntry(text)
	if !ok {
		return aws.Credentials{}, &session.Error{Class: session.Person, Public: subject(s) + ": its entry in the keyring holds no keys",
			Hint: "run: vendord source add " + s.Name}
	}
	return keys, nil
}

// parseEntry reads an entry: {"AccessKeyId": …, "SecretAccessKey": …}.
func parseEntry(text string) (aws.Credentials, bool) {
	var entry struct{ AccessKeyID, SecretAccessKey string }
	err := json.Unmarshal([]byte(text), &entry)
	return aws.Credentials{AccessKeyID: entry.AccessKeyID, SecretAccessKey: entry.SecretAccessKey},
		err == nil && entry.AccessKeyID != "" && entry.SecretAccessKey != ""
}
