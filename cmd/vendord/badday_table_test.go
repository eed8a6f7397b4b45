package main

import (
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"

	"github.com/vendord/vendord/fakeaws"
	"github.com/vendord/vendord/session"
)

// A badDay is one way in which AWS, the road to it or the keys go bad.
type badDay struct {
	name       string
	begin, end func(*badStage)
	class      session.Class // in status; 0: nothing may fail
	says       string        // part of the message there
	answer     string        // status and code, once nothing lives
	slow       bool          // attempts end by the network's timeouts
	named      bool          // AWS is asked by a name
	over       bool          // nothing lives from the beginning on
	calls      int           // at most for one attempt; 0: three
}

func struck(f fakeaws.Fault) (begin, end func(*badStage)) {
	f.Operation = "AssumeRole"
	return func(s *badStage) { s.aws.fake.Load().Inject(f) }, func(s *badStage) { s.aws.fake.Load().Clear() }
}

func byAWS(name string, f fakeaws.Fault, class session.Class, says, answer string) badDay {
	begin, end := struck(f)
	return badDay{name: name, begin: begin, end: end, class: class, says: says, answer: answer}
}

func onTheRoad(name, says string, chain ...toxics.Toxic) badDay {
	return badDay{name: name, class: session.Retry, says: says, answer: "503 NotReady",
		begin: func(s *badStage) { s.must(s.road.Set(chain...)) }, end: healRoad}
}

func healRoad(s *badStage) { s.must(s.road.Set()) }

func (s *badStage) must(err error) {
	if err != nil {
		s.Error(err)
	}
}

// world is a day on which the account at AWS is changed.
func world(name string, change func(*fakeaws.State), class session.Class, says, answer string) badDay {
	return badDay{name: name, class: class, says: says, answer: answer, calls: 1,
		begin: func(s *badStage) { s.aws.become(s.T, change) },
		end:   func(s *badStage) { s.aws.become(s.T, func(*fakeaws.State) {}) }}
}

// behind sets this machine's clock back. To shift AWS's is the same, and leaves
// the monotonic clock alone.
func behind(d time.Duration) badDay {
	return badDay{name: "the clock is set back by " + d.String(), begin: func(s *badStage) { s.aws.ahead.Add(int64(d)) }, end: func(*badStage) {}}
}

// ahead sets this machine's clock on. By it, everything has expired then.
func ahead(d time.Duration) badDay {
	return badDay{name: "the clock is set on by " + d.String(), over: true, end: func(*badStage) {},
		begin: func(s *badStage) { s.aws.ahead.Add(-int64(d)); s.clock.advance(d) }}
}

func slowly(d badDay) badDay { d.slow = true; return d }
func single(d badDay) badDay { d.calls = 1; return d }
func fine(d badDay) badDay   { d.class = 0; return d }

const later, needsLogin, denied, misconfigured = "503 NotReady", "403 LoginNeeded", "403 DeniedByAWS", "403 ConfigurationError"

func withoutRoles(s *fakeaws.State) {
	for i := range s.Accounts {
		s.Accounts[i].Roles = nil
	}
}

func withoutTrust(s *fakeaws.State) {
	for i := range s.Accounts {
		for j := range s.Accounts[i].Roles {
			s.Accounts[i].Roles[j].Trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
 "Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"sts:AssumeRole"}]}`
		}
	}
}

// badDays are in the order in which they are played: those that wait for the
// network's own timeouts first.
func badDays() []badDay {
	const dead = "no answer in time"
	return []badDay{
		slowly(byAWS("AWS hangs", fakeaws.Fault{Kind: fakeaws.Hang}, session.Retry, dead, later)),
		slowly(byAWS("AWS takes 30 s", fakeaws.Fault{Kind: fakeaws.Latency, Latency: 30 * time.Second}, session.Retry, dead, later)),
		slowly(onTheRoad("the road takes 30 s", dead, &toxics.LatencyToxic{Latency: 30_000})),
		slowly(onTheRoad("the answer trickles", dead, &toxics.SlicerToxic{AverageSize: 1, Delay: 200_000})),
		slowly(onTheRoad("half an answer, then silence", dead, &toxics.LimitDataToxic{Bytes: 700}, &toxics.SlowCloseToxic{Delay: 60_000})),

		byAWS("throttled", fakeaws.Fault{Kind: fakeaws.Throttle}, session.Retry, "asks for fewer requests", later),
		byAWS("HTTP 500", fakeaws.Fault{Kind: fakeaws.ServerError}, session.Retry, "has trouble of its own", later),
		byAWS("HTTP 503", fakeaws.Fault{Kind: fakeaws.ServerError, Status: 503, Code: "ServiceUnavailable"}, session.Retry, "has trouble of its own", later),
		byAWS("half an answer", fakeaws.Fault{Kind: fakeaws.Truncated}, session.Retry, "its answer cannot be understood (HTTP 200)", later),
		byAWS("a page of HTML", fakeaws.Fault{Kind: fakeaws.Garbage}, session.Retry, "its answer cannot be understood (HTTP 200)", later),
		byAWS("AWS resets the connection", fakeaws.Fault{Kind: fakeaws.Reset}, session.Retry, "the connection broke", later),
		single(byAWS("an empty key", fakeaws.Fault{Kind: fakeaws.EmptyKey}, session.Retry, "without a proper access key id", later)),
		single(byAWS("expired on arrival", fakeaws.Fault{Kind: fakeaws.PastExpiry}, session.Retry, "that had expired already", later)),
		single(byAWS("good for ten years", fakeaws.Fault{Kind: fakeaws.FarExpiry}, 0, "", "")),
		byAWS("AWS refuses the clock", fakeaws.Fault{Kind: fakeaws.Skewed}, session.Person, "this machine's clock: ", needsLogin),
		behind(3 * time.Hour),
		ahead(3 * time.Hour),

		onTheRoad("the answer is cut", "STS at http://127.0.0.1:", &toxics.LimitDataToxic{Bytes: 700}),
		onTheRoad("the road resets the connection", "the connection broke", &toxics.ResetToxic{}),
		fine(onTheRoad("the line closes slowly", "", &toxics.SlowCloseToxic{Delay: 60_000})),
		fine(onTheRoad("the line is slow, 3 kB/s", "", &toxics.SlicerToxic{AverageSize: 64, Delay: 20_000})),
		{name: "connection refused", begin: func(s *badStage) { s.road.Refuse() }, end: healRoad,
			class: session.Retry, says: "cannot be reached (127.0.0.1:", answer: later},
		{name: "DNS gone", named: true, begin: func(s *badStage) { s.noDNS.Store(true) }, end: func(s *badStage) { s.noDNS.Store(false) },
			class: session.Retry, says: "its name example.com cannot be found", answer: later},

		{name: "keys rotated in the file, the old ones switched off", calls: 1, begin: func(s *badStage) {
			s.keys(secondKey.ID, secondKey.Secret)
			s.aws.become(s.T, disable(secondKey.ID))
		}, end: func(s *badStage) {}},
		{name: "keys deleted from the file", calls: 1, begin: func(s *badStage) { s.write("aws-credentials", "") }, end: func(s *badStage) { s.keys(exampleKey().ID, exampleKey().Secret) },
			class: session.Configuration, says: `source "john": `, answer: misconfigured},
		world("keys switched off at AWS", disable(), session.Person, `source "john": AWS does not know its access key AKIA`, needsLogin),
		world("role deleted", withoutRoles, session.Administrator, "AWS denies sts:AssumeRole to a", denied),
		world("trust taken back", withoutTrust, session.Administrator, "AWS denies sts:AssumeRole to a", denied),
		single(byAWS("AWS denies everything", fakeaws.Fault{Kind: fakeaws.AccessDenied}, session.Administrator, "AWS denies sts:AssumeRole", denied)),
	}
}
