package main

import (
	"context"
	"crypto/x509"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// gcPercent is how much the heap of serve may grow, in percent of what is live,
// before it is collected. Go's default of 100 has a small heap collected all the
// time; 400 is hardly faster than 250, and takes 6 MiB more under load.
const gcPercent = 250

// spareCollections trades memory for processor time, unless $GOGC says what to
// do. It is for serve alone: the private daemon inside exec and the demo live
// for minutes, beside the program that they were started for, and answer a few
// requests; for them the default is right.
func (p *program) spareCollections() {
	if p.getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
}

// collects returns the percentage in force, for the log: whoever measures the
// daemon has to know it.
func collects() uint64 { return metric("/gc/gogc:percent") }

func metric(name string) uint64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// giveBack returns memory to the system that loading a configuration took and
// that nothing will need again, up to eighty times the size of the file. Go would
// return it too, over minutes, and with gcPercent hardly. Resident after the
// start, without it and with it: 17.5 and 16.0 MiB with ten profiles, 39 and 20
// with 1,000, 225 and 51 with 10,000. There is no limit on memory instead, since
// near one the collector takes the processor from the requests.
//
// The system's certificates are read before that, as the first call to AWS would:
// it leaves 4 MiB of garbage behind, and costs that call 15 ms.
//
// It collects first, so it is not for who waits.
func giveBack() {
	_, _ = x509.SystemCertPool() // kept by crypto/x509; an error comes back when AWS is asked
	debug.FreeOSMemory()
}

// How giveBackWhenQuiet tells what is worth it: a collection takes some
// milliseconds of processor time.
const (
	quietFor  = 10 * time.Second
	worth     = 1 << 20  // bytes allocated since the last time
	busyAbove = 32 << 20 // bytes allocated in quietFor: a thousand requests a second
)

// giveBackWhenQuiet gives back, until ctx ends, what a burst of requests or a
// call to AWS left behind, once it is over.
func giveBackWhenQuiet(ctx context.Context) {
	tick := time.NewTicker(quietFor)
	defer tick.Stop()
	allocated := func() uint64 { return metric("/gc/heap/allocs:bytes") }
	for given, last := allocated(), allocated(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := allocated()
		if now-given > worth && now-last < busyAbove {
			debug.FreeOSMemory()
			now = allocated()
			given = now
		}
		last = now
	}
}
