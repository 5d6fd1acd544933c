{{/* What values.schema.json cannot say: keys that need or exclude one another. */}}
{{- define "cresset.validate" -}}
{{- $values := .Values -}}
{{- if not (or $values.agent.enabled $values.server.enabled $values.analyzer.enabled) -}}
{{- fail "agent.enabled, server.enabled, analyzer.enabled: one of them has to be true" -}}
{{- end -}}
{{- if and $values.agent.enabled (not $values.agent.endpoints) (not (include "cresset.serverUrl" .)) -}}
{{- fail "remote.url: has to be set where server.enabled is false, as the agent pushes to it; or agent.endpoints" -}}
{{- end -}}
{{- if and $values.agent.enabled $values.server.enabled (not $values.remote.url) (not $values.agent.endpoints) (not (get $values.agent.config "bearer-token-file")) $values.server.tokens.existingSecret -}}
{{- fail "server.tokens.existingSecret: the agent of this release sends no token; set agent.credentials.existingSecret and agent.config.bearer-token-file, or agent.enabled to false" -}}
{{- end -}}
{{- if and $values.agent.enabled $values.agent.config.kubelet (not (include "cresset.agentReadsPods" .)) -}}
{{- fail "agent.config.kubelet: asks for pods, but agent.config.kubernetes is off" -}}
{{- end -}}
{{- if and $values.agent.enabled $values.agent.rbac.nodesProxy (not $values.agent.config.kubelet) -}}
{{- fail "agent.rbac.nodesProxy: only the kubelet wants it, but agent.config.kubelet is not set" -}}
{{- end -}}
{{- if and $values.server.enabled $values.server.httpRoute.enabled (not $values.server.httpRoute.parentRefs) -}}
{{- fail "server.httpRoute.parentRefs: has to name a Gateway where server.httpRoute.enabled is true" -}}
{{- end -}}
{{- if $values.analyzer.enabled -}}
{{- include "cresset.validateAnalyzer" . -}}
{{- end -}}
{{- end -}}

{{- define "cresset.validateAnalyzer" -}}
{{- $values := .Values -}}
{{- $analyzer := $values.analyzer -}}
{{- $isTold := or $analyzer.webhook.existingSecret $analyzer.notify.existingSecret -}}
{{- if and $analyzer.webhook.existingSecret $analyzer.notify.existingSecret -}}
{{- fail "analyzer.webhook.existingSecret, analyzer.notify.existingSecret: only one of them can be set" -}}
{{- end -}}
{{- if and $isTold (eq $analyzer.state "none") -}}
{{- fail "analyzer.state: with none every run would tell everything again; choose volume or server, or take out analyzer.webhook and analyzer.notify" -}}
{{- end -}}
{{- if and (eq $analyzer.state "server") (not $analyzer.findings.enabled) -}}
{{- fail "analyzer.state: the server that is told of findings keeps it, but analyzer.findings.enabled is false" -}}
{{- end -}}
{{- if and (eq $analyzer.state "server") (not $values.cluster.name) -}}
{{- fail "cluster.name: has to be set where analyzer.state is server, which keeps the states of many clusters" -}}
{{- end -}}
{{- range $name := list "profiles" "findings" -}}
{{- $backend := get $analyzer $name -}}
{{- if and $backend.enabled (not $backend.url) (not (include "cresset.serverUrl" $)) -}}
{{- fail (printf "analyzer.%s.url: has to be set, or remote.url, where server.enabled is false; or analyzer.%s.enabled to false" $name $name) -}}
{{- end -}}
{{- end -}}
{{- range $name := list "prometheus" "loki" "profiles" "findings" "remoteWrite" -}}
{{- $backend := get $analyzer $name -}}
{{- $keys := or $backend.tokenKey $backend.passwordKey $backend.caKey -}}
{{- if and $keys (not $backend.existingSecret) -}}
{{- fail (printf "analyzer.%s.existingSecret: has to name the Secret that has the keys tokenKey, passwordKey or caKey" $name) -}}
{{- end -}}
{{- if and $backend.existingSecret (not $keys) -}}
{{- fail (printf "analyzer.%s.tokenKey: nothing of existingSecret is used; set tokenKey, passwordKey or caKey" $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}
