// Checks the part of a bundle that C2SP's formats cover with the Go project's own packages: a second opinion that shares
// nothing with ours. It takes the bundle's folder and the vkeys of the log and of its witnesses, and says how many of the
// log's first events each witness has cosigned, in the checkpoint or in an earlier one.
package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
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

// What is trusted: the log's keys, and the witnesses with the size of the longest checkpoint that each has cosigned.
type keys struct {
	logs      map[string]bool
	verifiers []note.Verifier
	cosigned  map[string]int64
}

func parse(vkeys []string) (keys, error) {
	known := keys{logs: map[string]bool{}, cosigned: map[string]int64{}}
	for _, vkey := range vkeys {
		verifier, err := note.NewVerifier(vkey)
		if err == nil {
			known.logs[verifier.Name()] = true
		} else if verifier, err = newCosigner(vkey); err == nil {
			known.cosigned[verifier.Name()] = 0
		} else {
			return known, err
		}
		known.verifiers = append(known.verifiers, verifier)
	}
	return known, nil
}

// A witness (C2SP tlog-cosignature): its signature has a time before it, and is of the text with that time above.
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func newCosigner(vkey string) (note.Verifier, error) {
	parts := strings.SplitN(vkey, "+", 3)
	if len(parts) != 3 {
		return nil, fmt.Errorf("not a vkey: %q", vkey)
	}
	key, err := base64.StdEncoding.DecodeString(parts[2])
	if err != nil || len(key) != 1+ed25519.PublicKeySize || key[0] != 4 {
		return nil, fmt.Errorf("not the key of a log or a witness: %q", vkey)
	}
	sum := sha256.Sum256(append([]byte(parts[0]+"\n"), key...))
	if fmt.Sprintf("%x", sum[:4]) != parts[1] {
		return nil, fmt.Errorf("not the id of its key: %q", vkey)
	}
	return &cosigner{parts[0], binary.BigEndian.Uint32(sum[:4]), key[1:]}, nil
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }
func (c *cosigner) Verify(text, signed []byte) bool {
	if len(signed) != 8+ed25519.SignatureSize {
		return false
	}
	above := fmt.Sprintf("cosignature/v1\ntime %d\n", binary.BigEndian.Uint64(signed))
	return ed25519.Verify(c.key, append([]byte(above), text...), signed[8:])
}

func check(folder string, vkeys []string) error {
	known, err := parse(vkeys)
	if err != nil {
		return err
	}
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
	if err := older(folder, known, tree); err != nil {
		return err
	}
	for name, size := range known.cosigned {
		if size == 0 {
			return fmt.Errorf("%s has not cosigned", name)
		}
		fmt.Printf("%s has cosigned the first %d of %d events\n", name, size, tree.N)
	}
	return nil
}

// A checkpoint that the log has signed. What else is below it counts for the witnesses that are known.
func open(signed []byte, known keys) (tlog.Tree, error) {
	opened, err := note.Open(signed, note.VerifierList(known.verifiers...))
	if err != nil {
		return tlog.Tree{}, err
	}
	text := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(text[1], 10, 64)
	if err != nil {
		return tlog.Tree{}, err
	}
	isLogs := false
	for _, signature := range opened.Sigs {
		isLogs = isLogs || known.logs[signature.Name] && signature.Name == text[0]
	}
	if !isLogs {
		return tlog.Tree{}, fmt.Errorf("the checkpoint of %d events is not signed by the log", size)
	}
	for _, signature := range opened.Sigs {
		if before, is := known.cosigned[signature.Name]; is && size > before {
			known.cosigned[signature.Name] = size
		}
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

func older(folder string, known keys, tree tlog.Tree) error {
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
