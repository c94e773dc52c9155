{{/* What every pod of davy is made of (dict: root, name, values, kafka, port where it listens). */}}

{{- define "davy.pod" -}}
{{- $v := .root.Values -}}
enableServiceLinks: false # a Service called davy-... would speak in davy's own variables
securityContext:
  runAsNonRoot: true
  {{- with $v.runAsUser }}
  runAsUser: {{ int . }}
  runAsGroup: {{ int . }}
  fsGroup: {{ int . }}
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
{{- with $v.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - {name: {{ . }}}
  {{- end }}
{{- end }}
volumes:
  - {name: tmp, emptyDir: {}}
  - {name: settings, configMap: {name: {{ .settings }}}}
  {{- with include "davy.sources" . }}
  - name: secrets
    projected:
      defaultMode: 0440
      sources: {{- . | trim | nindent 8 }}
  {{- end }}
  {{- if and .port $v.signing.trusted }}
  - {name: trusted, configMap: {name: {{ $v.signing.trusted }}}}
  {{- end }}
  {{- range $number, $mount := .values.secretMounts }}
  - {name: mount-{{ $number }}, secret: {secretName: {{ $mount.secret }}, defaultMode: 0440}}
  {{- end }}
{{- end }}

{{- define "davy.container" -}}
image: {{ include "davy.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
env: {{- include "davy.env" . | nindent 2 }}
resources: {{- toYaml .values.resources | nindent 2 }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: settings, mountPath: /etc/davy/davy.yaml, subPath: davy.yaml, readOnly: true}
  {{- if include "davy.sources" . }}
  - {name: secrets, mountPath: /etc/davy/secrets, readOnly: true}
  {{- end }}
  {{- if and .port .root.Values.signing.trusted }}
  - {name: trusted, mountPath: /etc/davy/trusted, readOnly: true}
  {{- end }}
  {{- range $number, $mount := .values.secretMounts }}
  - {name: mount-{{ $number }}, mountPath: {{ $mount.path }}, readOnly: true}
  {{- end }}
{{- end }}

{{/* Asked inside of the pod: a probe from the node would need the password in this manifest. */}}
{{- define "davy.probe" -}}
exec:
  command:
    - python
    - -m
    - streams.serving.probe
    - --port={{ .port }}
    {{- if .root.Values.http.secret }}
    - --authorization=/etc/davy/secrets/http/authorization
    {{- end }}
    - {{ .path }}
timeoutSeconds: 5
{{- end }}
