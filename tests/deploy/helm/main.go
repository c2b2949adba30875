// SPDX-License-Identifier: Apache-2.0

// helm CHART [VALUES]: prints what `helm template --namespace aa-shim aa-shim CHART --values VALUES` would, NOTES.txt included,
// as a JSON object: name of the template → text. Debian has no helm; the template engine and the functions are its own, Go's
// text/template and sprig, and what helm adds to them is the few lines below. A value that does not exist is an error here.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"sigs.k8s.io/yaml"
)

// Files is the chart's files outside templates/, by their path in the chart.
type Files map[string]string

func (files Files) Glob(pattern string) Files {
	found := Files{}
	for name, content := range files {
		if ok, _ := path.Match(pattern, name); ok {
			found[name] = content
		}
	}
	return found
}

func (files Files) AsConfig() string {
	data := map[string]string{}
	for name, content := range files {
		data[path.Base(name)] = content
	}
	return toYaml(data)
}

func toYaml(value interface{}) string {
	text, err := yaml.Marshal(value)
	must(err)
	return strings.TrimSuffix(string(text), "\n")
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "helm:", err)
		os.Exit(1)
	}
}

func readYaml(file string) map[string]interface{} {
	text, err := os.ReadFile(file)
	must(err)
	value := map[string]interface{}{}
	must(yaml.UnmarshalStrict(text, &value))
	return value
}

// A map is merged key by key, everything else replaced.
func merge(into, from map[string]interface{}) {
	for key, value := range from {
		inner, isMap := value.(map[string]interface{})
		if old, ok := into[key].(map[string]interface{}); ok && isMap {
			merge(old, inner)
		} else {
			into[key] = value
		}
	}
}

// Links are followed, as helm does.
func readFiles(root, folder string, into Files) {
	entries, err := os.ReadDir(filepath.Join(root, folder))
	must(err)
	for _, entry := range entries {
		name := path.Join(folder, entry.Name())
		info, err := os.Stat(filepath.Join(root, name))
		must(err)
		if info.IsDir() {
			readFiles(root, name, into)
			continue
		}
		content, err := os.ReadFile(filepath.Join(root, name))
		must(err)
		into[name] = string(content)
	}
}

func main() {
	chart := os.Args[1]
	values := readYaml(filepath.Join(chart, "values.yaml"))
	if len(os.Args) > 2 {
		merge(values, readYaml(os.Args[2]))
	}
	about := readYaml(filepath.Join(chart, "Chart.yaml"))
	files := Files{}
	readFiles(chart, "", files)
	context := map[string]interface{}{
		"Values":  values,
		"Chart":   map[string]interface{}{"Name": about["name"], "Version": about["version"], "AppVersion": about["appVersion"]},
		"Release": map[string]interface{}{"Name": "aa-shim", "Namespace": "aa-shim", "Service": "Helm"},
		"Files":   files,
	}

	all := template.New("chart").Option("missingkey=error")
	functions := sprig.TxtFuncMap()
	delete(functions, "env") // as helm does: a chart depends on nothing but its values
	delete(functions, "expandenv")
	functions["toYaml"] = toYaml
	functions["include"] = func(name string, data interface{}) (string, error) {
		var out bytes.Buffer
		err := all.ExecuteTemplate(&out, name, data)
		return out.String(), err
	}
	all.Funcs(functions)
	for name, text := range files {
		if strings.HasPrefix(name, "templates/") {
			_, err := all.New(name).Parse(text)
			must(err)
		}
	}
	rendered := map[string]string{}
	for name := range files {
		if !strings.HasPrefix(name, "templates/") || strings.HasPrefix(path.Base(name), "_") {
			continue
		}
		var out bytes.Buffer
		must(all.ExecuteTemplate(&out, name, context))
		rendered[path.Base(name)] = out.String()
	}
	must(json.NewEncoder(os.Stdout).Encode(rendered))
}
