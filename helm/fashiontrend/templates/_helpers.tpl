{{/* Names, labels, images: nothing else. */}}
{{- define "fashiontrend.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 28 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 28 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Selectors: they never change, so they hold no version. (dict "root" $ "component" "exporter") */}}
{{- define "fashiontrend.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{- define "fashiontrend.labels" -}}
{{ include "fashiontrend.selector" . }}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/part-of: fashiontrend
app.kubernetes.io/version: {{ .root.Values.image.tag | default .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* Of pods: no version, or a new chart or image would restart Ray clusters, Redis and S3. */}}
{{- define "fashiontrend.podLabels" -}}
{{ include "fashiontrend.selector" . }}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/part-of: fashiontrend
{{- end -}}

{{/* (dict "image" .Values.image "tag" "default tag") */}}
{{- define "fashiontrend.imageOf" -}}
{{- $tag := .image.tag | default .tag -}}
{{- if .image.digest -}}
{{ .image.repository }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ $tag }}
{{- end -}}
{{- end -}}

{{- define "fashiontrend.image" -}}
{{- include "fashiontrend.imageOf" (dict "image" .Values.image "tag" .Chart.AppVersion) -}}
{{- end -}}

{{/* "true" where an API is served, or is to be rendered all the same: (dict "root" $ "api" "ray.io/v1") */}}
{{- define "fashiontrend.hasApi" -}}
{{- if or (.root.Capabilities.APIVersions.Has .api) (eq .root.Values.crds.onMissing "render") -}}
true
{{- end -}}
{{- end -}}

{{- define "fashiontrend.hasRay" -}}
{{- $has := include "fashiontrend.hasApi" (dict "root" . "api" "ray.io/v1") -}}
{{- if and (not $has) (eq .Values.crds.onMissing "fail") -}}
{{- fail "\n\nKubeRay's CRDs (ray.io/v1) are not in this cluster. Install the operator first (k8s/README.md), or set crds.onMissing to skip. Where charts are rendered without a cluster, set it to render." -}}
{{- end -}}
{{- $has -}}
{{- end -}}

{{- define "fashiontrend.hasMonitoring" -}}
{{- if .Values.monitoring.enabled -}}
{{- include "fashiontrend.hasApi" (dict "root" . "api" "monitoring.coreos.com/v1") -}}
{{- end -}}
{{- end -}}

{{- define "fashiontrend.bundledRedis" -}}
{{- if and .Values.serving.enabled .Values.serving.gcsFaultTolerance (not .Values.redis.external.address) (include "fashiontrend.hasRay" .) -}}
true
{{- end -}}
{{- end -}}

{{- define "fashiontrend.redisSecret" -}}
{{- .Values.redis.existingSecret | default (printf "%s-redis" (include "fashiontrend.fullname" .)) -}}
{{- end -}}

{{- define "fashiontrend.tokenSecret" -}}
{{- .Values.serving.tokenSecret | default (printf "%s-tokens" (include "fashiontrend.fullname" .)) -}}
{{- end -}}

{{- define "fashiontrend.s3Secret" -}}
{{- .Values.s3.existingSecret | default (printf "%s-s3" (include "fashiontrend.fullname" .)) -}}
{{- end -}}

{{/* The secret with the store's keys; empty where the pod's identity is used. */}}
{{- define "fashiontrend.storeSecret" -}}
{{- if .Values.store.existingSecret -}}
{{- .Values.store.existingSecret -}}
{{- else if .Values.s3.enabled -}}
{{- include "fashiontrend.s3Secret" . -}}
{{- end -}}
{{- end -}}

{{/* Mebibytes of a quantity, such as "2Gi". */}}
{{- define "fashiontrend.mebibytes" -}}
{{- $factors := dict "k" 0.000954 "Ki" 0.000977 "M" 0.954 "Mi" 1.0 "G" 953.7 "Gi" 1024.0 "T" 953674.0 "Ti" 1048576.0 -}}
{{- $unit := regexFind "[A-Za-z]*$" (toString .) -}}
{{- mulf (regexFind "^[0-9.]+" (toString .) | float64) (index $factors $unit | default 0.000000954) -}}
{{- end -}}

{{- define "fashiontrend.bucket" -}}
{{- (urlParse .Values.config.store.url).host -}}
{{- end -}}

{{/* A value of a secret that stays over upgrades: (dict "root" $ "name" secret "key" key "length" 32) */}}
{{- define "fashiontrend.keep" -}}
{{- $old := lookup "v1" "Secret" .root.Release.Namespace .name -}}
{{- if and $old (hasKey ($old.data | default dict) .key) -}}
{{- index $old.data .key | b64dec -}}
{{- else -}}
{{- randAlphaNum (int .length) -}}
{{- end -}}
{{- end -}}

{{/* The configuration tree as the pods see it. */}}
{{- define "fashiontrend.config" -}}
{{- $tree := deepCopy .Values.config -}}
{{- if .Values.s3.enabled -}}
{{- $tree = merge $tree (dict "store" (dict "endpoint" (printf "http://%s-s3:8333" (include "fashiontrend.fullname" .)))) -}}
{{- end -}}
{{- if .Values.serving.enabled -}}
{{- $serve := dict "host" "0.0.0.0" "port" .Values.serving.port "auth" "required" "tokens_file" "/etc/fashiontrend-tokens/tokens.yaml" -}}
{{- $tree = merge $tree (dict "serve" $serve) -}}
{{- end -}}
{{- $name := include "fashiontrend.fullname" . -}}
{{- $cluster := dict "namespace" .Release.Namespace "template" (printf "%s-rayjobs" $name) -}}
{{- $tree = merge $tree (dict "cluster" $cluster) -}}
{{- toYaml $tree -}}
{{- end -}}
