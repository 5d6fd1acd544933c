{{/* The configuration files of the programs: the options of values, and over them what the chart sets. */}}

{{- define "cresset.agentConfig" -}}
{{- $config := deepCopy .Values.agent.config -}}
{{- $labels := list -}}
{{- with .Values.cluster.name }}{{ $labels = append $labels (printf "cluster=%s" .) }}{{ end -}}
{{- range $name, $value := .Values.agent.labels }}{{ $labels = append $labels (printf "%s=%s" $name $value) }}{{ end -}}
{{- $_ := set $config "server" (include "cresset.serverUrl" .) -}}
{{- $_ := set $config "listen" (printf "%s:%d" .Values.listenAddress (int .Values.agent.port)) -}}
{{- with .Values.cluster.tenant }}{{ $_ := set $config "tenant" . }}{{ end -}}
{{- with $labels }}{{ $_ := set $config "label" . }}{{ end -}}
{{- if .Values.agent.endpoints }}{{ $_ := set $config "endpoints-file" "/etc/cresset/config/endpoints.yaml" }}{{ end -}}
{{- if .Values.agent.spool.enabled }}{{ $_ := set $config "spool-dir" "/var/lib/cresset/spool" }}{{ end -}}
{{- if .Values.agent.relabelRules }}{{ $_ := set $config "relabel-file" "/etc/cresset/config/relabel.yaml" }}{{ end -}}
{{- if .Values.agent.scrapeConfigs }}{{ $_ := set $config "scrape-file" "/etc/cresset/config/scrape.yaml" }}{{ end -}}
{{- toYaml $config -}}
{{- end -}}

{{- define "cresset.agentEndpoints" -}}
{{- with .Values.agent.endpoints }}{{ toYaml (dict "endpoints" .) }}{{ end -}}
{{- end -}}

{{- define "cresset.serverConfig" -}}
{{- $server := .Values.server -}}
{{- $config := deepCopy $server.config -}}
{{- $_ := set $config "listen" (printf "%s:4040" .Values.listenAddress) -}}
{{- $_ := set $config "data-dir" "/var/lib/cresset" -}}
{{- if $server.tls.existingSecret -}}
{{- $_ := set $config "tls-cert" "/etc/cresset/tls/tls.crt" -}}
{{- $_ := set $config "tls-key" "/etc/cresset/tls/tls.key" -}}
{{- end -}}
{{- if $server.tokens.existingSecret -}}
{{- $_ := set $config "tokens-file" (printf "/etc/cresset/tokens/%s" $server.tokens.key) -}}
{{- end -}}
{{- if $server.overrides -}}
{{- $_ := set $config "overrides-file" "/etc/cresset/overrides/overrides.yaml" -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* What the analyzer asks or tells: name, values, and the URL, which is empty for none; as JSON. */}}
{{- define "cresset.backends" -}}
{{- $backends := list -}}
{{- range $name := list "prometheus" "loki" "profiles" "findings" "remoteWrite" -}}
{{- $values := get $.Values.analyzer $name -}}
{{- $url := $values.url -}}
{{- if hasKey $values "enabled" -}}
{{- $url = ternary (default (include "cresset.serverUrl" $) $url) "" $values.enabled -}}
{{- end -}}
{{- if $url }}{{ $backends = append $backends (dict "name" (kebabcase $name) "url" $url "values" $values) }}{{ end -}}
{{- end -}}
{{- toJson $backends -}}
{{- end -}}

{{- define "cresset.analyzerConfig" -}}
{{- $analyzer := .Values.analyzer -}}
{{- $config := deepCopy $analyzer.config -}}
{{- $_ := set $config "state" "/var/lib/cresset/analyzer.sqlite" -}}
{{- if eq $analyzer.state "server" -}}
{{- $_ := set $config "state" (default (include "cresset.serverUrl" .) $analyzer.findings.url) -}}
{{- end -}}
{{- with .Values.cluster.name }}{{ $_ := set $config "cluster" . }}{{ end -}}
{{- with .Values.cluster.tenant }}{{ $_ := set $config "tenant" . }}{{ end -}}
{{- if $analyzer.secrets }}{{ $_ := set $config "secrets" true }}{{ end -}}
{{- if $analyzer.tlsSecrets }}{{ $_ := set $config "tls-secrets" true }}{{ end -}}
{{- with $analyzer.managedGroups }}{{ $_ := set $config "managed-groups" (join "," .) }}{{ end -}}
{{- range include "cresset.backends" . | fromJsonArray -}}
{{- $name := .name -}}
{{- $_ := set $config (printf "%s-url" $name) .url -}}
{{- with .values.tenant }}{{ $_ := set $config (printf "%s-tenant" $name) . }}{{ end -}}
{{- with .values.user }}{{ $_ := set $config (printf "%s-user" $name) . }}{{ end -}}
{{- with .values.tokenKey }}{{ $_ := set $config (printf "%s-token-file" $name) (printf "/etc/cresset/%s/%s" $name .) }}{{ end -}}
{{- with .values.passwordKey }}{{ $_ := set $config (printf "%s-password-file" $name) (printf "/etc/cresset/%s/%s" $name .) }}{{ end -}}
{{- with .values.caKey }}{{ $_ := set $config (printf "%s-ca-file" $name) (printf "/etc/cresset/%s/%s" $name .) }}{{ end -}}
{{- end -}}
{{- if $analyzer.failureEvent }}{{ $_ := set $config "failure-event" (printf "%s/%s" (include "cresset.namespace" .) (include "cresset.name" (dict "root" . "component" "analyzer"))) }}{{ end -}}
{{- with $analyzer.webhook }}{{ if .existingSecret }}{{ $_ := set $config "webhook-url-file" (printf "/etc/cresset/webhook/%s" .key) }}{{ end }}{{ end -}}
{{- with $analyzer.notify }}{{ if .existingSecret }}{{ $_ := set $config "notify-file" (printf "/etc/cresset/notify/%s" .key) }}{{ end }}{{ end -}}
{{- if $analyzer.silences }}{{ $_ := set $config "silences" "/etc/cresset/config/silences.yaml" }}{{ end -}}
{{- with $analyzer.llm }}{{ if .url -}}
{{- $_ := set $config "llm-url" .url -}}
{{- $_ := set $config "llm-store" "/var/lib/cresset/llm.sqlite" -}}
{{- if .existingSecret }}{{ $_ := set $config "llm-key-file" (printf "/etc/cresset/llm/%s" .key) }}{{ end -}}
{{- end }}{{ end -}}
{{- toYaml $config -}}
{{- end -}}
