//go:build !linux

package systemd

import (
	"errors"
	"os"
	"time"
)

// Open returns nil, nil: systemd is Linux's.
func Open([]string) (*Manager, error) { return nil, nil }

// Journal reports whether what is written to f goes to the journal: never here.
func Journal([]string, *os.File) bool { return false }

// notifier is what no Manager here has.
type notifier struct{}

func (*notifier) send(string, ...int) error { return errors.ErrUnsupported }
func (*notifier) barrier() error            { return errors.ErrUnsupported }

func sealed(string, ...[]byte) (*os.File, error) { return nil, errors.ErrUnsupported }
func readSealed(*os.File) ([]byte, error)        { return nil, errors.ErrUnsupported }
func monotonic() time.Duration                   { return 0 }
