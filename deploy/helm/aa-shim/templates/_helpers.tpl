{{/* SPDX-License-Identifier: Apache-2.0 */}}

{{- define "aa-shim.labels" -}}
app.kubernetes.io/name: aa-shim
{{- end }}

{{- define "aa-shim.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}
