// Program connect calls every method of the Pyroscope API through the clients that are generated
// from it, in each protocol and codec, against a running server:
//
//	connect http://127.0.0.1:4040
//
// It prints a line for each protocol and each method that is not as the table of methods says, and
// then exits with 1. With a tenant it prints what that tenant's profiles are annotated with instead:
//
//	connect http://127.0.0.1:4040 TENANT
package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"connectrpc.com/connect"
	"github.com/grafana/pyroscope/api/gen/proto/go/adhocprofiles/v1/adhocprofilesv1connect"
	"github.com/grafana/pyroscope/api/gen/proto/go/capabilities/v1/capabilitiesv1connect"
	"github.com/grafana/pyroscope/api/gen/proto/go/debuginfo/v1alpha1/debuginfov1alpha1connect"
	"github.com/grafana/pyroscope/api/gen/proto/go/push/v1/pushv1connect"
	"github.com/grafana/pyroscope/api/gen/proto/go/querier/v1/querierv1connect"
	"github.com/grafana/pyroscope/api/gen/proto/go/settings/v1/settingsv1connect"
	"github.com/grafana/pyroscope/api/gen/proto/go/vcs/v1/vcsv1connect"
	"github.com/grafana/pyroscope/api/gen/proto/go/version/v1/versionv1connect"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// A protocol with its codec.
type protocol struct {
	name    string // the tenant too
	http2   bool   // over cleartext HTTP/2 from the first byte
	options []connect.ClientOption
}

var (
	sendGzip = connect.WithSendGzip()
	withJSON = connect.WithProtoJSON()
	grpc     = connect.WithGRPC()
	grpcWeb  = connect.WithGRPCWeb()
)

var protocols = []protocol{
	{"connect-proto", false, nil},
	{"connect-proto-gzip", false, []connect.ClientOption{sendGzip}},
	{"connect-json", false, []connect.ClientOption{withJSON}},
	{"connect-proto-h2c", true, nil},
	{"connect-json-h2c", true, []connect.ClientOption{withJSON}},
	{"grpc", true, []connect.ClientOption{grpc}},
	{"grpc-gzip", true, []connect.ClientOption{grpc, sendGzip}},
	{"grpc-json", true, []connect.ClientOption{grpc, withJSON}},
	{"grpc-web", false, []connect.ClientOption{grpcWeb}},
	{"grpc-web-json", false, []connect.ClientOption{grpcWeb, withJSON}},
	{"grpc-web-h2c", true, []connect.ClientOption{grpcWeb}},
}

// A method and how it is to end: 0, it answers and the answer is right, or the code of its error.
type method struct {
	name string // "package.Service/Method", and after a blank what is special about this call
	want connect.Code
	call func(*session) error // an error of the method, or one that says what is wrong with the answer
}

// A session is the calls in one protocol, for one tenant. Later methods use what earlier ones left.
type session struct {
	ctx        context.Context
	url        string
	http       *http.Client
	tenant     string
	procedure  string // of the last call
	start, end int64  // of queries, in milliseconds
	profiles   []stored

	push     pushv1connect.PusherServiceClient
	querier  querierv1connect.QuerierServiceClient
	settings settingsv1connect.SettingsServiceClient
	rules    settingsv1connect.RecordingRulesServiceClient
	adhoc    adhocprofilesv1connect.AdHocProfileServiceClient
	vcs      vcsv1connect.VCSServiceClient
	flags    capabilitiesv1connect.FeatureFlagsServiceClient
	version  versionv1connect.VersionClient
	debug    debuginfov1alpha1connect.DebuginfoServiceClient

	exemplarID, adhocID, ruleID string
	buildID                     string
}

func newSession(url string, p protocol) *session {
	transport := &http.Transport{Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!p.http2)
	transport.Protocols.SetUnencryptedHTTP2(p.http2)
	now := time.Now()
	s := &session{
		ctx: context.Background(), url: url, tenant: p.name, buildID: ownBuildID(),
		http:  &http.Client{Transport: transport, Timeout: 20 * time.Second},
		start: now.Add(-30 * time.Minute).UnixMilli(), end: now.UnixMilli(),
	}
	options := append([]connect.ClientOption{connect.WithInterceptors(connect.UnaryInterceptorFunc(s.intercept))}, p.options...)
	s.push = pushv1connect.NewPusherServiceClient(s.http, url, options...)
	s.querier = querierv1connect.NewQuerierServiceClient(s.http, url, options...)
	s.settings = settingsv1connect.NewSettingsServiceClient(s.http, url, options...)
	s.rules = settingsv1connect.NewRecordingRulesServiceClient(s.http, url, options...)
	s.adhoc = adhocprofilesv1connect.NewAdHocProfileServiceClient(s.http, url, options...)
	s.vcs = vcsv1connect.NewVCSServiceClient(s.http, url, options...)
	s.flags = capabilitiesv1connect.NewFeatureFlagsServiceClient(s.http, url, options...)
	s.version = versionv1connect.NewVersionClient(s.http, url, options...)
	s.debug = debuginfov1alpha1connect.NewDebuginfoServiceClient(s.http, url, options...)
	return s
}

// intercept sends the tenant and notes which method is called.
func (s *session) intercept(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, request connect.AnyRequest) (connect.AnyResponse, error) {
		request.Header().Set("X-Scope-OrgID", s.tenant)
		s.procedure = strings.TrimPrefix(request.Spec().Procedure, "/")
		return next(ctx, request)
	}
}

// forTwoTenants makes a call for another tenant too, which has nothing.
func forTwoTenants(call func(*session) error) func(*session) error {
	return func(s *session) error {
		tenant := s.tenant
		s.tenant += "|nobody"
		err := call(s)
		s.tenant = tenant
		return err
	}
}

// run says what is wrong with a method, or nothing.
func (s *session) run(m method) string {
	s.procedure = ""
	err := m.call(s)
	if name, _, _ := strings.Cut(m.name, " "); s.procedure != name {
		return "the table calls " + s.procedure
	}
	var failed *connect.Error
	switch {
	case err == nil && m.want == 0:
		return ""
	case err == nil:
		return fmt.Sprintf("answers as it should, but the table expects %v: change its line", m.want)
	case !errors.As(err, &failed):
		return "answers, but " + err.Error()
	case m.want == 0:
		return "fails: " + err.Error()
	case failed.Code() != m.want:
		return fmt.Sprintf("fails with %v instead of %v: %s", failed.Code(), m.want, failed.Message())
	case failed.Message() == "":
		return "fails without a message"
	case !connect.IsWireError(failed):
		return "fails without an error of the protocol: " + failed.Message()
	}
	return ""
}

// runAll runs every method in the protocol and returns how many were not as they should be.
func runAll(url string, p protocol) int {
	s := newSession(url, p)
	bad, answered := 0, 0
	for _, m := range methods {
		if wrong := s.run(m); wrong != "" {
			fmt.Printf("%s: %s %s\n", p.name, m.name, wrong)
			bad++
		} else if m.want == 0 {
			answered++
		}
	}
	fmt.Printf("%s: %d calls answered, %d failed as expected, %d wrong\n", p.name, answered, len(methods)-answered-bad, bad)
	return bad
}

// untested lists the methods of the API that no row of the table calls.
func untested() (names []string) {
	called := map[string]bool{}
	for _, m := range methods {
		name, _, _ := strings.Cut(m.name, " ")
		called[name] = true
	}
	offered := []string{"push.v1", "querier.v1", "settings.v1", "adhocprofiles.v1", "vcs.v1", "capabilities.v1",
		"version.v1", "debuginfo.v1alpha1"}
	for _, name := range offered {
		found := 0
		protoregistry.GlobalFiles.RangeFilesByPackage(protoreflect.FullName(name), func(file protoreflect.FileDescriptor) bool {
			for i := range file.Services().Len() {
				service := file.Services().Get(i)
				for j := range service.Methods().Len() {
					found++
					method := fmt.Sprintf("%s/%s", service.FullName(), service.Methods().Get(j).Name())
					if !called[method] {
						names = append(names, method)
					}
				}
			}
			return true
		})
		if found == 0 {
			names = append(names, name+" has no services")
		}
	}
	return names
}

func main() {
	if len(os.Args) > 2 {
		printAnnotations(os.Args[1], os.Args[2])
		return
	}
	bad := 0
	for _, name := range untested() {
		fmt.Printf("not in the table: %s\n", name)
		bad++
	}
	for _, p := range protocols {
		bad += runAll(os.Args[1], p)
	}
	if bad > 0 {
		os.Exit(1)
	}
}
