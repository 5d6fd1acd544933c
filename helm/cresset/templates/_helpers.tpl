{{/* The base of all names: unique for each release of a namespace, and part of names of Services. CronJobs
have names of 52 characters at most, "-analyzer" takes nine; of longer ones a hash tells what was cut off. */}}
{{- define "cresset.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $full := .Values.fullnameOverride -}}
{{- if not $full -}}
{{- $full = ternary $name (printf "%s-%s" .Release.Name $name) (eq .Release.Name $name) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]" $full) -}}
{{- fail (printf "fullnameOverride: has to be set, as names of Services begin with a letter and '%s' does not" $full) -}}
{{- end -}}
{{- if or (gt (len $full) 43) (contains "." $full) -}}
{{- $full = printf "%s-%s" ($full | replace "." "-" | trunc 34 | trimSuffix "-") (sha256sum $full | trunc 8) -}}
{{- end -}}
{{- $full -}}
{{- end -}}

{{- define "cresset.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride -}}
{{- end -}}

{{/* The base of names of objects that have no namespace: two releases of one name may lie in two. The name
of a namespace has no dot, so no two pairs make the same. */}}
{{- define "cresset.clusterName" -}}
{{- printf "%s.%s" (include "cresset.namespace" .) (include "cresset.fullname" .) -}}
{{- end -}}

{{/* In what follows the argument is (dict "root" $ "component" NAME). */}}

{{- define "cresset.name" -}}
{{- printf "%s-%s" (include "cresset.fullname" .root) .component -}}
{{- end -}}

{{- define "cresset.selector" -}}
app.kubernetes.io/name: {{ default .root.Chart.Name .root.Values.nameOverride }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* The labels of pods: a change of the chart's version alone restarts nothing. Of equal labels the selector's
win, then those of the component. */}}
{{- define "cresset.podLabels" -}}
{{- $selector := include "cresset.selector" . | fromYaml -}}
{{- toYaml (merge $selector (get .root.Values .component).podLabels .root.Values.commonLabels) -}}
{{- end -}}

{{/* The labels of an object; "labels" are further ones. */}}
{{- define "cresset.labels" -}}
{{- $own := include "cresset.selector" . | fromYaml -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") -}}
{{- $_ := set $own "app.kubernetes.io/version" .root.Chart.AppVersion -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "cresset" -}}
{{- toYaml (merge $own (default dict .labels) .root.Values.commonLabels) -}}
{{- end -}}

{{/* The annotations of an object: "annotations" are its own, which win. Nothing where there are none. */}}
{{- define "cresset.annotations" -}}
{{- with merge (dict) (default dict .annotations) .root.Values.commonAnnotations -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* The metadata of an object with a namespace; "name" and "namespace" replace those made from the release,
"suffix" is added to the name. */}}
{{- define "cresset.metadata" -}}
name: {{ default (include "cresset.name" .) .name }}{{ .suffix }}
namespace: {{ default (include "cresset.namespace" .root) .namespace }}
labels:
  {{- include "cresset.labels" . | nindent 2 }}
{{- with include "cresset.annotations" . }}
{{ . }}
{{- end }}
{{- end -}}

{{/* Annotations of the pods of a component, without which all would be profiled under the name of the release. */}}
{{- define "cresset.podAnnotations" -}}
{{- $service := dict "resource.opentelemetry.io/service.name" (include "cresset.name" .) -}}
{{- toYaml (merge (deepCopy (get .root.Values .component).podAnnotations) $service) -}}
{{- end -}}

{{- define "cresset.clusterMetadata" -}}
name: {{ include "cresset.clusterName" .root }}-{{ .component }}
labels:
  {{- include "cresset.labels" . | nindent 2 }}
{{- with include "cresset.annotations" . }}
{{ . }}
{{- end }}
{{- end -}}

{{- define "cresset.serviceAccountName" -}}
{{- $account := (get .root.Values .component).serviceAccount -}}
{{- if $account.create -}}
{{- default (include "cresset.name" .) $account.name -}}
{{- else -}}
{{- default "default" $account.name -}}
{{- end -}}
{{- end -}}

{{- define "cresset.serviceAccount" -}}
{{- $account := (get .root.Values .component).serviceAccount -}}
{{- if $account.create -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- $own := dict "name" (include "cresset.serviceAccountName" .) "labels" $account.labels "annotations" $account.annotations }}
  {{- include "cresset.metadata" (merge $own .) | nindent 2 }}
automountServiceAccountToken: false
{{- end -}}
{{- end -}}

{{/* The ClusterRole of a component is its account's. */}}
{{- define "cresset.clusterRoleBinding" -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  {{- include "cresset.clusterMetadata" . | nindent 2 }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: {{ include "cresset.clusterName" .root }}-{{ .component }}
subjects:
  - kind: ServiceAccount
    name: {{ include "cresset.serviceAccountName" . }}
    namespace: {{ include "cresset.namespace" .root }}
{{- end -}}

{{/* Not empty where the agent asks for the pods of its node. */}}
{{- define "cresset.agentReadsPods" -}}
{{- if ne (get .Values.agent.config "kubernetes") "off" }}true{{ end -}}
{{- end -}}

{{/* Not empty where it asks the kubelet instead: the URL, or auto. */}}
{{- define "cresset.agentKubelet" -}}
{{- if include "cresset.agentReadsPods" . }}{{ get .Values.agent.config "kubelet" }}{{ end -}}
{{- end -}}

{{/* Whether the agent scrapes pods: those that ask for it by annotations, and those of scrape jobs. */}}
{{- define "cresset.agentScrapes" -}}
{{- $agent := .Values.agent -}}
{{- if or $agent.scrapeConfigs (and (include "cresset.agentReadsPods" .) (ne (toString (get $agent.config "scrape-annotations")) "false")) }}true{{ end -}}
{{- end -}}

{{- define "cresset.image" -}}
{{- $image := .Values.image -}}
{{- $registry := default $image.registry .Values.global.imageRegistry -}}
{{- with $registry }}{{ . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest -}}
@sha256:{{ trimPrefix "sha256:" $image.digest }}
{{- else -}}
:{{ default .Chart.AppVersion $image.tag }}
{{- end -}}
{{- end -}}

{{/* A list or map of the component's values, "key", with the templates in it rendered. Nothing where it is empty. */}}
{{- define "cresset.value" -}}
{{- with get (get .root.Values .component) .key -}}
{{- tpl (toYaml .) $.root -}}
{{- end -}}
{{- end -}}

{{/* Fields of a manifest from values of the component that are not empty, likewise rendered: "fields" has for each
field the name of the value. */}}
{{- define "cresset.values" -}}
{{- $values := get .root.Values .component -}}
{{- $set := dict -}}
{{- range $field, $key := .fields -}}
{{- with get $values $key -}}{{- $_ := set $set $field . -}}{{- end -}}
{{- end -}}
{{- with $set -}}{{- tpl (toYaml .) $.root -}}{{- end -}}
{{- end -}}

{{- define "cresset.pullSecrets" -}}
{{- with concat .Values.global.imagePullSecrets .Values.image.pullSecrets -}}
imagePullSecrets:
  {{- range . }}
  - name: {{ if kindIs "string" . }}{{ . }}{{ else }}{{ .name }}{{ end }}
  {{- end }}
{{- end -}}
{{- end -}}

{{/* What a pod has in common with those of the other components; "token" is whether it calls the API. */}}
{{- define "cresset.pod" -}}
{{- $values := get .root.Values .component -}}
serviceAccountName: {{ include "cresset.serviceAccountName" . }}
automountServiceAccountToken: {{ default false .token }}
enableServiceLinks: false
{{- with include "cresset.pullSecrets" .root }}
{{ . }}
{{- end }}
{{- with include "cresset.priorityClassName" . }}
priorityClassName: {{ . }}
{{- end }}
terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds }}
{{- $fields := dict "securityContext" "podSecurityContext" }}
{{- range list "nodeSelector" "tolerations" "affinity" "runtimeClassName" "hostAliases" "dnsPolicy" "dnsConfig" "initContainers" }}
{{- $_ := set $fields . . }}
{{- end }}
{{- with include "cresset.values" (merge (dict "fields" $fields) .) }}
{{ . }}
{{- end }}
{{- end -}}

{{- define "cresset.priorityClassName" -}}
{{- $values := get .root.Values .component -}}
{{- if and (hasKey $values "priorityClass") (dig "priorityClass" "create" false $values) -}}
{{- include "cresset.clusterName" .root }}-{{ .component -}}
{{- else -}}
{{- default .root.Values.global.priorityClassName $values.priorityClassName -}}
{{- end -}}
{{- end -}}

{{- define "cresset.container" -}}
{{- $values := get .root.Values .component -}}
name: {{ .component }}
image: {{ include "cresset.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
{{- $fields := dict "resources" "resources" "securityContext" "securityContext" "envFrom" "extraEnvFrom" "lifecycle" "lifecycle" }}
{{- with include "cresset.values" (merge (dict "fields" $fields) .) }}
{{ . }}
{{- end }}
{{- end -}}

{{- define "cresset.serverUrl" -}}
{{- if .Values.remote.url -}}
{{- .Values.remote.url | trimSuffix "/" -}}
{{- else if .Values.server.enabled -}}
{{- $scheme := ternary "https" "http" (ne .Values.server.tls.existingSecret "") -}}
{{- printf "%s://%s.%s.svc:%d" $scheme (include "cresset.name" (dict "root" . "component" "server")) (include "cresset.namespace" .) (int .Values.server.service.port) -}}
{{- end -}}
{{- end -}}

{{/* The port of a URL, as a number. */}}
{{- define "cresset.urlPort" -}}
{{- $url := urlParse . -}}
{{- $host := $url.host | splitList "@" | last -}}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" -}}
{{- if $port -}}{{ $port }}{{- else -}}{{ ternary "443" "80" (eq $url.scheme "https") }}{{- end -}}
{{- end -}}

{{/* The metadata of a monitor, whose values are "monitor". In a namespace of others its name says whose it is. */}}
{{- define "cresset.monitorMetadata" -}}
{{- $own := pick .monitor "labels" "namespace" -}}
{{- if .monitor.namespace -}}
{{- $_ := set $own "name" (printf "%s-%s" (include "cresset.clusterName" .root) .component) -}}
{{- end -}}
{{- include "cresset.metadata" (merge $own .) -}}
{{- end -}}

{{/* What endpoints of a ServiceMonitor and a PodMonitor have in common. */}}
{{- define "cresset.scrape" -}}
path: /metrics
{{- with .interval }}
interval: {{ . }}
{{- end }}
{{- with .scrapeTimeout }}
scrapeTimeout: {{ . }}
{{- end }}
{{- with .relabelings }}
relabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* A persistent volume claim's spec from values of "persistence". */}}
{{- define "cresset.claim" -}}
accessModes: [{{ .accessMode }}]
{{- with .storageClassName }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .size }}
{{- end -}}
