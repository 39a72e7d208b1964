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

{{/* Of what the uninstall hook needs before it can run. */}}
{{- define "fashiontrend.cleanupMeta" -}}
metadata:
  name: {{ include "fashiontrend.fullname" . }}-cleanup
  labels:
    {{- include "fashiontrend.labels" (dict "root" . "component" "cleanup") | nindent 4 }}
  annotations:
    helm.sh/hook: pre-delete
    helm.sh/hook-weight: "-5"
    helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}
