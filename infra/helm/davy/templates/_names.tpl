{{/* How everything is called and labelled. Most templates take a dict: root, name (the component's,
or setup) and values (the component's own). */}}

{{- define "davy.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "davy.fullname" -}}
{{- $name := include "davy.name" . }}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- else if contains $name .Release.Name }}
{{- .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "davy.part" -}}
{{- printf "%s-%s" (include "davy.fullname" .root) .name }}
{{- end }}

{{- define "davy.selector" -}}
app.kubernetes.io/name: {{ include "davy.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "davy.labels" -}}
{{ include "davy.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "davy.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* What runs on: its port, its role at the broker, and its command, which is its name. */}}
{{- define "davy.components" -}}
worker: {port: 8470, role: worker}
actuator: {port: 8471, role: actuator}
verdicts: {port: 8472, role: page}
notify: {port: 8474, role: notify}
dashboard: {port: 8475, role: page+operator}
{{- end }}

{{/* Whether the processes listen beyond their own pods: only where it is known who may ask. */}}
{{- define "davy.listens" -}}
{{- if .Values.http.secret }}true{{ end }}
{{- end }}

{{/* The Secret of a component's account at the broker; Strimzi calls it as its KafkaUser. */}}
{{- define "davy.account" -}}
{{- $v := .root.Values }}
{{- if .values.account.secret }}
{{- .values.account.secret }}
{{- else if and $v.strimzi.enabled (ne $v.kafka.protocol "PLAINTEXT") }}
{{- include "davy.part" . }}
{{- end }}
{{- end }}

{{/* Whether the setup job makes topics, and whether it registers schemas. */}}
{{- define "davy.setup.topics" -}}
{{- if and .Values.setup.enabled (not .Values.strimzi.enabled) }}true{{ end }}
{{- end }}
{{- define "davy.setup.schemas" -}}
{{- if and .Values.setup.enabled .Values.registry.url }}true{{ end }}
{{- end }}
