package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/vendord/vendord/disk"
	"github.com/vendord/vendord/profiles"
	"github.com/vendord/vendord/trust"
)

// metadataKeyFile is kept in the state directory, for who answers metadata.
const metadataKeyFile = "metadata.key"

// metadataKey returns the key that session tokens of metadata, and the instance that
// programs see, follow from, or nil where there is no such endpoint. It is kept, so that
// both outlive a restart: SDKs keep a token for six hours. Who has it can make tokens,
// which open nothing. Whatever is wrong with the file, a new key is as good; the log says
// that there is one.
func metadataKey(state string, endpoints []profiles.Endpoint, log *slog.Logger) []byte {
	if !slices.ContainsFunc(endpoints, func(e profiles.Endpoint) bool { return e.Kind == profiles.IMDS }) {
		return nil
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	if state == "" {
		return key
	}
	dir, err := os.OpenRoot(state)
	if err != nil {
		log.Warn("metadata: session tokens will not outlive a restart: the state directory cannot be read", "err", disk.Reason(err))
		return key
	}
	defer dir.Close()
	kept, err := readMetadataKey(dir)
	if err == nil {
		return kept
	}
	if !errors.Is(err, fs.ErrNotExist) {
		log.Warn("metadata: the key of the session tokens is made anew: programs ask for new tokens, and see another instance",
			"file", metadataKeyFile, "err", disk.Reason(err))
	}
	if err := disk.Replace(dir, metadataKeyFile, []byte(hex.EncodeToString(key)+"\n")); err != nil {
		log.Warn("metadata: session tokens will not outlive a restart: their key cannot be kept", "file", metadataKeyFile, "err", disk.Reason(err))
	}
	return key
}

var errMetadataKey = errors.New("damaged")

// readMetadataKey reads the key. What is no file is not read: a FIFO would wait for ever.
// Nor is one that somebody else may know, or has put there while the directory was open
// to them: it would make session tokens for a forged request that can send no PUT.
func readMetadataKey(dir *os.Root) ([]byte, error) {
	info, err := dir.Lstat(metadataKeyFile)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > 100 {
		return nil, errMetadataKey
	}
	if fault := trust.Own(metadataKeyFile, info, os.Geteuid(), 0o077); fault != nil {
		return nil, errors.New(fault.Problem)
	}
	text, err := dir.ReadFile(metadataKeyFile)
	if err != nil {
		return nil, err
	}
	key, err := hex.DecodeString(strings.TrimSuffix(string(text), "\n"))
	if err != nil || len(key) != 32 { // the error would quote what is there
		return nil, errMetadataKey
	}
	return key, nil
}
