// SPDX-License-Identifier: Apache-2.0
// An independent check of an exported log and of one proof file, with Go's own note and tlog packages:
// verify EXPORT PROOF RECORD. Prints what it checked; exits 1 at the first thing that is wrong.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error, what string) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "verify:", what+":", err)
		os.Exit(1)
	}
}

func check(ok bool, what string) {
	if !ok {
		must(fmt.Errorf("wrong"), what)
	}
}

func read(path string) []byte {
	data, err := os.ReadFile(path)
	must(err, "read")
	return data
}

// A checkpoint's text has the form of Go's tree note but for its first line.
func openCheckpoint(data []byte, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open(data, note.VerifierList(verifier))
	must(err, "checkpoint signature")
	lines := strings.Split(opened.Text, "\n")
	check(len(lines) == 4 && lines[0] == verifier.Name() && lines[3] == "", "checkpoint lines")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err, "checkpoint size")
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	must(err, "checkpoint root")
	tree := tlog.Tree{N: size}
	check(copy(tree.Hash[:], root) == 32, "checkpoint root")
	return tree
}

func name(index int64, width int) string {
	path := fmt.Sprintf("%03d", index%1000)
	for index >= 1000 {
		index /= 1000
		path = fmt.Sprintf("x%03d/%s", index%1000, path)
	}
	if width != 256 {
		path += fmt.Sprintf(".p/%d", width)
	}
	return path
}

// Reads tiles as an auditor would; Go's tile reader checks each against the signed root.
type tiles struct{ folder string }

func (t tiles) Height() int { return 8 }
func (t tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range wanted {
		path := filepath.Join(t.folder, "tile", strconv.Itoa(tile.L), name(tile.N, tile.W))
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func entries(folder string, size int64) [][]byte {
	var all [][]byte
	for n := int64(0); n*256 < size; n++ {
		width := size - n*256
		if width > 256 {
			width = 256
		}
		bundle := read(filepath.Join(folder, "tile", "entries", name(n, int(width))))
		for i := int64(0); i < width; i++ {
			check(len(bundle) >= 2, "bundle")
			length := int(binary.BigEndian.Uint16(bundle))
			check(len(bundle) >= 2+length, "bundle entry")
			all = append(all, bundle[2:2+length])
			bundle = bundle[2+length:]
		}
		check(len(bundle) == 0, "bytes after the last entry of a bundle")
	}
	return all
}

// Canonical: what Go writes for the same value, with sorted names and no HTML escapes, is the same bytes.
func checkLeaf(leaf []byte, index int) {
	decoder := json.NewDecoder(bytes.NewReader(leaf))
	decoder.UseNumber()
	var value map[string]interface{}
	must(decoder.Decode(&value), "leaf is JSON")
	var again bytes.Buffer
	encoder := json.NewEncoder(&again)
	encoder.SetEscapeHTML(false)
	must(encoder.Encode(value), "encode")
	check(bytes.Equal(bytes.TrimSuffix(again.Bytes(), []byte("\n")), leaf), "leaf "+string(leaf)+" is canonical")
	check(value["seq"].(json.Number).String() == strconv.Itoa(index), "seq is the index")
	for _, secret := range []string{"alice", "/usr/bin/curl", "bob@example.com", "caf\u00e9"} {
		check(!bytes.Contains(leaf, []byte(secret)), "personal data in a leaf: "+secret)
	}
}

func checkProof(path, recordPath string, verifier note.Verifier) {
	data := string(read(path))
	lines := strings.Split(data, "\n")
	check(lines[0] == "c2sp.org/tlog-proof@v1", "proof header")
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	must(err, "proof index")
	var proof tlog.RecordProof
	at := 2
	for ; lines[at] != ""; at++ {
		hash, err := base64.StdEncoding.Strict().DecodeString(lines[at])
		must(err, "proof hash")
		var h tlog.Hash
		check(copy(h[:], hash) == 32, "proof hash")
		proof = append(proof, h)
	}
	tree := openCheckpoint([]byte(strings.Join(lines[at+1:], "\n")), verifier)
	must(tlog.CheckRecord(proof, tree.N, tree.Hash, index, tlog.RecordHash(read(recordPath))), "inclusion proof of the file")
	fmt.Printf("proof file: record %d of %d\n", index, tree.N)
}

func main() {
	folder := os.Args[1]
	verifier, err := note.NewVerifier(strings.TrimSpace(string(read(filepath.Join(folder, "vkey")))))
	must(err, "vkey")
	tree := openCheckpoint(read(filepath.Join(folder, "checkpoint")), verifier)
	leaves := entries(folder, tree.N)

	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var hashes []tlog.Hash
		for _, i := range indexes {
			hashes = append(hashes, stored[i])
		}
		return hashes, nil
	})
	for i, leaf := range leaves {
		checkLeaf(leaf, i)
		hashes, err := tlog.StoredHashes(int64(i), leaf, reader)
		must(err, "hashes")
		stored = append(stored, hashes...)
	}
	root, err := tlog.TreeHash(tree.N, reader)
	must(err, "tree")
	check(root == tree.Hash, "root of the entries is the signed root")
	fmt.Printf("entries: %d, root %v\n", tree.N, root)

	byTiles := tlog.TileHashReader(tree, tiles{folder})
	for _, i := range []int64{0, 1, 255, 256, tree.N / 2, tree.N - 1} {
		if i >= tree.N {
			continue
		}
		proof, err := tlog.ProveRecord(tree.N, i, byTiles)
		must(err, "inclusion proof from tiles")
		must(tlog.CheckRecord(proof, tree.N, tree.Hash, i, tlog.RecordHash(leaves[i])), "inclusion")
	}
	old := tree.N / 3
	consistency, err := tlog.ProveTree(tree.N, old, byTiles)
	must(err, "consistency proof from tiles")
	oldRoot, err := tlog.TreeHash(old, reader)
	must(err, "old root")
	must(tlog.CheckTree(consistency, tree.N, tree.Hash, old, oldRoot), "consistency")
	fmt.Println("tiles: inclusion and consistency proofs hold")
	checkProof(os.Args[2], os.Args[3], verifier)
	fmt.Printf("ok %x\n", sha256.Sum256([]byte(verifier.Name())))
}
