{{/* davy.yaml: what is under `settings`, and what follows from the other values. Secrets are paths.
A setup job that has no business with Kafka gets none of its security (dict: root, kafka). */}}
{{- define "davy.settings" -}}
{{- $v := .root.Values }}
{{- $secrets := "/etc/davy/secrets" }}
{{- $made := deepCopy $v.settings }}
{{- $_ := set $made "bootstrap" $v.kafka.bootstrap }}
{{- $kafka := dict }}
{{- if .kafka }}
{{- $kafka = deepCopy $v.kafka.properties }}
{{- if ne $v.kafka.protocol "PLAINTEXT" }}
{{- $_ := set $kafka "security.protocol" $v.kafka.protocol }}
{{- end }}
{{- if hasPrefix "SASL" $v.kafka.protocol }}
{{- $_ := set $kafka "sasl.mechanism" $v.kafka.mechanism }}
{{- $_ := set $kafka "sasl.password" (printf "file:%s/kafka/password" $secrets) }}
{{- end }}
{{- if and (hasSuffix "SSL" $v.kafka.protocol) $v.kafka.ca.secret }}
{{- $_ := set $kafka "ssl.ca.location" (printf "%s/kafka-ca/ca.crt" $secrets) }}
{{- end }}
{{- end }}
{{- if $kafka }}{{ $_ := set $made "kafka" $kafka }}{{ end }}
{{- if $v.registry.url }}
{{- $registry := dict "url" $v.registry.url }}
{{- if $v.registry.auth.secret }}
{{- $_ := set $registry "basic_auth" (printf "file:%s/registry/basic-auth" $secrets) }}
{{- end }}
{{- if $v.registry.ca.secret }}
{{- $_ := set $registry "ssl_ca" (printf "%s/registry-ca/ca.crt" $secrets) }}
{{- end }}
{{- $_ := set $made "registry" $registry }}
{{- end }}
{{- if $v.signing.trusted }}
{{- $_ := set $made "signing" (dict "trusted" "/etc/davy/trusted") }}
{{- end }}
{{- if include "davy.listens" .root }}
{{- $http := dict "bind" $v.http.bind "basic_auth_file" (printf "%s/http/passwords" $secrets) }}
{{- if $v.http.trustedProxy.header }}
{{- $_ := set $http "trusted_proxy" $v.http.trustedProxy }}
{{- end }}
{{- $_ := set $made "http" $http }}
{{- end }}
{{- toYaml $made }}
{{- end }}

{{/* What differs from component to component stands in its environment. */}}
{{- define "davy.env" -}}
{{- $v := .root.Values }}
{{- $account := include "davy.account" . -}}
- {name: DAVY_CONFIG, value: /etc/davy/davy.yaml}
{{- with .port }}
- {name: DAVY_HTTP__PORT, value: {{ . | toString | quote }}}
{{- end }}
{{- if .kafka }}
{{- if hasPrefix "SASL" $v.kafka.protocol }}
- {name: DAVY_KAFKA__SASL_USERNAME, value: {{ default $account .values.account.user | quote }}}
{{- else if and (eq $v.kafka.protocol "SSL") $account }}
- {name: DAVY_KAFKA__SSL_CERTIFICATE_LOCATION, value: /etc/davy/secrets/kafka/tls.crt}
- {name: DAVY_KAFKA__SSL_KEY_LOCATION, value: /etc/davy/secrets/kafka/tls.key}
{{- end }}
{{- end }}
{{- if and (eq .name "worker") $v.signing.key.secret }}
- {name: DAVY_SIGNING__KEY, value: /etc/davy/secrets/signing/key.pem}
{{- end }}
{{- with .values.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The files below /etc/davy/secrets: each component sees its own account, and no other's. */}}
{{- define "davy.sources" -}}
{{- $v := .root.Values }}
{{- $account := include "davy.account" . }}
{{- if .kafka }}
{{- if hasPrefix "SASL" $v.kafka.protocol }}
- secret: {name: {{ $account }}, items: [{key: {{ $v.kafka.passwordKey }}, path: kafka/password}]}
{{- else if and (eq $v.kafka.protocol "SSL") $account }}
- secret:
    name: {{ $account }}
    items:
      - {key: {{ $v.kafka.certificateKey }}, path: kafka/tls.crt}
      - {key: {{ $v.kafka.privateKey }}, path: kafka/tls.key}
{{- end }}
{{- if and (hasSuffix "SSL" $v.kafka.protocol) $v.kafka.ca.secret }}
- secret: {name: {{ $v.kafka.ca.secret }}, items: [{key: {{ $v.kafka.ca.key }}, path: kafka-ca/ca.crt}]}
{{- end }}
{{- end }}
{{- if and $v.registry.url $v.registry.auth.secret }}
- secret: {name: {{ $v.registry.auth.secret }}, items: [{key: {{ $v.registry.auth.key }}, path: registry/basic-auth}]}
{{- end }}
{{- if and $v.registry.url $v.registry.ca.secret }}
- secret: {name: {{ $v.registry.ca.secret }}, items: [{key: {{ $v.registry.ca.key }}, path: registry-ca/ca.crt}]}
{{- end }}
{{- if and (eq .name "worker") $v.signing.key.secret }}
- secret: {name: {{ $v.signing.key.secret }}, items: [{key: {{ $v.signing.key.key }}, path: signing/key.pem}]}
{{- end }}
{{- if and .port $v.http.secret }}
- secret:
    name: {{ $v.http.secret }}
    items:
      - {key: passwords, path: http/passwords}
      - {key: authorization, path: http/authorization}
{{- end }}
{{- end }}
