package install

import "strings"

// systemUnit makes the system's vendord.service: a user that exists while it runs,
// and of the kernel no more than the configuration needs. `systemd-analyze security`
// counts the directives; what each one of those that are left out would break is said
// in the unit itself, for whoever wonders.
func (s Service) systemUnit() string {
	n := s.Needs
	var b strings.Builder
	add := func(parts ...string) { b.WriteString(strings.Join(parts, "")) }
	add(head("vendord.service", "systemctl edit"), systemBegin, s.serve())
	add(`# A file with an error changes nothing, and fails "systemctl reload". As root ("+"),
# since only root and operators may have it reload.
ExecReload=`, command("+", s.Binary, "reload", "--system"), "\n", systemLife)
	add("\n", n.bounds(), "\n", systemFiles, n.files(), "\n", n.rights(), systemHardening, n.commands())
	add("\n[Install]\nWantedBy=multi-user.target\n", s.facts())
	return b.String()
}

// startLimit has no end of starts. Where systemd gives a service up it closes the
// sockets too, and then their addresses are for whoever is first: a user who asks
// while the configuration has a mistake could bring that about. See serve for what
// one start costs.
const startLimit = `# Started again for as long as it takes: systemd would close the sockets of a service
# that it gives up, and anybody could have their addresses.
StartLimitIntervalSec=0
`

const systemBegin = `[Unit]
Description=vendord: AWS credentials for the programs of this machine
Documentation=https://github.com/vendord/vendord
# systemd holds the sockets: nobody else can have the address while vendord is down,
# and who asks meanwhile waits for the answer instead of being refused.
Requires=vendord.socket
After=vendord.socket
# Before it counts as started, it asks AWS for what programs will ask it for.
Wants=network-online.target
After=network-online.target nss-user-lookup.target
` + startLimit + `
[Service]
Type=notify
NotifyAccess=main
`

const systemLife = `Restart=on-failure
RestartSec=500ms
TimeoutStartSec=60s
# Who has asked is answered before it ends, AWS's own answer included.
TimeoutStopSec=30s
# Commands that are fetching credentials end with vendord and not before it.
KillMode=mixed
# It gives a sign of life only after it has asked itself for one, over its own sockets.
WatchdogSec=30s
# Sessions live through a restart in memory that systemd holds, never on disk.
FileDescriptorStoreMax=8
`

const systemFiles = `# A user of its own, that exists while it runs. What it keeps is in /var/lib/vendord,
# the record of who got what in /var/log/vendord: both are in a directory "private"
# there, which nobody but root can enter.
DynamicUser=yes
User=vendord
StateDirectory=vendord
StateDirectoryMode=0700
LogsDirectory=vendord
LogsDirectoryMode=0750
UMask=0077
ProtectSystem=strict
PrivateTmp=yes
`

// noUse is what nothing that vendord does has any use for, the daemon or vendord net.
const noUse = `NoNewPrivileges=yes
ProtectProc=invisible
ProcSubset=pid
PrivateMounts=yes
PrivateDevices=yes
DevicePolicy=closed
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RemoveIPC=yes
KeyringMode=private
LockPersonality=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
`

// systemHardening is noUse, and what is left to the daemon.
const systemHardening = noUse + `# AF_NETLINK: the kernel is asked there whose connection it is.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native
# landlock_*: with these it takes from itself what it does not need.
SystemCallFilter=@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self
SystemCallFilter=~@privileged @resources
# io_uring opens files and sockets past this very filter.
SystemCallFilter=~io_uring_setup io_uring_enter io_uring_register userfaultfd
SystemCallErrorNumber=EPERM
# Not here, since it would switch vendord off: PrivateUsers= makes every caller
# "nobody", IPAddressDeny= cuts it off from AWS, PrivateNetwork= from everybody.
`

// bounds are generous: they are for what has gone wrong.
func (n Needs) bounds() string {
	memory, tasks := "512M", "128"
	if len(n.Commands) > 0 {
		memory, tasks = "2G", "1024"
	}
	return "# No core file has credentials in it.\nLimitCORE=0\nLimitNOFILE=16384\nTasksMax=" + tasks + "\nMemoryMax=" + memory + "\n"
}

// files are those outside of vendord's own directories.
func (n Needs) files() string {
	var b strings.Builder
	if n.Homes {
		b.WriteString("# A rule of the configuration names a program in a home directory.\nProtectHome=read-only\n")
	} else {
		b.WriteString("ProtectHome=yes\n")
	}
	if len(n.Writes) > 0 {
		b.WriteString("# Where the configuration has the record written to.\nReadWritePaths=")
		for i, directory := range n.Writes {
			b.WriteString(strings.Repeat(" ", min(i, 1)) + word(directory))
		}
		b.WriteString("\n")
	}
	if len(n.Credentials) > 0 {
		b.WriteString("# Root's files: systemd reads them at each start, and gives vendord a copy in memory.\n")
	}
	for _, c := range n.Credentials {
		directive := "LoadCredential="
		if c.Encrypted {
			directive = "LoadCredentialEncrypted="
		}
		b.WriteString(directive + c.Name + ":" + rest(c.Path) + "\n")
	}
	return b.String()
}

// rights are the capabilities.
func (n Needs) rights() string {
	if !n.Exe {
		return "# No right that is more than a user's.\nCapabilityBoundingSet=\nAmbientCapabilities=\n"
	}
	return `# A rule of the configuration looks at the program that another user's process runs.
# That takes the right to look into every process, which is nearly root's: without
# such rules ("exe"), "vendord service install" leaves it out.
CapabilityBoundingSet=CAP_SYS_PTRACE CAP_DAC_READ_SEARCH
AmbientCapabilities=CAP_SYS_PTRACE CAP_DAC_READ_SEARCH
`
}

// commands is what programs that are run for credentials cannot live with.
func (n Needs) commands() string {
	if len(n.Commands) == 0 {
		return `MemoryDenyWriteExecute=yes
InaccessiblePaths=-/dev/shm
SystemCallFilter=~@keyring
`
	}
	return comment("Commands are run by", n.Commands) + `# and live in this sandbox: they see no home directory and have no user's session.
# Left out for them is MemoryDenyWriteExecute=: Node, Java and Python compile as they run.
# A command that is out of memory does not end vendord.
OOMPolicy=continue
# They keep things at home.
CacheDirectory=vendord
CacheDirectoryMode=0700
Environment=HOME=%C/vendord
`
}

// triggerLimit is startLimit for the socket, which systemd would otherwise close when
// what waits in it has had the service started twenty times within two seconds.
const triggerLimit = `# Not closed, however often who asks has a service started that does not come up.
TriggerLimitIntervalSec=0
`

// systemSocket makes the system's vendord.socket: every user of the machine asks there.
func (s Service) systemSocket() string {
	after := ""
	if len(s.Needs.Link) > 0 {
		after = `# It makes the addresses of the endpoints, before anything can ask there.
Wants=vendord-net.service
After=vendord-net.service
`
	}
	return s.socket("systemctl edit", after, "/run/vendord/control.sock", "SocketMode=0666\nDirectoryMode=0755\n")
}

// socket makes a vendord.socket, with what comes before it, the control socket and who
// may open it.
func (s Service) socket(edit, after, control, modes string) string {
	return head("vendord.socket", edit) + `[Unit]
Description=vendord: where programs and commands ask
Documentation=https://github.com/vendord/vendord
` + after + `
[Socket]
` + sockets(s.Needs.Listen, control) + modes + "RemoveOnStop=yes\n" + triggerLimit + `Backlog=4096

[Install]
WantedBy=sockets.target
`
}
