package main

import "github.com/vendord/vendord/install"

// systemSocket is where a system daemon's control socket is: there is no /run on a
// Mac, and nobody but root makes directories in /var/run.
const systemSocket = install.LaunchdSocket
