package audit_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vendord/vendord/audit"
)

// both records an event in two logs, one of which knows the connection, and
// compares their lines.
type both struct {
	t           *testing.T
	memo        audit.Memo
	with, alone *audit.Log
	lines       [2]bytes.Buffer
}

func newBoth(t *testing.T) *both {
	b := &both{t: t}
	b.with, b.alone = audit.New(audit.Config{Out: &b.lines[0]}), audit.New(audit.Config{Out: &b.lines[1]})
	return b
}

func (b *both) record(why string, e audit.Event) {
	b.t.Helper()
	other := e
	b.with.Record(&e, &b.memo)
	b.alone.Record(&other, nil)
	_, _ = b.with.Flush(), b.alone.Flush()
	if got, want := b.lines[0].String(), b.lines[1].String(); got != want || !strings.HasSuffix(got, "}\n") {
		b.t.Errorf("%s:\ngot  %swant %s", why, got, want)
	}
	b.lines[0].Reset()
	b.lines[1].Reset()
}

func vended() audit.Event {
	return audit.Event{
		Time: noon, Path: "/v1/credentials", Endpoint: "loopback", App: "uploader", How: "token", User: "john", UID: "501", TokenID: "t7",
		Profile: "company1-hr-upload", RoleARN: "arn:aws:iam::629470240201:role/JohnUploadRole", SessionName: "john-uploader",
		KeyID: "ASIAEXAMPLE", Expires: noon.Add(time.Hour), Minted: true, Status: 200, Agent: "Go-http-client/1.1",
	}
}

// A line that is remembered and is not the event's would be a forged record:
// every field that differs has to be seen, those that are yet to come as well.
func TestMemoSeesEveryField(t *testing.T) {
	b := newBoth(t)
	b.record("the first", vended())
	b.record("the same again, which is kept", vended())
	b.record("the same once more", vended())
	for i := range reflect.TypeFor[audit.Event]().NumField() {
		e := vended()
		name, field := reflect.TypeFor[audit.Event]().Field(i).Name, reflect.ValueOf(&e).Elem().Field(i)
		switch field.Interface().(type) {
		case string:
			field.SetString("other")
		case json.Number:
			field.SetString("502")
		case time.Time:
			field.Set(reflect.ValueOf(noon.Add(90 * time.Second)))
		case int:
			field.SetInt(403)
		case uint64:
			field.SetUint(7)
		case bool:
			field.SetBool(!field.Bool())
		default:
			t.Fatalf("Event.%s: this test knows no other value of its type", name)
		}
		b.record("another "+name, e)
		if got := reflect.ValueOf(b.memo).FieldByName("rest").Len(); got == 0 {
			t.Errorf("another %s: nothing is remembered any more", name)
		}
		b.record("the first again, after another "+name, vended())
	}
}

// What most requests are: the next one over a connection that is kept.
func BenchmarkRecordRemembered(b *testing.B) {
	log, memo := audit.New(audit.Config{Out: nowhere{}}), new(audit.Memo)
	run(b, log)
	b.ReportAllocs()
	for b.Loop() {
		e := vended()
		log.Record(&e, memo)
	}
}

// What a stranger sends is not kept with a connection, nor what is cut.
func TestMemoKeepsLittle(t *testing.T) {
	b := newBoth(t)
	for _, change := range []func(*audit.Event){
		func(e *audit.Event) { e.Status, e.Message = 401, "token: not recognised" },
		func(e *audit.Event) { e.Agent = strings.Repeat("a", 16_000) },
		func(e *audit.Event) { e.Path = strings.Repeat("p", 16_000) },
	} {
		e := vended()
		change(&e)
		b.record("kept", e)
		if !reflect.ValueOf(b.memo).IsZero() {
			t.Errorf("after %.300q: something is remembered", e.Path+" "+e.Agent+" "+e.Message)
		}
	}
}

func TestSecondsOfLines(t *testing.T) {
	b := newBoth(t) // its first log lives on, so that it knows the last second
	for _, at := range []time.Time{
		noon, noon.Add(time.Millisecond), noon.Add(time.Second), noon, noon.Add(-time.Hour),
		time.Unix(0, 0), time.Unix(-1, 999_999_999), time.Unix(0, 1), noon.In(time.FixedZone("here", 3600)),
	} {
		e := vended()
		e.Time = at
		want := lineOf(t, e)[:len(`{"time":"2026-11-21T11:00:00.123Z"`)]
		b.with.Record(&e, &b.memo)
		_ = b.with.Flush()
		if got := b.lines[0].String(); !strings.HasPrefix(got, want) {
			t.Errorf("at %s: got %.40s, want %s", at, got, want)
		}
		b.lines[0].Reset()
	}
}

func TestRememberedLinesAllocateNothing(t *testing.T) {
	log, memo := audit.New(audit.Config{Out: nowhere{}}), new(audit.Memo)
	record := func() {
		e := vended()
		log.Record(&e, memo)
		_ = log.Flush()
	}
	record()
	record()
	if got := testing.AllocsPerRun(100, record); got != 0 {
		t.Errorf("got %v allocations a line, want 0", got)
	}
}
