// Checks the part of a bundle that C2SP's formats cover with the Go project's own packages: a second opinion that shares
// nothing with ours. It takes the bundle's folder and the vkeys of the log and of its witnesses.
package main

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if err := check(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println("ok")
}

func check(folder string, vkeys []string) error {
	var verifiers []note.Verifier
	for _, vkey := range vkeys {
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			return err
		}
		verifiers = append(verifiers, verifier)
	}
	known := note.VerifierList(verifiers...)
	signed, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return err
	}
	tree, err := open(signed, known)
	if err != nil {
		return err
	}
	events, err := os.ReadFile(filepath.Join(folder, "events.jsonl"))
	if err != nil {
		return err
	}
	lines := bytes.Split(bytes.TrimSuffix(events, []byte("\n")), []byte("\n"))
	proofs, _ := filepath.Glob(filepath.Join(folder, "proofs", "*"))
	sort.Strings(proofs)
	if len(proofs) == 0 {
		if err := whole(lines, tree); err != nil {
			return err
		}
	} else if err := parts(lines, proofs, tree); err != nil {
		return err
	}
	return older(folder, known, tree)
}

func open(signed []byte, known note.Verifiers) (tlog.Tree, error) {
	opened, err := note.Open(signed, known)
	if err != nil {
		return tlog.Tree{}, err
	}
	text := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(text[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(text[2])
	return tlog.Tree{N: size, Hash: root}, err
}

// The root of all leaves, computed as the Go checksum database computes its own.
func whole(lines [][]byte, tree tlog.Tree) error {
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, index := range indexes {
			found = append(found, stored[index])
		}
		return found, nil
	})
	for n, line := range lines {
		hashes, err := tlog.StoredHashes(int64(n), line, reader)
		if err != nil {
			return err
		}
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(int64(len(lines)), reader)
	if err == nil && (root != tree.Hash || int64(len(lines)) != tree.N) {
		err = fmt.Errorf("the events are not those that were signed")
	}
	return err
}

func parts(lines [][]byte, proofs []string, tree tlog.Tree) error {
	if len(lines) != len(proofs) {
		return fmt.Errorf("%d events and %d proofs", len(lines), len(proofs))
	}
	for n, name := range proofs {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		above, _, _ := strings.Cut(string(text), "\n\n")
		fields := strings.Split(above, "\n")
		index, err := strconv.ParseInt(strings.TrimPrefix(fields[1], "index "), 10, 64)
		if err != nil {
			return err
		}
		path, err := hashes(fields[2:])
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(lines[n])); err != nil {
			return fmt.Errorf("event %d: %v", index, err)
		}
	}
	return nil
}

func older(folder string, known note.Verifiers, tree tlog.Tree) error {
	names, _ := filepath.Glob(filepath.Join(folder, "consistency", "*"))
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		above, signed, _ := strings.Cut(string(text), "\n\n")
		before, err := open([]byte(signed), known)
		if err != nil {
			return err
		}
		path, err := hashes(strings.Split(above, "\n")[1:])
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(path, tree.N, tree.Hash, before.N, before.Hash); err != nil {
			return fmt.Errorf("not append-only since %d: %v", before.N, err)
		}
	}
	return nil
}

func hashes(lines []string) ([]tlog.Hash, error) {
	var found []tlog.Hash
	for _, line := range lines {
		decoded, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(decoded) != tlog.HashSize {
			return nil, fmt.Errorf("not a hash: %q", line)
		}
		var hash tlog.Hash
		copy(hash[:], decoded)
		found = append(found, hash)
	}
	return found, nil
}
