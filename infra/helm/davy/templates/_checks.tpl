{{/* What no schema can say: values that do not go together, each with what to do. */}}
{{- define "davy.check" -}}
{{- $root := . }}
{{- $v := .Values }}
{{- if and $v.verdicts.enabled (not (include "davy.listens" .)) }}
{{- fail "verdicts.enabled: nobody could ask it: name a Secret with passwords in http.secret" }}
{{- end }}
{{- if and $v.dashboard.enabled (not (include "davy.listens" .)) }}
{{- fail "dashboard.enabled: nobody could open it: name a Secret with passwords in http.secret" }}
{{- end }}
{{- if and $v.http.trustedProxy.header (not $v.http.trustedProxy.addresses) }}
{{- fail "http.trustedProxy.addresses: say from which addresses its word counts" }}
{{- end }}
{{- if and $v.http.trustedProxy.header (not $v.http.secret) }}
{{- fail "http.secret: the probes come with a password; name its Secret beside http.trustedProxy" }}
{{- end }}
{{- if and $v.signing.trusted (not $v.signing.key.secret) $v.worker.enabled }}
{{- fail "signing.key.secret: decisions that no key signs would be refused; name the workers' Secret, or leave signing.trusted out" }}
{{- end }}
{{- if and $v.notify.enabled (not (dig "notify" "hooks" dict $v.settings)) }}
{{- fail "notify.enabled: nobody is to be told: write a hook under settings.notify.hooks" }}
{{- end }}
{{- if and $v.strimzi.enabled (not $v.strimzi.cluster) }}
{{- fail "strimzi.cluster: name the Kafka resource to which topics and users belong" }}
{{- end }}
{{- if and $v.strimzi.enabled (hasPrefix "SASL" $v.kafka.protocol) (ne $v.kafka.mechanism "SCRAM-SHA-512") }}
{{- fail "kafka.mechanism: Strimzi's users know SCRAM-SHA-512 alone" }}
{{- end }}
{{- if hasPrefix "SASL" $v.kafka.protocol }}
{{- range $name := include "davy.components" . | fromYaml | keys | sortAlpha }}
{{- $ctx := dict "root" $root "name" $name "values" (index $v $name) }}
{{- if and (index $v $name).enabled (not (include "davy.account" $ctx)) }}
{{- fail (printf "%s.account.secret: %s asks who comes: name the Secret with its password" $name $v.kafka.protocol) }}
{{- end }}
{{- end }}
{{- if and (include "davy.setup.topics" .) (not $v.setup.account.secret) }}
{{- fail (printf "setup.account.secret: %s asks who makes the topics: name the Secret with its password, or set setup.enabled: false" $v.kafka.protocol) }}
{{- end }}
{{- end }}
{{- end }}
