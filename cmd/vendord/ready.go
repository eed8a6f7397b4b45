package main

import "context"

// ready tells the service manager that programs can be answered, unless the daemon is
// ending already.
func (d *daemon) ready(ctx context.Context) {
	if ctx.Err() == nil {
		d.tell(d.options.manager.Ready(d.standing()))
	}
}

// tell notes that the service manager could not be told something. It will act as if
// the daemon had failed, and the log is where people look then.
func (d *daemon) tell(err error) {
	if err != nil {
		d.options.log.Warn(err.Error())
	}
}
