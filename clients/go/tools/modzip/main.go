// Command modzip lays a module out as a module proxy serves it, so that it can be installed before it is published:
//
//	modzip DIRECTORY MODULE VERSION PROXY
//
// PROXY is the directory that GOPROXY=file://PROXY then names.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: modzip DIRECTORY MODULE VERSION PROXY")
		os.Exit(2)
	}
	if err := write(os.Args[1], module.Version{Path: os.Args[2], Version: os.Args[3]}, os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "modzip:", err)
		os.Exit(1)
	}
}

func write(source string, version module.Version, proxy string) error {
	path, err := module.EscapePath(version.Path)
	if err != nil {
		return err
	}
	target := filepath.Join(proxy, filepath.FromSlash(path), "@v")
	if err := os.MkdirAll(target, 0o755); err != nil {
		return err
	}
	gomod, err := os.ReadFile(filepath.Join(source, "go.mod"))
	if err != nil {
		return err
	}
	files := map[string][]byte{
		"list":                    []byte(version.Version + "\n"),
		version.Version + ".mod":  gomod,
		version.Version + ".info": fmt.Appendf(nil, "{\"Version\":%q}\n", version.Version),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(target, name), content, 0o644); err != nil {
			return err
		}
	}
	archive, err := os.Create(filepath.Join(target, version.Version+".zip"))
	if err != nil {
		return err
	}
	defer archive.Close()
	if err := zip.CreateFromDir(archive, version, source); err != nil {
		return err
	}
	return archive.Close()
}
