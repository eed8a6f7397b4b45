package install

import "strings"

// userUnit makes a user's own vendord.service, for the systemd of that user. It has
// no directive that makes a name space: in a user's manager each of them implies
// PrivateUsers=, and then the kernel tells vendord of no caller who it is. What is
// left is done by seccomp.
func (s Service) userUnit() string {
	var b strings.Builder
	add := func(parts ...string) { b.WriteString(strings.Join(parts, "")) }
	add(head("vendord.service", "systemctl --user edit"), `[Unit]
Description=vendord: AWS credentials for your programs
Documentation=https://github.com/vendord/vendord
`)
	if len(s.Needs.Listen) > 0 {
		add(`# systemd holds the sockets: who asks while vendord is down waits for the answer.
Requires=vendord.socket
After=vendord.socket
`)
	}
	add(startLimit, `
[Service]
Type=notify
NotifyAccess=main
`, s.serve(), `# A file with an error changes nothing, and fails "systemctl --user reload".
ExecReload=`, command("", s.Binary, "reload"), "\n", systemLife)
	add("\n# No core file has credentials in it.\nLimitCORE=0\n", userHardening(s.Needs))
	add("\n[Install]\n# With the first login; without any, where root has run \"loginctl enable-linger USER\".\nWantedBy=default.target\n", s.facts())
	return b.String()
}

// userHardening sets NoNewPrivileges=, which every filter of system calls implies:
// that would take their rights from the commands that have some by their file, such
// as a password manager with a group of its own.
func userHardening(n Needs) string {
	if len(n.Commands) > 0 {
		return comment("Commands are run by", n.Commands) + `# and get what any program of yours has: a filter of system calls would go over to
# them, and take their rights from those that have some by their file (setgid).
OOMPolicy=continue
`
	}
	return `NoNewPrivileges=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
# AF_NETLINK: the kernel is asked there whose connection it is.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
# Not here: Protect*= and Private*=. For a user's service each of them implies
# PrivateUsers=, with which vendord cannot tell whose connection it answers.
`
}

// userSocket makes a user's vendord.socket, where the address is a fixed one.
func (s Service) userSocket() string {
	if len(s.Needs.Listen) == 0 {
		return ""
	}
	return s.socket("systemctl --user edit", "", "%t/vendord/control.sock", "SocketMode=0600\nDirectoryMode=0700\n")
}
