package profiles

import "runtime"

// What [audit] has where it does not say otherwise, and what it can have. The
// record is written in pieces of up to 64 KiB.
const (
	auditMaxSize = 100_000_000
	auditKeep    = 5
	minAuditSize = 64 << 10
	maxAuditKeep = 1000
)

// audit checks [audit].
func (l *loader) audit() {
	t, at := &l.file.Audit, path{"audit"}
	a := Audit{Journal: t.Journal, Required: t.Required, MaxSize: auditMaxSize, Keep: auditKeep}
	if t.has("file") {
		a.File, _ = l.resolve(at.to("file"), t.File)
	}
	if t.Journal && runtime.GOOS != "linux" {
		l.wrong(at.to("journal"), "write file", "this system has no journal of systemd's")
	}
	if t.Required && !t.named("file") && !t.Journal {
		l.wrong(at.to("required"), `write file = "…" or journal = true`, "there is nothing to record to")
	}
	if t.has("max_size") {
		a.MaxSize = int64(t.MaxSize)
		if a.MaxSize != 0 && a.MaxSize < minAuditSize {
			l.wrong(at.to("max_size"), `write "100MB", or 0 for no bound`, "must be 0, or 64KiB or more, is %d bytes", a.MaxSize)
		}
	}
	if t.has("keep") {
		a.Keep = int(t.Keep)
		if t.Keep < 0 || t.Keep > maxAuditKeep {
			l.wrong(at.to("keep"), "write 5", "must be 0 to %d, is %d", maxAuditKeep, t.Keep)
		}
	}
	l.config.Audit = a
}
