// SPDX-License-Identifier: Apache-2.0
//
// What urfave/cli v3 makes of command lines, with the options that runc has. Standard input has a JSON list of arguments on each line;
// the answer is a JSON object, one line: the command that would run with what it would be told, or an empty one if none would.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/urfave/cli/v3"
)

type reading struct {
	Command string              `json:"command"`
	Args    []string            `json:"args"`
	Text    map[string]string   `json:"text"`
	Lists   map[string][]string `json:"lists"`
	Bools   map[string]bool     `json:"bools"`
	Number  int                 `json:"preserve-fds"`
}

func texts(names ...string) []cli.Flag {
	var flags []cli.Flag
	for _, name := range names {
		flag := &cli.StringFlag{Name: name}
		if alias := map[string]string{"bundle": "b", "process": "p", "user": "u"}[name]; alias != "" {
			flag.Aliases = []string{alias}
		}
		flags = append(flags, flag)
	}
	return flags
}

func bools(names ...string) []cli.Flag {
	var flags []cli.Flag
	for _, name := range names {
		flag := &cli.BoolFlag{Name: name}
		if alias := map[string]string{"detach": "d", "tty": "t"}[name]; alias != "" {
			flag.Aliases = []string{alias}
		}
		flags = append(flags, flag)
	}
	return flags
}

func join(lists ...[]cli.Flag) []cli.Flag {
	var flags []cli.Flag
	for _, list := range lists {
		flags = append(flags, list...)
	}
	return flags
}

var textNames = []string{"root", "log", "log-format", "bundle", "process", "apparmor", "cwd", "user", "lsm-profile", "pid-file"}
var boolNames = []string{"detach", "no-new-privs"}

func read(line []string) reading {
	var found reading
	take := func(_ context.Context, cmd *cli.Command) error {
		found = reading{cmd.Name, cmd.Args().Slice(), map[string]string{}, map[string][]string{}, map[string]bool{}, cmd.Int("preserve-fds")}
		for _, name := range textNames {
			found.Text[name] = cmd.String(name)
		}
		for _, name := range boolNames {
			found.Bools[name] = cmd.Bool(name)
		}
		for _, name := range []string{"env", "cap"} {
			found.Lists[name] = cmd.StringSlice(name)
		}
		return nil
	}
	number := []cli.Flag{&cli.IntFlag{Name: "preserve-fds"}}
	one := 1
	start := texts("bundle", "pid-file", "console-socket", "pidfd-socket")
	lists := []cli.Flag{&cli.StringSliceFlag{Name: "env", Aliases: []string{"e"}}, &cli.StringSliceFlag{Name: "cap", Aliases: []string{"c"}}}
	app := &cli.Command{
		Name: "runc", Version: "test", Writer: io.Discard, ErrWriter: io.Discard,
		ExitErrHandler: func(context.Context, *cli.Command, error) {},
		Flags:          join(bools("debug", "systemd-cgroup"), texts("log", "log-format", "root", "rootless")),
		Commands: []*cli.Command{
			{Name: "create", Action: take, Flags: join(start, bools("no-pivot", "no-new-keyring"), number)},
			{Name: "run", Action: take, Flags: join(start, bools("detach", "keep", "no-subreaper", "no-pivot", "no-new-keyring"), number)},
			{Name: "restore", Action: take, Flags: join(texts("bundle", "pid-file", "console-socket", "image-path", "work-path", "manage-cgroups-mode",
				"lsm-profile", "lsm-mount-context"), bools("detach", "no-subreaper", "no-pivot", "tcp-established", "ext-unix-sk", "shell-job", "file-locks",
				"auto-dedup", "lazy-pages"), []cli.Flag{&cli.StringSliceFlag{Name: "empty-ns"}})},
			{Name: "exec", Action: take, StopOnNthArg: &one, DisableSliceFlagSeparator: os.Getenv("SPLIT_LISTS") == "",
				Flags: join(texts("console-socket", "pidfd-socket", "cwd", "user", "process", "pid-file", "process-label", "apparmor"), lists,
					bools("tty", "detach", "no-new-privs", "ignore-paused"), number, []cli.Flag{&cli.StringSliceFlag{Name: "cgroup"},
						&cli.Int64SliceFlag{Name: "additional-gids", Aliases: []string{"g"}}})},
			{Name: "list", Action: func(context.Context, *cli.Command) error { return nil }},
		},
	}
	if app.Run(context.Background(), append([]string{"runc"}, line...)) != nil {
		return reading{}
	}
	return found
}

func main() {
	input := bufio.NewScanner(os.Stdin)
	input.Buffer(nil, 1<<20)
	output := json.NewEncoder(os.Stdout)
	for input.Scan() {
		var line []string
		if err := json.Unmarshal(input.Bytes(), &line); err != nil {
			panic(err)
		}
		if err := output.Encode(read(line)); err != nil {
			panic(err)
		}
	}
}
