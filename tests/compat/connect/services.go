package main

import (
	"bytes"
	"debug/elf"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"

	adhocv1 "github.com/grafana/pyroscope/api/gen/proto/go/adhocprofiles/v1"
	capabilitiesv1 "github.com/grafana/pyroscope/api/gen/proto/go/capabilities/v1"
	debuginfov1 "github.com/grafana/pyroscope/api/gen/proto/go/debuginfo/v1alpha1"
	settingsv1 "github.com/grafana/pyroscope/api/gen/proto/go/settings/v1"
	vcsv1 "github.com/grafana/pyroscope/api/gen/proto/go/vcs/v1"
	versionv1 "github.com/grafana/pyroscope/api/gen/proto/go/version/v1"
)

// Settings

const settingValue = `{"maxNodes":16384}`

func callSettingsSet(s *session) error {
	r, err := s.settings.Set(s.ctx, request(&settingsv1.SetSettingsRequest{
		Setting: &settingsv1.Setting{Name: "pluginSettings", Value: settingValue, ModifiedAt: s.end},
	}))
	if err != nil {
		return err
	}
	return errors.Join(differ("name", r.Msg.GetSetting().GetName(), "pluginSettings"),
		differ("value", r.Msg.GetSetting().GetValue(), settingValue))
}

func callSettingsSetOlder(s *session) error {
	_, err := s.settings.Set(s.ctx, request(&settingsv1.SetSettingsRequest{
		Setting: &settingsv1.Setting{Name: "pluginSettings", Value: "{}", ModifiedAt: s.end - 1000},
	}))
	return err
}

func callSettingsGet(s *session) error {
	r, err := s.settings.Get(s.ctx, request(&settingsv1.GetSettingsRequest{}))
	if err != nil {
		return err
	}
	for _, setting := range r.Msg.Settings {
		if setting.Name == "pluginSettings" {
			return errors.Join(differ("value", setting.Value, settingValue), differ("modifiedAt", setting.ModifiedAt, s.end))
		}
	}
	return fmt.Errorf("the setting is not there: %v", r.Msg.Settings)
}

func callSettingsDelete(s *session) error {
	_, err := s.settings.Delete(s.ctx, request(&settingsv1.DeleteSettingsRequest{Name: "pluginSettings"}))
	if err != nil {
		return err
	}
	r, err := s.settings.Get(s.ctx, request(&settingsv1.GetSettingsRequest{}))
	s.procedure = "settings.v1.SettingsService/Delete"
	if err != nil {
		return err
	}
	return differ("the number of settings left", len(r.Msg.Settings), 0)
}

// Recording rules

func callRuleUpsert(s *session) error {
	r, err := s.rules.UpsertRecordingRule(s.ctx, request(&settingsv1.UpsertRecordingRuleRequest{
		MetricName: "profiles_recorded_shop_cpu", Matchers: []string{`{__profile_type__="` + cpuType + `"}`, shop},
		GroupBy: []string{"region"},
	}))
	if err != nil {
		return err
	}
	s.ruleID = r.Msg.GetRule().GetId()
	if s.ruleID == "" {
		return errors.New("the rule has no id")
	}
	return differ("profile_type", r.Msg.Rule.ProfileType, cpuType)
}

func callRuleUpsertWithoutType(s *session) error {
	_, err := s.rules.UpsertRecordingRule(s.ctx, request(&settingsv1.UpsertRecordingRuleRequest{
		MetricName: "profiles_recorded_shop_cpu", Matchers: []string{shop},
	}))
	return err
}

func callRuleGet(s *session) error {
	r, err := s.rules.GetRecordingRule(s.ctx, request(&settingsv1.GetRecordingRuleRequest{Id: s.ruleID}))
	if err != nil {
		return err
	}
	return differ("metric_name", r.Msg.GetRule().GetMetricName(), "profiles_recorded_shop_cpu")
}

func callRuleList(s *session) error {
	r, err := s.rules.ListRecordingRules(s.ctx, request(&settingsv1.ListRecordingRulesRequest{}))
	if err != nil {
		return err
	}
	return differ("the number of rules", len(r.Msg.Rules), 1)
}

func callRuleDelete(s *session) error {
	_, err := s.rules.DeleteRecordingRule(s.ctx, request(&settingsv1.DeleteRecordingRuleRequest{Id: s.ruleID}))
	return err
}

// Ad-hoc profiles

// flamebearerIs checks a flame graph in the JSON of the legacy API; a node has so many numbers.
func flamebearerIs(text string, total int64, numbers int) error {
	var profile struct {
		Flamebearer struct {
			Names    []string
			Levels   [][]int64
			NumTicks int64
		}
	}
	if err := json.Unmarshal([]byte(text), &profile); err != nil {
		return err
	}
	graph := profile.Flamebearer
	if !slices.Contains(graph.Names, "query") || len(graph.Levels) == 0 || len(graph.Levels[0]) != numbers {
		return fmt.Errorf("not the flame graph: %s", text)
	}
	return differ("numTicks", graph.NumTicks, total)
}

func callAdhocUpload(s *session) error {
	r, err := s.adhoc.Upload(s.ctx, request(&adhocv1.AdHocProfilesUploadRequest{
		Name: "shop.pb.gz", Profile: base64.StdEncoding.EncodeToString(compress(pprof(s.profiles[0]))),
	}))
	if err != nil {
		return err
	}
	s.adhocID = r.Msg.Id
	return errors.Join(contain("profile_types", r.Msg.ProfileTypes, r.Msg.ProfileType), differ("name", r.Msg.Name, "shop.pb.gz"),
		flamebearerIs(r.Msg.FlamebearerProfile, 6e8, 4))
}

func callAdhocList(s *session) error {
	r, err := s.adhoc.List(s.ctx, request(&adhocv1.AdHocProfilesListRequest{}))
	if err != nil {
		return err
	}
	if len(r.Msg.Profiles) != 1 {
		return fmt.Errorf("there are %d profiles", len(r.Msg.Profiles))
	}
	return errors.Join(differ("id", r.Msg.Profiles[0].Id, s.adhocID), differ("name", r.Msg.Profiles[0].Name, "shop.pb.gz"))
}

func callAdhocGet(s *session) error {
	r, err := s.adhoc.Get(s.ctx, request(&adhocv1.AdHocProfilesGetRequest{Id: s.adhocID}))
	if err != nil {
		return err
	}
	return errors.Join(differ("id", r.Msg.Id, s.adhocID), flamebearerIs(r.Msg.FlamebearerProfile, 6e8, 4))
}

func callAdhocDiff(s *session) error {
	r, err := s.adhoc.Diff(s.ctx, request(&adhocv1.AdHocProfilesDiffRequest{LeftId: s.adhocID, RightId: s.adhocID}))
	if err != nil {
		return err
	}
	return flamebearerIs(r.Msg.FlamebearerProfile, 12e8, 7)
}

// Version control

func callGithubApp(s *session) error {
	_, err := s.vcs.GithubApp(s.ctx, request(&vcsv1.GithubAppRequest{}))
	return err
}

func callGithubLogin(s *session) error {
	_, err := s.vcs.GithubLogin(s.ctx, request(&vcsv1.GithubLoginRequest{AuthorizationCode: "code"}))
	return err
}

func callGithubRefresh(s *session) error {
	_, err := s.vcs.GithubRefresh(s.ctx, request(&vcsv1.GithubRefreshRequest{}))
	return err
}

func callGetFile(s *session) error {
	_, err := s.vcs.GetFile(s.ctx, request(&vcsv1.GetFileRequest{RepositoryURL: "example.org/shop", Ref: "HEAD", LocalPath: "main.go"}))
	return err
}

func callGetCommit(s *session) error {
	_, err := s.vcs.GetCommit(s.ctx, request(&vcsv1.GetCommitRequest{RepositoryURL: "example.org/shop", Ref: "HEAD"}))
	return err
}

func callGetCommits(s *session) error {
	_, err := s.vcs.GetCommits(s.ctx, request(&vcsv1.GetCommitsRequest{RepositoryUrl: "example.org/shop", Refs: []string{"HEAD"}}))
	return err
}

// Capabilities and version

func callFeatureFlags(s *session) error {
	r, err := s.flags.GetFeatureFlags(s.ctx, request(&capabilitiesv1.GetFeatureFlagsRequest{}))
	if err != nil {
		return err
	}
	enabled := map[string]bool{}
	for _, flag := range r.Msg.FeatureFlags {
		enabled[flag.Name] = flag.Enabled
	}
	return differ("v2StorageLayer", enabled["v2StorageLayer"], true)
}

func callVersion(s *session) error {
	r, err := s.version.Version(s.ctx, request(&versionv1.VersionRequest{}))
	if err != nil {
		return err
	}
	return differ("QuerierAPI", r.Msg.QuerierAPI, 1)
}

// Debug information: the file is this program

// ownBuildID is the GNU build id that Go's linker gave this program.
func ownBuildID() string {
	program, err := elf.Open(os.Args[0])
	if err != nil {
		panic(err)
	}
	defer program.Close()
	note, err := program.Section(".note.gnu.build-id").Data()
	if err != nil {
		panic(err)
	}
	return hex.EncodeToString(note[16:]) // behind the note's header and the name "GNU"
}

func callShouldUpload(s *session) error {
	r, err := s.debug.ShouldInitiateUpload(s.ctx, request(&debuginfov1.ShouldInitiateUploadRequest{
		File: &debuginfov1.FileMetadata{GnuBuildId: s.buildID, Name: "connect", Type: debuginfov1.FileMetadata_TYPE_EXECUTABLE_FULL},
	}))
	if err != nil {
		return err
	}
	return differ("should_initiate_upload ("+r.Msg.Reason+")", r.Msg.ShouldInitiateUpload, true)
}

func (s *session) upload() error {
	data, err := os.ReadFile(os.Args[0])
	if err != nil {
		return err
	}
	url := s.url + "/debuginfo.v1alpha1.DebuginfoService/Upload/" + s.buildID
	post, err := http.NewRequestWithContext(s.ctx, "POST", url, bytes.NewReader(data))
	if err != nil {
		return err
	}
	post.Header.Set("X-Scope-OrgID", s.tenant)
	reply, err := s.http.Do(post)
	if err != nil {
		return err
	}
	reply.Body.Close()
	return differ("the status of the upload", reply.StatusCode, 200)
}

func callUploadFinished(s *session) error {
	uploaded := s.upload()
	if _, err := s.debug.UploadFinished(s.ctx, request(&debuginfov1.UploadFinishedRequest{GnuBuildId: s.buildID})); err != nil {
		return err
	}
	return uploaded
}

func callListDebuginfo(s *session) error {
	r, err := s.debug.ListDebuginfo(s.ctx, request(&debuginfov1.ListDebuginfoRequest{}))
	if err != nil {
		return err
	}
	if len(r.Msg.Object) != 1 {
		return fmt.Errorf("there are %d files", len(r.Msg.Object))
	}
	return errors.Join(differ("gnu_build_id", r.Msg.Object[0].GetFile().GetGnuBuildId(), s.buildID),
		differ("state", r.Msg.Object[0].State, debuginfov1.ObjectMetadata_STATE_UPLOADED))
}

func callDeleteDebuginfo(s *session) error {
	_, err := s.debug.DeleteDebuginfo(s.ctx, request(&debuginfov1.DeleteDebuginfoRequest{GnuBuildId: s.buildID}))
	return err
}
