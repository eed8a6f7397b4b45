package main

import (
	"runtime/debug"
	"runtime/metrics"
)

// gcPercent is how much the heap of serve may grow, in percent of what is live,
// before it is collected. Go's default of 100 has a small heap collected all the
// time.
const gcPercent = 400

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
func collects() uint64 {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
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
// It collects first, so it is not for who waits.
func giveBack() { debug.FreeOSMemory() }
