package profiles

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vendord/vendord/policy"
	"github.com/vendord/vendord/session"
)

// defaultMFADuration is half a day: a person is asked once a morning.
const defaultMFADuration = 12 * time.Hour

// The forms of what stands for an IAM user (IAM API reference, as of 2026-11).
// That a serial number has at most 256 characters is mfaSerial's to say.
var (
	mfaARN      = regexp.MustCompile(`^arn:(aws(?:-[a-z0-9]+)*):iam::(\d{12}):mfa(/)([A-Za-z0-9_+=,.@/-]+)$`)
	accountForm = regexp.MustCompile(`^[0-9]{12}$`)
)

// user checks the keys of a source that are about its IAM user.
func (l *loader) user(at path, t *sourceTable, name string) {
	if t.has("account_id") && !accountForm.MatchString(t.AccountID) {
		l.wrong(at.to("account_id"), `write account_id = "123456789012"`, "%q is not the number of an account", shortened(t.AccountID))
	}
	for _, key := range []string{"mfa_command", "mfa_duration"} {
		if t.named(key) && !t.named("mfa_serial") {
			l.wrong(at.to(key), "add mfa_serial, the device whose code it is, or remove it", "means nothing without mfa_serial")
		}
	}
	if !t.has("mfa_serial") {
		return
	}
	l.serial(at.to("mfa_serial"), t.MFASerial)
	l.deviceRegion(at, t)
	m := MFA{Serial: t.MFASerial, Duration: defaultMFADuration}
	if t.has("mfa_command") {
		m.Command = session.Items(l.command(at.to("mfa_command"), t.MFACommand, "no program"))
	}
	if t.has("mfa_duration") {
		m.Duration = time.Duration(t.MFADuration)
		l.between(at.to("mfa_duration"), m.Duration, longestOfUsers, "")
	}
	l.config.MFA[name] = m
}

// deviceRegion checks that the session with MFA can be had where STS is asked for
// it: that is not a profile's region where the source or the daemon has one.
func (l *loader) deviceRegion(at path, t *sourceTable) {
	region, from := t.Region, at.to("region").String()
	if !t.named("region") {
		region, from = l.file.Daemon.Region, "daemon.region"
	}
	device, _ := parseARN(mfaARN, t.MFASerial)
	if _, known := partitions[device.partition]; !known || !regionForm.MatchString(region) || l.file.Daemon.named("sts_endpoint") {
		return
	}
	if of := partitionOf(region); of != device.partition {
		l.wrong(at.to("mfa_serial"), "set a region of "+device.partition+" in this source",
			"%s (%s) is a region of partition %s, the device belongs to %s", region, from, of, device.partition)
	}
}

// serial checks the ARN or serial number of an MFA device.
func (l *loader) serial(at path, text string) {
	const form = "the form is arn:aws:iam::123456789012:mfa/Name, or the serial number of a hardware device"
	switch problem := mfaSerial.problem(text); {
	case policy.Placeholder(text) != "":
		l.wrong(at, "put your own value there", "%s is a placeholder that nobody filled in", policy.Placeholder(text))
	case problem != "":
		l.wrong(at, form, "%q: %s", shortened(text), problem)
	case strings.Contains(text, ":u2f/"):
		l.wrong(at, "a session needs a device that shows six digits", "a security key shows no code")
	case strings.HasPrefix(text, "arn:") && !mfaARN.MatchString(text):
		l.wrong(at, form, "%q is not the ARN of an MFA device", shortened(text))
	}
}

// ownMFA checks the device of a profile, whose code is given to the operation
// itself. Only an IAM user has one.
func (l *loader) ownMFA(d *draft) []string {
	if d.named("mfa_command") && !d.named("mfa_serial") {
		l.wrong(d.at("mfa_command"), "add mfa_serial, the device whose code it is, or remove it", "means nothing without mfa_serial")
	}
	if !d.has("mfa_serial") || d.refused("mfa_serial") {
		return nil
	}
	where := d.where("mfa_serial", "source")
	switch {
	case d.from == nil || !slices.Contains(sourceTypes, d.from.kind()): // reported
	case !slices.Contains(keyTypes, d.from.kind()):
		l.wrong(where, noMFA[d.from.kind()], "source %s is of type %s, which has no MFA device", d.Source, d.from.kind())
	case d.from.named("mfa_serial"):
		l.wrong(where, "keep one: the source's asks once for all profiles, the profile's for each session",
			"source %s has mfa_serial too", d.Source)
	}
	l.serial(d.at("mfa_serial"), d.MFASerial)
	if !d.has("mfa_command") {
		return nil
	}
	return session.Items(l.command(d.at("mfa_command"), d.MFACommand, "no program"))
}
