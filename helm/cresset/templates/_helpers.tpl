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

{{/* The base of names of objects that have no namespace: two releases of one name may lie in two. The name
of a namespace has no dot, so no two pairs make the same. */}}
{{- define "cresset.clusterName" -}}
{{- printf "%s.%s" .Release.Namespace (include "cresset.fullname" .) -}}
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

{{/* The metadata of an object with a namespace; "suffix" is added to its name. */}}
{{- define "cresset.metadata" -}}
name: {{ include "cresset.name" . }}{{ .suffix }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- include "cresset.labels" . | nindent 2 }}
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
  name: {{ include "cresset.serviceAccountName" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "cresset.labels" . | nindent 4 }}
  {{- with $account.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
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
    namespace: {{ .root.Release.Namespace }}
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

{{/* What a pod has in common with those of the other components; "token" is whether it calls the API. */}}
{{- define "cresset.pod" -}}
{{- $values := get .root.Values .component -}}
serviceAccountName: {{ include "cresset.serviceAccountName" . }}
automountServiceAccountToken: {{ default false .token }}
enableServiceLinks: false
{{- with concat .root.Values.global.imagePullSecrets .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with include "cresset.priorityClassName" . }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "cresset.priorityClassName" -}}
{{- $values := get .root.Values .component -}}
{{- if and (hasKey $values "priorityClass") (dig "priorityClass" "create" false $values) -}}
{{- include "cresset.clusterName" .root }}-{{ .component -}}
{{- else -}}
{{- $values.priorityClassName -}}
{{- end -}}
{{- end -}}

{{/* What the pods of server and analyzer need under Pod Security "restricted". */}}
{{- define "cresset.restrictedPod" -}}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile:
    type: RuntimeDefault
{{- end -}}

{{- define "cresset.restrictedContainer" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
{{- end -}}

{{- define "cresset.container" -}}
{{- $values := get .root.Values .component -}}
name: {{ .component }}
image: {{ include "cresset.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
{{- with $values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "cresset.serverUrl" -}}
{{- if .Values.remote.url -}}
{{- .Values.remote.url | trimSuffix "/" -}}
{{- else if .Values.server.enabled -}}
{{- $scheme := ternary "https" "http" (ne .Values.server.tls.existingSecret "") -}}
{{- printf "%s://%s.%s.svc:%d" $scheme (include "cresset.name" (dict "root" . "component" "server")) .Release.Namespace (int .Values.server.service.port) -}}
{{- end -}}
{{- end -}}

{{/* The port of a URL, as a number. */}}
{{- define "cresset.urlPort" -}}
{{- $url := urlParse . -}}
{{- $host := $url.host | splitList "@" | last -}}
{{- $port := regexFind ":[0-9]+$" $host | trimPrefix ":" -}}
{{- if $port -}}{{ $port }}{{- else -}}{{ ternary "443" "80" (eq $url.scheme "https") }}{{- end -}}
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
