{{/* "true" for a cluster with an autoscaler: Kueue refuses one that is not elastic. (dict "root" $ "cluster" .Values.batch) */}}
{{- define "fashiontrend.autoscales" -}}
{{- $queue := .cluster.queue -}}
{{- if and .root.Values.ray.autoscaler.enabled (or (not $queue.name) (get $queue "elastic")) -}}
true
{{- end -}}
{{- end -}}

{{/* Labels and annotations by which Kueue takes over a RayJob or a RayService: .Values.batch.queue */}}
{{- define "fashiontrend.queueLabels" -}}
{{- with .name }}
kueue.x-k8s.io/queue-name: {{ . | quote }}
{{- end }}
{{- with .priorityClass }}
kueue.x-k8s.io/priority-class: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "fashiontrend.queueAnnotations" -}}
{{- if and .name (get . "elastic") }}
annotations:
  kueue.x-k8s.io/elastic-job: "true"
{{- end }}
{{- end -}}

{{/* One Ray cluster, for jobs and for serving: (dict "root" $ "role" "batch" "cluster" .Values.batch) */}}
{{- define "fashiontrend.rayCluster" -}}
{{- $values := .root.Values -}}
{{- $groups := list (dict "name" "cpu" "group" .cluster.cpuWorkers "gpu" false) -}}
{{- if .cluster.gpuWorkers.enabled -}}
{{- $groups = append $groups (dict "name" "gpu" "group" .cluster.gpuWorkers "gpu" true) -}}
{{- end -}}
rayVersion: {{ $values.ray.version | quote }}
authOptions:
  mode: token
  {{- with $values.ray.tokenSecret }}
  secretName: {{ . }}
  {{- end }}
{{- if include "fashiontrend.autoscales" . }}
enableInTreeAutoscaling: true
autoscalerOptions:
  version: v2
  idleTimeoutSeconds: {{ $values.ray.autoscaler.idleTimeoutSeconds }}
  imagePullPolicy: {{ $values.image.pullPolicy }}
  securityContext:
    {{- include "fashiontrend.containerSecurity" .root | nindent 4 }}
  env:
    - {name: HOME, value: /home/app}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    - {name: ray-logs, mountPath: /tmp/ray}
    - {name: home, mountPath: /home/app}
  resources:
    {{- toYaml $values.ray.autoscaler.resources | nindent 4 }}
{{- end }}
headGroupSpec:
  rayStartParams:
    num-cpus: "0"
    dashboard-host: 0.0.0.0
  template:
    {{- include "fashiontrend.rayHead" . | nindent 4 }}
workerGroupSpecs:
  {{- range $groups }}
  - groupName: {{ .name }}
    replicas: {{ .group.minReplicas }}
    minReplicas: {{ .group.minReplicas }}
    maxReplicas: {{ .group.maxReplicas }}
    {{- /* The operator writes it when it adds its finalizer; were it not ours too, `helm upgrade` would
    find the whole list owned by another. */}}
    scaleStrategy: {}
    rayStartParams: {}
    template:
      {{- include "fashiontrend.rayWorker" (dict "root" $.root "role" $.role "cluster" $.cluster "group" .group "gpu" .gpu) | nindent 6 }}
  {{- end }}
{{- end -}}

{{- define "fashiontrend.rayHead" -}}
{{- $block := include "fashiontrend.podBlock" (dict "root" .root "priority" .cluster.priorityClassName) | fromYaml -}}
{{- $scope := dict "root" .root "block" $block "role" .role "component" (printf "%s-head" .role) "resources" .cluster.head.resources -}}
{{- $reaches := list "store" -}}
{{- if include "fashiontrend.autoscales" . -}}{{- $reaches = append $reaches "api-server" -}}{{- end -}}
{{- $reaches = append $reaches (ternary "shops" "redis" (eq .role "batch")) -}}
metadata:
  {{- $meta := dict "reaches" $reaches "annotations" (include "fashiontrend.rayAnnotations" . | fromYaml) -}}
  {{- include "fashiontrend.podMeta" (merge $meta $scope) | nindent 2 }}
spec:
  serviceAccountName: {{ include "fashiontrend.fullname" .root }}-{{ .role }}
  automountServiceAccountToken: {{ include "fashiontrend.autoscales" . | eq "true" }}
  terminationGracePeriodSeconds: {{ .root.Values.ray.terminationGracePeriodSeconds }}
  {{- include "fashiontrend.podPlace" $scope | nindent 2 }}
  containers:
    - name: ray-head
      {{- include "fashiontrend.rayContainer" $scope | nindent 6 }}
      ports:
        - {name: gcs-server, containerPort: 6379}
        - {name: dashboard, containerPort: 8265}
        - {name: client, containerPort: 10001}
        - {name: serve, containerPort: {{ .root.Values.serving.port }}}
        - {name: metrics, containerPort: 8080}
        - {name: as-metrics, containerPort: 44217}
        - {name: dash-metrics, containerPort: 44227}
      {{- include "fashiontrend.rayStop" . | nindent 6 }}
  volumes:
    {{- include "fashiontrend.rayVolumes" $scope | nindent 4 }}
{{- end -}}

{{- define "fashiontrend.rayWorker" -}}
{{- $block := include "fashiontrend.podBlock" (dict "root" .root "gpu" .gpu "priority" .cluster.priorityClassName) | fromYaml -}}
{{- $resources := deepCopy .group.resources -}}
{{- if .gpu -}}
{{- $_ := set $resources "limits" (merge (dict .group.resourceName (.group.gpus | toString)) (default dict $resources.limits)) -}}
{{- end -}}
{{- $scope := dict "root" .root "block" $block "role" .role "component" (printf "%s-worker" .role) "resources" $resources -}}
metadata:
  {{- $meta := dict "reaches" (list "store") "annotations" (include "fashiontrend.rayAnnotations" . | fromYaml) -}}
  {{- include "fashiontrend.podMeta" (merge $meta $scope) | nindent 2 }}
spec:
  serviceAccountName: {{ include "fashiontrend.fullname" .root }}-{{ .role }}
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: {{ .root.Values.ray.terminationGracePeriodSeconds }}
  {{- include "fashiontrend.podPlace" $scope | nindent 2 }}
  containers:
    - name: ray-worker
      {{- include "fashiontrend.rayContainer" $scope | nindent 6 }}
      ports:
        - {name: metrics, containerPort: 8080}
        {{- if eq .role "serving" }}
        - {name: serve, containerPort: {{ .root.Values.serving.port }}}
        {{- end }}
      {{- if eq .role "serving" }}
      {{- /* In place of KubeRay's, which starts two programs every five seconds and gives them two seconds: on a busy node a
      worker that served was not ready. ray_jobs/standby.py counts on these times. */}}
      readinessProbe:
        httpGet: {path: /-/healthz, port: serve}
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: 3
      {{- end }}
      {{- include "fashiontrend.rayStop" . | nindent 6 }}
  volumes:
    {{- include "fashiontrend.rayVolumes" $scope | nindent 4 }}
{{- end -}}

{{/* The shell that KubeRay starts Ray with passes no signal on: without this a head that is deleted stays for its
whole grace period, and its successor comes only after that. */}}
{{- define "fashiontrend.rayStop" -}}
lifecycle:
  preStop:
    exec:
      command: [/bin/sh, -c, ray stop]
{{- end -}}

{{/* A job's pods are not moved to save a node; a server's may be, within its budget. */}}
{{- define "fashiontrend.rayAnnotations" -}}
{{- if eq .role "batch" -}}
cluster-autoscaler.kubernetes.io/safe-to-evict: "false"
{{- end -}}
{{- end -}}

{{- define "fashiontrend.rayContainer" -}}
{{- $extra := list (dict "name" "RAY_USAGE_STATS_ENABLED" "value" "0") (dict "name" "RAY_ENABLE_UV_RUN_RUNTIME_ENV" "value" "0") -}}
{{- /* As fashiontrend/serve/environment.py does for a laptop; it says why. */ -}}
{{- if eq .role "serving" -}}
{{- $extra = append $extra (dict "name" "RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD" "value" "0") -}}
{{- end -}}
{{- if and (eq .role "serving") (eq (dig "serve" "proxy" "serve" .root.Values.config) "haproxy") -}}
{{- $ms := dig "serve" "body_timeout_s" 10.0 .root.Values.config | mulf 1000 | int -}}
{{- $extra = concat $extra (list
  (dict "name" "RAY_SERVE_ENABLE_HA_PROXY" "value" "1")
  (dict "name" "RAY_SERVE_HAPROXY_TIMEOUT_CLIENT_S" "value" "30")
  (dict "name" "RAY_SERVE_HAPROXY_RETRY_ON" "value" (printf "conn-failure\n    option http-buffer-request\n    timeout http-request %dms" $ms))) -}}
{{- end -}}
{{- $block := mergeOverwrite (deepCopy .block) (dict "env" (concat $extra .block.env)) -}}
{{ include "fashiontrend.container" (dict "root" .root "block" $block "resources" .resources) }}
volumeMounts:
  {{- include "fashiontrend.mounts" . | nindent 2 }}
  - {name: ray-logs, mountPath: /tmp/ray}
  {{- if eq .role "serving" }}
  - {name: tokens, mountPath: /etc/fashiontrend-tokens, readOnly: true}
  {{- end }}
{{- end -}}

{{- define "fashiontrend.rayVolumes" -}}
{{ include "fashiontrend.volumes" . }}
- {name: ray-logs, emptyDir: {}}
{{- if eq .role "serving" }}
- name: tokens
  secret:
    secretName: {{ include "fashiontrend.tokenSecret" .root }}
    items: [{key: tokens.yaml, path: tokens.yaml}]
{{- end }}
{{- end -}}

{{/* (dict "root" $ "entrypoint" "fashiontrend run" "env" map) */}}
{{- define "fashiontrend.rayJobSpec" -}}
{{- $batch := .root.Values.batch -}}
entrypoint: {{ .entrypoint | quote }}
{{- with .env }}
runtimeEnvYAML: |
  env_vars:
    {{- toYaml . | nindent 4 }}
{{- end }}
submissionMode: {{ $batch.submissionMode }}
{{- if eq $batch.submissionMode "K8sJobMode" }}
submitterConfig:
  backoffLimit: 0
submitterPodTemplate:
  {{- include "fashiontrend.submitter" .root | nindent 2 }}
{{- end }}
{{- /* Whoever submits a stage waits for its end, and submits it again. */}}
backoffLimit: {{ ternary 0 $batch.backoffLimit (eq (default "" .schedule) "{stage}") }}
activeDeadlineSeconds: {{ $batch.activeDeadlineSeconds }}
preRunningDeadlineSeconds: {{ $batch.preRunningDeadlineSeconds }}
{{- if $batch.queue.name }}
{{- /* Kueue demands this field, and KubeRay takes no deletion rules beside it: one time for every end. The schedule's pod
deletes the RayJob itself. */}}
shutdownAfterJobFinishes: true
ttlSecondsAfterFinished: {{ $batch.keepClusterSeconds.failed }}
{{- else }}
deletionStrategy:
  deletionRules:
    - {policy: DeleteCluster, condition: {jobStatus: SUCCEEDED, ttlSeconds: {{ $batch.keepClusterSeconds.succeeded }}}}
    - {policy: DeleteCluster, condition: {jobStatus: FAILED, ttlSeconds: {{ $batch.keepClusterSeconds.failed }}}}
    - {policy: DeleteSelf, condition: {jobStatus: SUCCEEDED, ttlSeconds: {{ $batch.keepJobSeconds }}}}
    - {policy: DeleteSelf, condition: {jobStatus: FAILED, ttlSeconds: {{ $batch.keepJobSeconds }}}}
{{- end }}
rayClusterSpec:
  {{- include "fashiontrend.rayCluster" (dict "root" .root "role" "batch" "cluster" $batch) | nindent 2 }}
{{- end -}}

{{/* KubeRay's own submitter has no security context: under Pod Security "restricted" it would wait for ever. */}}
{{- define "fashiontrend.submitter" -}}
{{- $block := include "fashiontrend.podBlock" (dict "root" . "priority" .Values.batch.priorityClassName) | fromYaml -}}
{{- $scope := dict "root" . "block" $block "component" "submitter" "resources" .Values.batch.submitter.resources -}}
metadata:
  {{- include "fashiontrend.podMeta" (merge (dict "reaches" list) $scope) | nindent 2 }}
spec:
  restartPolicy: Never
  serviceAccountName: {{ include "fashiontrend.fullname" . }}-plain
  automountServiceAccountToken: false
  {{- include "fashiontrend.podPlace" $scope | nindent 2 }}
  containers:
    - name: ray-job-submitter
      {{- include "fashiontrend.container" $scope | nindent 6 }}
      volumeMounts:
        {{- include "fashiontrend.mounts" $scope | nindent 8 }}
  volumes:
    {{- include "fashiontrend.volumes" $scope | nindent 4 }}
{{- end -}}

{{/* The RayJob that a schedule or a person fills in: (dict "root" $ "entrypoint" text "env" map "schedule" name) */}}
{{- define "fashiontrend.rayJobTemplate" -}}
{{- $room := ternary 19 28 (eq .schedule "{stage}") -}}
apiVersion: ray.io/v1
kind: RayJob
metadata:
  name: {{ include "fashiontrend.fullname" .root | trunc $room | trimSuffix "-" }}-{{ .schedule }}-{day}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "fashiontrend.labels" (dict "root" .root "component" "loop") | nindent 4 }}
    fashiontrend.io/schedule: {{ .schedule }}
    {{- with include "fashiontrend.queueLabels" .root.Values.batch.queue | trim }}{{ . | nindent 4 }}{{ end }}
  {{- with include "fashiontrend.queueAnnotations" .root.Values.batch.queue | trim }}{{ . | nindent 2 }}{{ end }}
spec:
  {{- if .root.Values.batch.queue.name }}
  suspend: true
  {{- end }}
  {{- include "fashiontrend.rayJobSpec" . | nindent 2 }}
{{- end -}}
