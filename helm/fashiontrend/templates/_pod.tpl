{{/* What every pod of ours has in common. */}}
{{- define "fashiontrend.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .Values.pod.runAsUser }}
runAsGroup: {{ .Values.pod.runAsUser }}
fsGroup: {{ .Values.pod.runAsUser }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "fashiontrend.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* The shared block, with the GPU workers' laid over it: (dict "root" $ "gpu" true "priority" "name") */}}
{{- define "fashiontrend.podBlock" -}}
{{- $base := .root.Values.pod -}}
{{- $over := ternary .root.Values.gpuPod dict (default false .gpu) -}}
{{- $block := dict -}}
{{- range list "env" "envFrom" "volumes" "volumeMounts" "tolerations" "topologySpreadConstraints" -}}
{{- $_ := set $block . (default list (concat (index $base .) (default list (get $over .)))) -}}
{{- end -}}
{{- range list "labels" "annotations" "nodeSelector" "affinity" -}}
{{- $_ := set $block . (mergeOverwrite (deepCopy (index $base .)) (deepCopy (default dict (get $over .)))) -}}
{{- end -}}
{{- $priority := .priority | default $base.priorityClassName -}}
{{- $_ := set $block "priorityClassName" ((get $over "priorityClassName") | default $priority) -}}
{{- toYaml $block -}}
{{- end -}}

{{/* (dict "root" $ "block" block "component" "exporter" "reaches" (list "store")) */}}
{{- define "fashiontrend.podMeta" -}}
labels:
  {{- include "fashiontrend.podLabels" . | nindent 2 }}
  {{- range .reaches }}
  fashiontrend.io/reaches-{{ . }}: "true"
  {{- end }}
  {{- with .block.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  checksum/config: {{ include "fashiontrend.configData" .root | sha256sum | trunc 32 }}
  {{- with .annotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with .block.annotations }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* Where a pod may run, and as whom: (dict "root" $ "block" block "component" "exporter") */}}
{{- define "fashiontrend.podPlace" -}}
securityContext:
  {{- include "fashiontrend.podSecurity" .root | nindent 2 }}
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- with index $.block $key }}
{{ $key }}: {{- if kindIs "string" . }} {{ . }}{{ else }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end }}
{{- end }}
{{- with .block.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- /* Without a selector a constraint counts no pod: pods of the same part are meant. */}}
  {{- $own := dict "labelSelector" (dict "matchLabels" (include "fashiontrend.selector" $ | fromYaml)) }}
  {{- range . }}
  - {{- merge (deepCopy .) $own | toYaml | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "fashiontrend.env" -}}
- name: HOME
  value: /home/app
- name: FASHIONTREND_CONFIG
  value: /etc/fashiontrend/config.yaml
{{- /* The development S3's own secret is not there yet when a hook of the install runs. */}}
{{- with and (not .keyless) (include "fashiontrend.storeSecret" .root) }}
- name: AWS_ACCESS_KEY_ID
  valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $.root.Values.store.accessKeyIdKey }}}}
- name: AWS_SECRET_ACCESS_KEY
  valueFrom: {secretKeyRef: {name: {{ . }}, key: {{ $.root.Values.store.secretAccessKeyKey }}}}
{{- /* Keys are given: no SDK shall wait for a metadata address that the network refuses. */}}
- {name: AWS_EC2_METADATA_DISABLED, value: "true"}
{{- end }}
{{- with .block.env }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "fashiontrend.mounts" -}}
- {name: config, mountPath: /etc/fashiontrend, readOnly: true}
- {name: tmp, mountPath: /tmp}
- {name: home, mountPath: /home/app}
{{- with .block.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "fashiontrend.volumes" -}}
- {name: config, configMap: {name: {{ .configMap | default (printf "%s-config" (include "fashiontrend.fullname" .root)) }}{{ if .keyless }}, optional: true{{ end }}}}
- {name: tmp, emptyDir: {}}
- {name: home, emptyDir: {}}
{{- with .block.volumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Body of a container of our image but for its command: (dict "root" $ "block" block "resources" map) */}}
{{- define "fashiontrend.container" -}}
image: {{ include "fashiontrend.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- include "fashiontrend.containerSecurity" .root | nindent 2 }}
terminationMessagePolicy: FallbackToLogsOnError
env:
  {{- include "fashiontrend.env" . | nindent 2 }}
{{- with .block.envFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml .resources | nindent 2 }}
{{- end -}}

{{- define "fashiontrend.configData" -}}
config.yaml: |
  {{- include "fashiontrend.config" . | nindent 2 }}
{{- range $name, $text := .Values.files }}
{{ $name }}: |
  {{- $text | nindent 2 }}
{{- end }}
{{- end -}}
