package main

import "connectrpc.com/connect"

const (
	answers       = connect.Code(0)
	unimplemented = connect.CodeUnimplemented // not offered: clients fall back
	invalid       = connect.CodeInvalidArgument
)

// Every method and what is expected of it; a method that is not offered yet has unimplemented in
// its lines. Push comes first: the queries look for what it stored.
var methods = []method{
	{"push.v1.PusherService/Push", answers, callPush},
	{"push.v1.PusherService/Push without profiles", invalid, callPushNothing},
	{"push.v1.PusherService/Push of garbage", invalid, callPushGarbage},
	{"push.v1.PusherService/Push for two tenants", invalid, forTwoTenants(callPushAgain)},

	{"querier.v1.QuerierService/ProfileTypes", answers, callProfileTypes},
	{"querier.v1.QuerierService/ProfileTypes of the health check", answers, callHealthCheck},
	{"querier.v1.QuerierService/ProfileTypes of another tenant", answers, callOtherTenant},
	{"querier.v1.QuerierService/LabelNames", answers, callLabelNames},
	{"querier.v1.QuerierService/LabelValues", answers, callLabelValues},
	{"querier.v1.QuerierService/LabelValues without a name", invalid, callLabelValuesWithoutName},
	{"querier.v1.QuerierService/Series", answers, callSeries},
	{"querier.v1.QuerierService/Series with a bad matcher", invalid, callSeriesBadMatcher},
	{"querier.v1.QuerierService/SelectMergeStacktraces", answers, callStacktraces},
	{"querier.v1.QuerierService/SelectMergeStacktraces of few nodes", answers, callStacktracesFewNodes},
	{"querier.v1.QuerierService/SelectMergeStacktraces of a call site", answers, callStacktracesCallSite},
	{"querier.v1.QuerierService/SelectMergeStacktraces as tree", answers, callStacktracesTree},
	{"querier.v1.QuerierService/SelectMergeStacktraces as pprof", answers, callStacktracesPprof},
	{"querier.v1.QuerierService/SelectMergeStacktraces as dot", answers, callStacktracesDot},
	{"querier.v1.QuerierService/SelectMergeStacktraces of spans", answers, callStacktracesSpans},
	{"querier.v1.QuerierService/SelectMergeStacktraces of a trace", answers, callStacktracesTrace},
	{"querier.v1.QuerierService/SelectMergeStacktraces of a bad span", invalid, callStacktracesBadSpan},
	{"querier.v1.QuerierService/SelectMergeStacktraces without data", answers, callStacktracesNothing},
	{"querier.v1.QuerierService/SelectMergeStacktraces without a range", invalid, callStacktracesWithoutRange},
	{"querier.v1.QuerierService/SelectMergeStacktraces of too many nodes", invalid, callStacktracesManyNodes},
	{"querier.v1.QuerierService/SelectMergeStacktraces of a bad type", invalid, callStacktracesBadType},
	{"querier.v1.QuerierService/SelectMergeStacktraces of two tenants", answers, forTwoTenants(callStacktraces)},
	{"querier.v1.QuerierService/SelectMergeSpanProfile", answers, callSpanProfile},
	{"querier.v1.QuerierService/SelectMergeProfile", answers, callMergeProfile},
	{"querier.v1.QuerierService/SelectSeries", answers, callSelectSeries},
	{"querier.v1.QuerierService/SelectSeries with exemplars", answers, callSelectSeriesExemplars},
	{"querier.v1.QuerierService/SelectMergeStacktraces of an exemplar", answers, callStacktracesExemplar},
	{"querier.v1.QuerierService/SelectSeries without a step", invalid, callSelectSeriesWithoutStep},
	{"querier.v1.QuerierService/SelectHeatmap", answers, callHeatmap},
	{"querier.v1.QuerierService/SelectHeatmap of spans", answers, callHeatmapSpans},
	{"querier.v1.QuerierService/Diff", answers, callDiff},
	{"querier.v1.QuerierService/GetProfileStats", answers, callProfileStats},
	{"querier.v1.QuerierService/GetProfileStats of two tenants", invalid, forTwoTenants(callProfileStats)},
	{"querier.v1.QuerierService/AnalyzeQuery", answers, callAnalyzeQuery},

	{"settings.v1.SettingsService/Set", answers, callSettingsSet},
	{"settings.v1.SettingsService/Get", answers, callSettingsGet},
	{"settings.v1.SettingsService/Set of an older value", connect.CodeAlreadyExists, callSettingsSetOlder},
	{"settings.v1.SettingsService/Delete", answers, callSettingsDelete},

	{"settings.v1.RecordingRulesService/UpsertRecordingRule", answers, callRuleUpsert},
	{"settings.v1.RecordingRulesService/UpsertRecordingRule without a profile type", invalid, callRuleUpsertWithoutType},
	{"settings.v1.RecordingRulesService/GetRecordingRule", answers, callRuleGet},
	{"settings.v1.RecordingRulesService/ListRecordingRules", answers, callRuleList},
	{"settings.v1.RecordingRulesService/DeleteRecordingRule", answers, callRuleDelete},
	{"settings.v1.RecordingRulesService/GetRecordingRule that was deleted", connect.CodeNotFound, callRuleGet},

	{"adhocprofiles.v1.AdHocProfileService/Upload", answers, callAdhocUpload},
	{"adhocprofiles.v1.AdHocProfileService/List", answers, callAdhocList},
	{"adhocprofiles.v1.AdHocProfileService/Get", answers, callAdhocGet},
	{"adhocprofiles.v1.AdHocProfileService/Diff", answers, callAdhocDiff},

	// Without the credentials of a GitHub application.
	{"vcs.v1.VCSService/GithubApp", unimplemented, callGithubApp},
	{"vcs.v1.VCSService/GithubLogin", unimplemented, callGithubLogin},
	{"vcs.v1.VCSService/GithubRefresh", unimplemented, callGithubRefresh},
	{"vcs.v1.VCSService/GetFile", unimplemented, callGetFile},
	{"vcs.v1.VCSService/GetCommit", unimplemented, callGetCommit},
	{"vcs.v1.VCSService/GetCommits", unimplemented, callGetCommits},

	{"capabilities.v1.FeatureFlagsService/GetFeatureFlags", answers, callFeatureFlags},
	{"version.v1.Version/Version", answers, callVersion},

	{"debuginfo.v1alpha1.DebuginfoService/ShouldInitiateUpload", answers, callShouldUpload},
	{"debuginfo.v1alpha1.DebuginfoService/UploadFinished", answers, callUploadFinished},
	{"debuginfo.v1alpha1.DebuginfoService/ListDebuginfo", answers, callListDebuginfo},
	{"debuginfo.v1alpha1.DebuginfoService/DeleteDebuginfo", answers, callDeleteDebuginfo},
}
