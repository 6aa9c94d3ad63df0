package main

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// nameOfImage is the annotation by which containerd takes the whole name of an image from an OCI layout.
const nameOfImage = "io.containerd.image.name"

// writeArchive writes an OCI layout, a folder or a tar, as a tar whose one image has the name given.
func writeArchive(to io.Writer, reference, from string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	out := tar.NewWriter(to)
	if info.IsDir() {
		err = archiveFolder(out, reference, from)
	} else {
		err = archiveAgain(out, reference, from)
	}
	return errors.Join(err, out.Close())
}

func archiveFolder(out *tar.Writer, reference, folder string) error {
	return filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(folder, file)
		if err != nil {
			return err
		}
		source, err := os.Open(file)
		if err != nil {
			return err
		}
		defer source.Close()
		info, err := source.Stat()
		if err != nil {
			return err
		}
		return addMember(out, reference, filepath.ToSlash(name), info.Size(), source)
	})
}

func archiveAgain(out *tar.Writer, reference, file string) error {
	source, err := os.Open(file)
	if err != nil {
		return err
	}
	defer source.Close()
	members := tar.NewReader(source)
	named := false
	for {
		header, err := members.Next()
		if errors.Is(err, io.EOF) {
			if !named {
				return fmt.Errorf("%s holds no index.json: it is no OCI layout", file)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if header.Typeflag != tar.TypeReg {
			continue
		}
		name := path.Clean(header.Name)
		named = named || name == "index.json"
		if err := addMember(out, reference, name, header.Size, members); err != nil {
			return err
		}
	}
}

func addMember(out *tar.Writer, reference, name string, size int64, content io.Reader) error {
	if name == "manifest.json" {
		// Docker's own list of names, which would win over the one given.
		return nil
	}
	if name != "index.json" {
		if err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: size}); err != nil {
			return err
		}
		_, err := io.Copy(out, content)
		return err
	}
	text, err := io.ReadAll(io.LimitReader(content, 4<<20))
	if err != nil {
		return err
	}
	if text, err = renamed(text, reference); err != nil {
		return err
	}
	if err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}); err != nil {
		return err
	}
	_, err = out.Write(text)
	return err
}

// renamed gives the one image of an index its name.
func renamed(text []byte, reference string) ([]byte, error) {
	var index map[string]any
	if err := json.Unmarshal(text, &index); err != nil {
		return nil, fmt.Errorf("index.json: %w", err)
	}
	manifests, _ := index["manifests"].([]any)
	if len(manifests) != 1 {
		return nil, fmt.Errorf("index.json names %d images; one is wanted", len(manifests))
	}
	descriptor, ok := manifests[0].(map[string]any)
	if !ok {
		return nil, errors.New("index.json: its image is no object")
	}
	descriptor["annotations"] = map[string]string{nameOfImage: reference}
	return json.Marshal(index)
}
