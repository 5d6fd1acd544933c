package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"connectrpc.com/connect"
	googlev1 "github.com/grafana/pyroscope/api/gen/proto/go/google/v1"
	querierv1 "github.com/grafana/pyroscope/api/gen/proto/go/querier/v1"
	typesv1 "github.com/grafana/pyroscope/api/gen/proto/go/types/v1"
)

func request[T any](message *T) *connect.Request[T] { return connect.NewRequest(message) }

func pointer[T any](value T) *T { return &value }

// differ is an error unless the two are equal.
func differ[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s is %v, not %v", what, got, want)
	}
	return nil
}

func contain(what string, all []string, wanted ...string) error {
	for _, one := range wanted {
		if !slices.Contains(all, one) {
			return fmt.Errorf("%s lacks %q: %q", what, one, all)
		}
	}
	return nil
}

func callProfileTypes(s *session) error {
	r, err := s.querier.ProfileTypes(s.ctx, request(&querierv1.ProfileTypesRequest{Start: s.start, End: s.end}))
	if err != nil {
		return err
	}
	types := r.Msg.ProfileTypes
	if len(types) != 1 {
		return fmt.Errorf("there are %d profile types: %v", len(types), types)
	}
	t := types[0]
	return errors.Join(differ("ID", t.ID, cpuType), differ("name", t.Name, "process_cpu"),
		differ("sample_type", t.SampleType, "cpu"), differ("sample_unit", t.SampleUnit, "nanoseconds"),
		differ("period_type", t.PeriodType, "cpu"), differ("period_unit", t.PeriodUnit, "nanoseconds"))
}

func callHealthCheck(s *session) error {
	r, err := s.querier.ProfileTypes(s.ctx, request(&querierv1.ProfileTypesRequest{Start: 1000, End: 4000}))
	if err != nil {
		return err
	}
	return differ("the number of types", len(r.Msg.ProfileTypes), 0)
}

func callOtherTenant(s *session) error {
	tenant := s.tenant
	s.tenant = "nobody"
	r, err := s.querier.ProfileTypes(s.ctx, request(&querierv1.ProfileTypesRequest{Start: s.start, End: s.end}))
	s.tenant = tenant
	if err != nil {
		return err
	}
	return differ("the number of types", len(r.Msg.ProfileTypes), 0)
}

func callLabelNames(s *session) error {
	r, err := s.querier.LabelNames(s.ctx, request(&typesv1.LabelNamesRequest{Start: s.start, End: s.end, Matchers: []string{shop}}))
	if err != nil {
		return err
	}
	if !slices.IsSorted(r.Msg.Names) {
		return fmt.Errorf("not sorted: %q", r.Msg.Names)
	}
	return contain("names", r.Msg.Names, "__name__", "__profile_type__", "region", "service_name")
}

func callLabelValues(s *session) error {
	r, err := s.querier.LabelValues(s.ctx, request(&typesv1.LabelValuesRequest{Name: "region", Start: s.start, End: s.end}))
	if err != nil {
		return err
	}
	return differ("values", strings.Join(r.Msg.Names, " "), "east west")
}

func callLabelValuesWithoutName(s *session) error {
	_, err := s.querier.LabelValues(s.ctx, request(&typesv1.LabelValuesRequest{Start: s.start, End: s.end}))
	return err
}

func callSeries(s *session) error {
	r, err := s.querier.Series(s.ctx, request(&querierv1.SeriesRequest{
		Start: s.start, End: s.end, LabelNames: []string{"service_name", "__profile_type__"},
	}))
	if err != nil {
		return err
	}
	if len(r.Msg.LabelsSet) != 1 {
		return fmt.Errorf("there are %d label sets: %v", len(r.Msg.LabelsSet), r.Msg.LabelsSet)
	}
	got := ""
	for _, pair := range r.Msg.LabelsSet[0].Labels {
		got += pair.Name + "=" + pair.Value + " "
	}
	return differ("labels", got, "__profile_type__="+cpuType+" service_name=shop ")
}

func callSeriesBadMatcher(s *session) error {
	_, err := s.querier.Series(s.ctx, request(&querierv1.SeriesRequest{Start: s.start, End: s.end, Matchers: []string{"{a="}}))
	return err
}

func (s *session) stacktraces() *querierv1.SelectMergeStacktracesRequest {
	return &querierv1.SelectMergeStacktracesRequest{ProfileTypeID: cpuType, LabelSelector: shop, Start: s.start, End: s.end}
}

// flameGraph checks the layout of every level and returns {name: self}.
func flameGraph(names []string, levels []*querierv1.Level, total int64) (map[string]int64, error) {
	if len(names) == 0 || names[0] != "total" || len(levels) == 0 {
		return nil, fmt.Errorf("no root called total: %q, %d levels", names, len(levels))
	}
	if root := levels[0].Values; !slices.Equal(root, []int64{0, total, 0, 0}) {
		return nil, fmt.Errorf("level 0 is %v with a total of %d", root, total)
	}
	selfs := map[string]int64{}
	for i, level := range levels {
		end := int64(0)
		for v := level.Values; len(v) > 0; v = v[4:] {
			if len(v) < 4 || v[0] < 0 || v[1] < v[2] || v[3] < 0 || v[3] >= int64(len(names)) {
				return nil, fmt.Errorf("level %d has a bad node: %v", i, v)
			}
			end += v[0] + v[1]
			selfs[names[v[3]]] += v[2]
		}
		if end > total {
			return nil, fmt.Errorf("level %d ends at %d, beyond %d", i, end, total)
		}
	}
	return selfs, nil
}

// stacktracesAre checks a flame graph: its total and the self values of some functions.
func (s *session) stacktracesAre(query *querierv1.SelectMergeStacktracesRequest, total int64, want map[string]int64) error {
	r, err := s.querier.SelectMergeStacktraces(s.ctx, request(query))
	if err != nil {
		return err
	}
	return flameGraphIs(r.Msg.Flamegraph, total, want)
}

func flameGraphIs(graph *querierv1.FlameGraph, total int64, want map[string]int64) error {
	if err := differ("total", graph.GetTotal(), total); err != nil {
		return err
	}
	selfs, err := flameGraph(graph.Names, graph.Levels, graph.Total)
	if err != nil {
		return err
	}
	for name, value := range want {
		if selfs[name] != value {
			return fmt.Errorf("self of %s is %d, not %d: %v", name, selfs[name], value, selfs)
		}
	}
	return nil
}

func callStacktraces(s *session) error {
	return s.stacktracesAre(s.stacktraces(), s.total(), s.selfs())
}

func callStacktracesFewNodes(s *session) error {
	q := s.stacktraces()
	q.MaxNodes = pointer(int64(2))
	want := s.selfs()
	return s.stacktracesAre(q, s.total(), map[string]int64{"other": want["parse"] + want["query"]})
}

func callStacktracesCallSite(s *session) error {
	q := s.stacktraces()
	q.StackTraceSelector = &typesv1.StackTraceSelector{CallSite: []*typesv1.Location{{Name: "main"}, {Name: "handle"}, {Name: "query"}}}
	return s.stacktracesAre(q, s.selfs()["query"], map[string]int64{"query": s.selfs()["query"], "parse": 0})
}

func callStacktracesNothing(s *session) error {
	q := s.stacktraces()
	q.LabelSelector = `{service_name="nothing"}`
	r, err := s.querier.SelectMergeStacktraces(s.ctx, request(q))
	if err != nil || r.Msg.Flamegraph == nil {
		return err
	}
	return flameGraphIs(r.Msg.Flamegraph, 0, nil)
}

// callStacktracesTree reads the pre-order of (name length, name, self, number of children).
func callStacktracesTree(s *session) error {
	q := s.stacktraces()
	q.Format = querierv1.ProfileFormat_PROFILE_FORMAT_TREE
	r, err := s.querier.SelectMergeStacktraces(s.ctx, request(q))
	if err != nil {
		return err
	}
	selfs := map[string]int64{}
	for data := r.Msg.Tree; len(data) > 0; {
		var numbers [3]uint64
		var name string
		for i := range numbers {
			n := 0
			if numbers[i], n = binary.Uvarint(data); n <= 0 {
				return fmt.Errorf("a bad number in the tree %x", r.Msg.Tree)
			}
			data = data[n:]
			if i == 0 {
				name, data = string(data[:numbers[0]]), data[numbers[0]:]
			}
		}
		selfs[name] += int64(numbers[1])
	}
	for name, value := range s.selfs() {
		if selfs[name] != value {
			return fmt.Errorf("self of %s is %d, not %d", name, selfs[name], value)
		}
	}
	return nil
}

// pprofIs checks a merged profile: one sample type, and the values of each leaf.
func (s *session) pprofIs(p *googlev1.Profile) error {
	if len(p.SampleType) != 1 || len(p.StringTable) == 0 || p.StringTable[0] != "" {
		return fmt.Errorf("not one sample type: %v, %q", p.SampleType, p.StringTable)
	}
	text := func(i int64) string { return p.StringTable[i] }
	functions, locations := map[uint64]string{}, map[uint64]string{}
	for _, f := range p.Function {
		functions[f.Id] = text(f.Name)
	}
	for _, l := range p.Location {
		locations[l.Id] = functions[l.Line[0].FunctionId]
	}
	selfs := map[string]int64{}
	for _, sample := range p.Sample {
		selfs[locations[sample.LocationId[0]]] += sample.Value[0]
	}
	for name, value := range s.selfs() {
		if selfs[name] != value {
			return fmt.Errorf("self of %s is %d, not %d: %v", name, selfs[name], value, selfs)
		}
	}
	return errors.Join(differ("type", text(p.SampleType[0].Type), "cpu"), differ("unit", text(p.SampleType[0].Unit), "nanoseconds"),
		differ("default type", text(p.DefaultSampleType), "cpu"), differ("time in ms", p.TimeNanos/1e6, s.end))
}

func callStacktracesPprof(s *session) error {
	q := s.stacktraces()
	q.Format = querierv1.ProfileFormat_PROFILE_FORMAT_PPROF
	r, err := s.querier.SelectMergeStacktraces(s.ctx, request(q))
	if err != nil {
		return err
	}
	return s.pprofIs(r.Msg.GetPprof().GetProfile())
}

func callMergeProfile(s *session) error {
	r, err := s.querier.SelectMergeProfile(s.ctx, request(&querierv1.SelectMergeProfileRequest{
		ProfileTypeID: cpuType, LabelSelector: shop, Start: s.start, End: s.end,
	}))
	if err != nil {
		return err
	}
	return s.pprofIs(r.Msg)
}

func callStacktracesDot(s *session) error {
	q := s.stacktraces()
	q.Format = querierv1.ProfileFormat_PROFILE_FORMAT_DOT
	r, err := s.querier.SelectMergeStacktraces(s.ctx, request(q))
	if err != nil {
		return err
	}
	if dot := r.Msg.Dot; !strings.HasPrefix(dot, "digraph") || !strings.Contains(dot, "query") || !strings.Contains(dot, "->") {
		return fmt.Errorf("not a graph in DOT: %q", dot)
	}
	return nil
}

func callStacktracesSpans(s *session) error {
	q := s.stacktraces()
	q.SpanSelector = []string{spanID}
	return s.stacktracesAre(q, s.selfs()["query"], map[string]int64{"query": s.selfs()["query"]})
}

func callStacktracesTrace(s *session) error {
	q := s.stacktraces()
	q.TraceIdSelector = []string{traceID}
	return s.stacktracesAre(q, s.selfs()["query"], map[string]int64{"query": s.selfs()["query"]})
}

func callStacktracesBadSpan(s *session) error {
	q := s.stacktraces()
	q.SpanSelector = []string{"no span"}
	return s.stacktracesAre(q, 0, nil)
}

func callSpanProfile(s *session) error {
	r, err := s.querier.SelectMergeSpanProfile(s.ctx, request(&querierv1.SelectMergeSpanProfileRequest{
		ProfileTypeID: cpuType, LabelSelector: shop, SpanSelector: []string{spanID}, Start: s.start, End: s.end,
	}))
	if err != nil {
		return err
	}
	return flameGraphIs(r.Msg.Flamegraph, s.selfs()["query"], map[string]int64{"query": s.selfs()["query"]})
}

func callStacktracesWithoutRange(s *session) error {
	q := s.stacktraces()
	q.Start, q.End = 0, 0
	return s.stacktracesAre(q, 0, nil)
}

func callStacktracesManyNodes(s *session) error {
	q := s.stacktraces()
	q.MaxNodes = pointer(int64(1<<20 + 1))
	return s.stacktracesAre(q, 0, nil)
}

func callStacktracesBadType(s *session) error {
	q := s.stacktraces()
	q.ProfileTypeID = "process_cpu:cpu"
	return s.stacktracesAre(q, 0, nil)
}

func callSelectSeries(s *session) error {
	r, err := s.querier.SelectSeries(s.ctx, request(&querierv1.SelectSeriesRequest{
		ProfileTypeID: cpuType, LabelSelector: shop, Start: s.start, End: s.end, Step: 15, GroupBy: []string{"region"},
	}))
	if err != nil {
		return err
	}
	got := ""
	for _, series := range r.Msg.Series {
		sum := 0.0
		for _, point := range series.Points {
			if point.Timestamp < s.start || point.Timestamp > s.end || (point.Timestamp-s.start)%15000 != 0 {
				return fmt.Errorf("a point at %d is off the steps of %d to %d", point.Timestamp, s.start, s.end)
			}
			sum += point.Value
		}
		for _, pair := range series.Labels {
			got += pair.Name + "=" + pair.Value + " "
		}
		got += fmt.Sprint(int64(sum), " ")
	}
	return differ("series", got, fmt.Sprint("region=west ", s.totalOf("west"), " region=east ", s.totalOf("east"), " "))
}

// callSelectSeriesExemplars looks for the first profile of the west, which is the exemplar of its point.
func callSelectSeriesExemplars(s *session) error {
	r, err := s.querier.SelectSeries(s.ctx, request(&querierv1.SelectSeriesRequest{
		ProfileTypeID: cpuType, LabelSelector: `{region="west"}`, Start: s.start, End: s.end, Step: 15,
		ExemplarType: typesv1.ExemplarType_EXEMPLAR_TYPE_INDIVIDUAL,
	}))
	if err != nil {
		return err
	}
	for _, series := range r.Msg.Series {
		for _, point := range series.Points {
			for _, exemplar := range point.Exemplars {
				if exemplar.Timestamp == s.profiles[0].time.UnixMilli() {
					s.exemplarID = exemplar.ProfileId
					return differ("value", exemplar.Value, int64(6e8))
				}
			}
		}
	}
	return fmt.Errorf("no exemplar in %v", r.Msg.Series)
}

func callStacktracesExemplar(s *session) error {
	q := s.stacktraces()
	q.ProfileIdSelector = []string{s.exemplarID}
	return s.stacktracesAre(q, 6e8, s.profiles[0].selfs)
}

func callSelectSeriesWithoutStep(s *session) error {
	_, err := s.querier.SelectSeries(s.ctx, request(&querierv1.SelectSeriesRequest{
		ProfileTypeID: cpuType, LabelSelector: shop, Start: s.start, End: s.end,
	}))
	return err
}

func callHeatmap(s *session) error {
	r, err := s.querier.SelectHeatmap(s.ctx, request(&querierv1.SelectHeatmapRequest{
		ProfileTypeID: cpuType, LabelSelector: shop, Start: s.start, End: s.end, Step: 60,
		QueryType:    querierv1.HeatmapQueryType_HEATMAP_QUERY_TYPE_INDIVIDUAL,
		ExemplarType: typesv1.ExemplarType_EXEMPLAR_TYPE_INDIVIDUAL,
	}))
	if err != nil {
		return err
	}
	count, exemplars := 0, 0
	for _, series := range r.Msg.Series {
		for _, slot := range series.Slots {
			if len(slot.YMin) != 20 || len(slot.Counts) != 20 {
				return fmt.Errorf("a slot has %d bounds and %d counts, not 20", len(slot.YMin), len(slot.Counts))
			}
			for _, n := range slot.Counts {
				count += int(n)
			}
			exemplars += len(slot.Exemplars)
		}
	}
	if exemplars == 0 {
		return errors.New("there are no exemplars")
	}
	return differ("the number of profiles", count, len(s.profiles))
}

func callHeatmapSpans(s *session) error {
	r, err := s.querier.SelectHeatmap(s.ctx, request(&querierv1.SelectHeatmapRequest{
		ProfileTypeID: cpuType, LabelSelector: shop, Start: s.start, End: s.end, Step: 60,
		QueryType:    querierv1.HeatmapQueryType_HEATMAP_QUERY_TYPE_SPAN,
		ExemplarType: typesv1.ExemplarType_EXEMPLAR_TYPE_SPAN,
	}))
	if err != nil {
		return err
	}
	spans := map[string]bool{}
	for _, series := range r.Msg.Series {
		for _, slot := range series.Slots {
			for _, exemplar := range slot.Exemplars {
				spans[exemplar.SpanId+" "+exemplar.TraceId] = true
			}
		}
	}
	if len(spans) != 1 || !spans[spanID+" "+traceID] {
		return fmt.Errorf("the spans and traces of the exemplars are %v", spans)
	}
	return nil
}

func callDiff(s *session) error {
	left, right := s.stacktraces(), s.stacktraces()
	left.LabelSelector, right.LabelSelector = `{region="east"}`, `{region="west"}`
	r, err := s.querier.Diff(s.ctx, request(&querierv1.DiffRequest{Left: left, Right: right}))
	if err != nil {
		return err
	}
	graph := r.Msg.Flamegraph
	for i, level := range graph.GetLevels() {
		if len(level.Values)%7 != 0 {
			return fmt.Errorf("level %d has %d numbers, not seven a node", i, len(level.Values))
		}
	}
	return errors.Join(differ("left", graph.GetLeftTicks(), s.totalOf("east")), differ("right", graph.GetRightTicks(), s.totalOf("west")),
		differ("total", graph.GetTotal(), s.total()))
}

func callProfileStats(s *session) error {
	r, err := s.querier.GetProfileStats(s.ctx, request(&typesv1.GetProfileStatsRequest{}))
	if err != nil {
		return err
	}
	first, last := s.profiles[0].time.UnixMilli(), s.profiles[len(s.profiles)-1].time.UnixMilli()
	return errors.Join(differ("data_ingested", r.Msg.DataIngested, true), differ("oldest", r.Msg.OldestProfileTime, first),
		differ("newest", r.Msg.NewestProfileTime, last))
}

func callAnalyzeQuery(s *session) error {
	_, err := s.querier.AnalyzeQuery(s.ctx, request(&querierv1.AnalyzeQueryRequest{Start: s.start, End: s.end, Query: cpuType + shop}))
	return err
}
