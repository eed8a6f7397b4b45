package main

// temptations are what the agent's user tries, each a line of shell that must fail.
// Each that does no harm must work for root, or it would fail for another reason than
// the one meant.
var temptations = []struct {
	name, line string
	harm       bool
}{
	{"edit the configuration", `echo 'profiles = ["hr-upload"]' >>"$ETC/vendord.toml"`, true},
	{"replace the configuration", `echo >"$HOME/x" && mv -f "$HOME/x" "$ETC/vendord.toml"`, true},
	{"edit the policy", `echo '{}' >"$ETC/read-only.json"`, true},
	{"read the keys", `cat "$ETC/aws-credentials"`, false},

	{"switch to another profile", `vendord use hr-upload --app agent`, true},
	{"switch another app", `vendord use hr-read --app people`, true},
	{"load another configuration", `vendord reload`, false},
	{"issue a token for itself", `vendord token issue agent`, true},
	{"issue a token for another app", `vendord token issue people`, true},
	{"issue a token for another user", `vendord token issue people --user '#54322'`, true},
	{"revoke another's tokens", `vendord token revoke people | grep -q revoked`, true},
	{"lock everybody out", `vendord lock`, true},
	{"unlock", `vendord unlock`, false},
	{"sign in", `vendord login john`, true},
	{"reload by a signal", `kill -HUP $DAEMON`, true},
	{"end the daemon", `kill -TERM $DAEMON`, true},

	{"run a command with another profile", `vendord exec hr-upload -- true`, false},
	{"print another profile's credentials", `vendord credentials hr-upload`, true},
	{"set up its shell for another profile", `vendord env hr-upload`, true},
	{"set up its shell for another app", `vendord env people`, true},
	{"ask for another profile by its path", `ask /v1/process/credentials/hr-upload`, true},
	{"ask for another app by its name", `ask /v1/process/credentials/people`, true},
	{"ask without a token, where one is needed", `ask /v1/credentials`, true},
	{"use another's token", `ask /v1/credentials "$ANOTHER"`, true},
	{"see why others were refused", `vendord why --app people | grep token`, false},
	{"see what others asked for", `vendord audit --app people`, false},
	{"use another's token where none is needed", `ask /v1/process/credentials "$ANOTHER"`, true},

	{"read the tokens", `cat "$STATE/tokens.json"`, false},
	{"write into the token file", `echo >>"$STATE/tokens.json"`, true},
	{"replace the token file", `echo '{}' >"$HOME/x" && mv -f "$HOME/x" "$STATE/tokens.json"`, true},
	{"list the state directory", `ls "$STATE"`, false},
	{"read the record", `cat "$AUDIT"`, false},
	{"write into the record", `echo '{}' >>"$AUDIT"`, true},
	{"remove the record", `rm -f "$AUDIT"`, true},
	{"remove the control socket", `rm -f "$DIR/run/control.sock"`, true},
	{"replace the control socket", `ln -sf "$HOME/mine" "$DIR/run/control.sock"`, true},
	{"move the control socket's directory", `mv "$DIR/run" "$DIR/run.old"`, true},

	{"read the daemon's memory", `: </proc/$DAEMON/mem`, false},
	{"read the daemon's environment", `cat /proc/$DAEMON/environ`, false},
	{"look at the daemon's files", `ls /proc/$DAEMON/fd/`, false},
}
