package main

import (
	"bytes"
	"compress/gzip"
	"time"

	googlev1 "github.com/grafana/pyroscope/api/gen/proto/go/google/v1"
	pushv1 "github.com/grafana/pyroscope/api/gen/proto/go/push/v1"
	typesv1 "github.com/grafana/pyroscope/api/gen/proto/go/types/v1"
	"google.golang.org/protobuf/proto"
)

const (
	cpuType = "process_cpu:cpu:nanoseconds:cpu:nanoseconds"
	shop    = `{service_name="shop"}`
	spanID  = "00f067aa0ba902b7"
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
)

// A profile that was pushed: its values in nanoseconds, by the leaf of each stack.
type stored struct {
	region string
	time   time.Time
	selfs  map[string]int64
}

// stacks are the stacks of every profile, the leaf first; that of query carries a span and a trace.
var stacks = map[string][]string{"main": {"main"}, "parse": {"parse", "handle", "main"}, "query": {"query", "handle", "main"}}

func (s *session) selfs() map[string]int64 {
	sum := map[string]int64{}
	for _, profile := range s.profiles {
		for name, value := range profile.selfs {
			sum[name] += value
		}
	}
	return sum
}

func (s *session) totalOf(region string) (total int64) {
	for _, profile := range s.profiles {
		for _, value := range profile.selfs {
			if region == "" || region == profile.region {
				total += value
			}
		}
	}
	return total
}

func (s *session) total() int64 { return s.totalOf("") }

func pprof(profile stored) []byte {
	p := &googlev1.Profile{
		StringTable: []string{"", "cpu", "nanoseconds", "shop.go", "span_id", spanID, "trace_id", traceID},
		SampleType:  []*googlev1.ValueType{{Type: 1, Unit: 2}}, PeriodType: &googlev1.ValueType{Type: 1, Unit: 2}, Period: 1e7,
		TimeNanos: profile.time.UnixNano(), DurationNanos: 1e10, Mapping: []*googlev1.Mapping{{Id: 1, HasFunctions: true}},
	}
	ids := map[string]uint64{}
	for leaf, stack := range stacks {
		sample := &googlev1.Sample{Value: []int64{profile.selfs[leaf]}}
		for _, name := range stack {
			if ids[name] == 0 {
				id := uint64(len(ids) + 1)
				ids[name] = id
				p.StringTable = append(p.StringTable, name)
				p.Function = append(p.Function, &googlev1.Function{Id: id, Name: int64(len(p.StringTable) - 1), Filename: 3})
				p.Location = append(p.Location, &googlev1.Location{Id: id, MappingId: 1, Line: []*googlev1.Line{{FunctionId: id, Line: 7}}})
			}
			sample.LocationId = append(sample.LocationId, ids[name])
		}
		if leaf == "query" {
			sample.Label = []*googlev1.Label{{Key: 4, Str: 5}, {Key: 6, Str: 7}}
		}
		p.Sample = append(p.Sample, sample)
	}
	data, err := proto.Marshal(p)
	if err != nil {
		panic(err)
	}
	return data
}

func compress(data []byte) []byte {
	var out bytes.Buffer
	writer := gzip.NewWriter(&out)
	writer.Write(data)
	writer.Close()
	return out.Bytes()
}

func series(region string, samples ...[]byte) *pushv1.RawProfileSeries {
	series := &pushv1.RawProfileSeries{Labels: []*typesv1.LabelPair{
		{Name: "__name__", Value: "process_cpu"}, {Name: "service_name", Value: "shop"}, {Name: "region", Value: region},
	}}
	for _, sample := range samples {
		series.Samples = append(series.Samples, &pushv1.RawSample{RawProfile: sample})
	}
	return series
}

// callPush sends two profiles of a region and one of another, plain and compressed.
func callPush(s *session) error {
	now := time.UnixMilli(s.end)
	s.profiles = []stored{
		{"west", now.Add(-5 * time.Minute), map[string]int64{"main": 1e8, "parse": 3e8, "query": 2e8}},
		{"west", now.Add(-4 * time.Minute), map[string]int64{"main": 1e7, "parse": 3e7, "query": 2e7}},
		{"east", now.Add(-3 * time.Minute), map[string]int64{"main": 1e6, "parse": 3e6, "query": 2e6}},
	}
	_, err := s.push.Push(s.ctx, request(&pushv1.PushRequest{Series: []*pushv1.RawProfileSeries{
		series("west", compress(pprof(s.profiles[0])), pprof(s.profiles[1])),
		series("east", pprof(s.profiles[2])),
	}}))
	return err
}

func callPushAgain(s *session) error {
	_, err := s.push.Push(s.ctx, request(&pushv1.PushRequest{
		Series: []*pushv1.RawProfileSeries{series("north", pprof(s.profiles[0]))},
	}))
	return err
}

func callPushNothing(s *session) error {
	_, err := s.push.Push(s.ctx, request(&pushv1.PushRequest{}))
	return err
}

func callPushGarbage(s *session) error {
	_, err := s.push.Push(s.ctx, request(&pushv1.PushRequest{
		Series: []*pushv1.RawProfileSeries{series("west", []byte("this is no profile"))},
	}))
	return err
}
