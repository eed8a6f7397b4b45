package keyring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/godbus/dbus/v5"
	ss "github.com/zalando/go-keyring/secret_service"
)

// Names of D-Bus errors that mean that nobody provides the Secret Service, or that
// it has no collection to keep anything in.
var absent = []string{"org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner",
	"org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.DBus.Error.UnknownMethod", "org.freedesktop.Secret.Error.NoSuchObject"}

// ready looks whether the keyring is there and open, before the library is let near
// it: that would start a bus with dbus-launch where there is none, and put a question
// on a person's screen where the keyring is locked.
func ready(ctx context.Context) error {
	if !hasBus(os.Getenv("DBUS_SESSION_BUS_ADDRESS"), fmt.Sprintf("/run/user/%d/bus", os.Getuid())) {
		return ErrAbsent
	}
	bus, err := dbus.ConnectSessionBus(dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAbsent, err)
	}
	defer bus.Close()
	collection := (&ss.SecretService{Conn: bus}).GetLoginCollection() // which the library uses
	locked, err := collection.GetProperty("org.freedesktop.Secret.Collection.Locked")
	if e, ok := errors.AsType[dbus.Error](err); ok {
		for _, name := range absent {
			if e.Name == name {
				return fmt.Errorf("%w: %w", ErrAbsent, err)
			}
		}
	}
	if err != nil {
		return err
	}
	if is, ok := locked.Value().(bool); !ok || is {
		return ErrLocked
	}
	return nil
}

// hasBus reports whether there is a session bus already, by the address in the
// environment or at the usual place.
func hasBus(address, usual string) bool {
	if address != "" {
		return !strings.HasPrefix(address, "autolaunch:")
	}
	_, err := os.Stat(usual)
	return err == nil
}
