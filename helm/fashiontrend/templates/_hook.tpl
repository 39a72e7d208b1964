{{/* A Job that Helm runs: (dict "root" $ "hook" "pre-install" "component" "preflight" "command" list "deadline" 50 "account" "plain" "token" false "reaches" list "configMap" name "keyless" false) */}}
{{- define "fashiontrend.hook" -}}
{{- $resources := dict "requests" (dict "cpu" "100m" "memory" "256Mi") "limits" (dict "memory" "1Gi") -}}
{{- $block := include "fashiontrend.podBlock" (dict "root" .root) | fromYaml -}}
{{- $scope := dict "root" .root "block" $block "component" .component "reaches" .reaches "resources" $resources "configMap" .configMap "keyless" .keyless -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "fashiontrend.fullname" .root }}-{{ .component }}
  labels:
    {{- include "fashiontrend.labels" $scope | nindent 4 }}
  annotations:
    helm.sh/hook: {{ .hook }}
    helm.sh/hook-weight: "0"
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
    helm.sh/hook-output-log-policy: hook-failed
spec:
  backoffLimit: 0
  activeDeadlineSeconds: {{ .deadline }}
  ttlSecondsAfterFinished: 3600
  template:
    metadata:
      {{- include "fashiontrend.podMeta" $scope | nindent 6 }}
    spec:
      restartPolicy: Never
      {{- with .account }}
      serviceAccountName: {{ . }}
      {{- end }}
      automountServiceAccountToken: {{ .token }}
      {{- include "fashiontrend.podPlace" $scope | nindent 6 }}
      containers:
        - name: {{ .component }}
          command:
            {{- toYaml .command | nindent 12 }}
          {{- include "fashiontrend.container" $scope | nindent 10 }}
          volumeMounts:
            {{- include "fashiontrend.mounts" $scope | nindent 12 }}
      volumes:
        {{- include "fashiontrend.volumes" $scope | nindent 8 }}
{{- end -}}

{{/* Account and role of a hook that asks the API server, there before it runs: (dict "root" $ "component" "cleanup" "hook" "pre-delete" "rules" list) */}}
{{- define "fashiontrend.hookAccount" -}}
{{- $name := printf "%s-%s" (include "fashiontrend.fullname" .root) .component -}}
apiVersion: v1
kind: ServiceAccount
{{ include "fashiontrend.hookMeta" . }}
automountServiceAccountToken: false
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
{{ include "fashiontrend.hookMeta" . }}
rules:
  {{- toYaml .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
{{ include "fashiontrend.hookMeta" . }}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: {{ $name }}
subjects:
  - kind: ServiceAccount
    name: {{ $name }}
    namespace: {{ .root.Release.Namespace }}
{{- end -}}

{{- define "fashiontrend.hookMeta" -}}
metadata:
  name: {{ include "fashiontrend.fullname" .root }}-{{ .component }}
  labels:
    {{- include "fashiontrend.labels" . | nindent 4 }}
  annotations:
    helm.sh/hook: {{ .hook }}
    helm.sh/hook-weight: "-5"
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
