package main

import (
	"encoding/json"
	"fmt"
	"os"

	querierv1 "github.com/grafana/pyroscope/api/gen/proto/go/querier/v1"
)

// annotations are those of all points of a tenant's CPU profiles, each once: key and value.
func (s *session) annotations() (map[string][]string, error) {
	r, err := s.querier.SelectSeries(s.ctx, request(&querierv1.SelectSeriesRequest{
		ProfileTypeID: cpuType, LabelSelector: "{}", Start: s.start, End: s.end + 60_000, Step: 15,
	}))
	if err != nil {
		return nil, err
	}
	seen, values := map[string]bool{}, map[string][]string{}
	for _, series := range r.Msg.Series {
		for _, point := range series.Points {
			for _, one := range point.Annotations {
				if !seen[one.Key+"\x00"+one.Value] {
					values[one.Key] = append(values[one.Key], one.Value)
				}
				seen[one.Key+"\x00"+one.Value] = true
			}
		}
	}
	return values, nil
}

// printAnnotations writes a line of JSON for each protocol: the annotations of the tenant.
func printAnnotations(url, tenant string) {
	for _, p := range protocols {
		s := newSession(url, p)
		s.tenant = tenant
		values, err := s.annotations()
		if err == nil {
			err = json.NewEncoder(os.Stdout).Encode(values)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", p.name, err)
			os.Exit(1)
		}
	}
}
