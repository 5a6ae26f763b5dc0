{{- define "signoff.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "signoff.selectorLabels" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "signoff.labels" -}}
{{ include "signoff.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- end -}}

{{- define "signoff.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "signoff.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "signoff.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "signoff.claim" -}}
{{- default (include "signoff.fullname" .) .Values.persistence.existingClaim -}}
{{- end -}}

{{/* The settings of the chart come before the first table of the user's text. */}}
{{- define "signoff.toml" -}}
listen = "0.0.0.0:7766"
# A directory inside the volume: the volume's own belongs to another user.
data_dir = "/var/lib/signoff/data"
{{- if .Values.policy }}
policy = "/etc/signoff/policy/policy.yaml"
{{- end }}
{{- with .Values.publicUrl }}
public_url = {{ . | quote }}
{{- end }}
{{- if .Values.plaintext }}
plaintext = true
{{- else }}
tls.certificate = "/etc/signoff/tls/tls.crt"
tls.key = "/etc/signoff/tls/tls.key"
{{- if .Values.tls.clientCa.existingSecret }}
tls.client_ca = {{ printf "/etc/signoff/client-ca/%s" .Values.tls.clientCa.key | quote }}
{{- if .Values.tls.clientCa.required }}
tls.require_client_certificate = true
{{- end }}
{{- end }}
{{- end }}

{{ .Values.config | trim }}
{{- end -}}

{{/* Kubernetes' gRPC probes do not speak TLS, and its HTTPS probes show no client certificate. */}}
{{- define "signoff.probe" -}}
{{- $values := .context.Values -}}
{{- if $values.plaintext -}}
grpc:
  port: 7766
{{- else if and $values.tls.clientCa.existingSecret $values.tls.clientCa.required -}}
tcpSocket:
  port: api
{{- else -}}
httpGet:
  path: {{ .path }}
  port: api
  scheme: HTTPS
{{- end -}}
{{- end -}}

{{- define "signoff.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "signoff.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{- define "signoff.volumeMounts" -}}
- name: config
  mountPath: /etc/signoff/config
  readOnly: true
{{- if .Values.policy }}
- name: policy
  mountPath: /etc/signoff/policy
  readOnly: true
{{- end }}
{{- if not .Values.plaintext }}
- name: tls
  mountPath: /etc/signoff/tls
  readOnly: true
{{- if .Values.tls.clientCa.existingSecret }}
- name: client-ca
  mountPath: /etc/signoff/client-ca
  readOnly: true
{{- end }}
{{- end }}
{{- range .Values.secrets }}
- name: secret-{{ .name }}
  mountPath: /etc/signoff/secrets/{{ .name }}
  readOnly: true
{{- end }}
- name: data
  mountPath: /var/lib/signoff
- name: tmp
  mountPath: /tmp
{{- end -}}

{{- define "signoff.volumes" -}}
- name: config
  configMap:
    name: {{ include "signoff.fullname" . }}
{{- if .Values.policy }}
- name: policy
  configMap:
    name: {{ include "signoff.fullname" . }}-policy
{{- end }}
{{- if not .Values.plaintext }}
- name: tls
  secret:
    secretName: {{ .Values.tls.existingSecret }}
    defaultMode: 0440
{{- if .Values.tls.clientCa.existingSecret }}
- name: client-ca
  secret:
    secretName: {{ .Values.tls.clientCa.existingSecret }}
    defaultMode: 0440
{{- end }}
{{- end }}
{{- range .Values.secrets }}
- name: secret-{{ .name }}
  secret:
    secretName: {{ .secretName }}
    defaultMode: 0440
{{- end }}
- name: data
  persistentVolumeClaim:
    claimName: {{ include "signoff.claim" . }}
- name: tmp
  emptyDir: {}
{{- end -}}

{{/* What a server needs to start; its own error would come late. */}}
{{- define "signoff.check" -}}
{{- if and .Values.plaintext .Values.tls.existingSecret -}}
{{- fail "plaintext and tls.existingSecret are both set. Set one of them." -}}
{{- end -}}
{{- if not (or .Values.plaintext .Values.tls.existingSecret) -}}
{{- fail "tls.existingSecret is not set. Set it to a Secret of the type kubernetes.io/tls, or set plaintext=true where a mesh encrypts the traffic." -}}
{{- end -}}
{{- if and .Values.plaintext .Values.tls.clientCa.existingSecret -}}
{{- fail "tls.clientCa.existingSecret requires tls.existingSecret." -}}
{{- end -}}
{{- if and .Values.tls.clientCa.required (not .Values.tls.clientCa.existingSecret) -}}
{{- fail "tls.clientCa.required requires tls.clientCa.existingSecret." -}}
{{- end -}}
{{- end -}}
