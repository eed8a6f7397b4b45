package install

// netUnit makes vendord-net.service, which puts the addresses of the endpoints on this
// machine and ends. That takes the right to change the network, which the daemon is to
// have at no time: whoever took it over could lead all traffic of the machine past
// themselves.
//
// It is started with the sockets, early in the boot, and has to be done without what
// comes later. Reloading it puts there what has come to the configuration, and takes
// nothing away that programs use.
//
// It counts as started where an address could not be had ("-"), as the others are there:
// systemd does not stop what has failed, and they would stay when the service is stopped.
// A reload fails then, for an install to fail as a whole. Where it is stopped, an address
// stays at which somebody else listens, a user's own daemon.
func (s Service) netUnit() string {
	up := []string{"net", "up", "--system"}
	if s.Config != "" {
		up = append(up, "--config", s.Config)
	}
	return head("vendord-net.service", "systemctl edit") + `[Unit]
Description=vendord: the addresses of its endpoints
Documentation=https://github.com/vendord/vendord
# Before vendord.socket, which is before what services are after by default.
DefaultDependencies=no
Requires=sysinit.target
After=sysinit.target
Before=vendord.socket shutdown.target
Conflicts=shutdown.target
# With the sockets they go as well: a cloud's own metadata service is back then.
PartOf=vendord.socket

[Service]
Type=oneshot
RemainAfterExit=yes
# "-": one that cannot be had keeps no other away, and those are to go again.
ExecStart=` + command("-", s.Binary, up...) + `
ExecReload=` + command("", s.Binary, up...) + `
ExecStop=` + command("-", s.Binary, "net", "down", "--system") + `
TimeoutStartSec=30s
TimeoutStopSec=30s

# To change the network is all that it may do more than any user.
CapabilityBoundingSet=CAP_NET_ADMIN
AmbientCapabilities=CAP_NET_ADMIN
DynamicUser=yes
User=vendord-net
UMask=0077
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
LimitCORE=0
TasksMax=64
MemoryMax=256M
MemoryDenyWriteExecute=yes
` + noUse + `# AF_NETLINK: the kernel is told there. It asks whether a metadata service answers
# already, and nobody else.
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
IPAddressDeny=any
IPAddressAllow=localhost link-local fd00:ec2::254
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources @keyring
SystemCallFilter=~io_uring_setup io_uring_enter io_uring_register userfaultfd
SystemCallErrorNumber=EPERM
`
}
