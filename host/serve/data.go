package serve

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// data is the directory tree of a cluster, locked.
type data struct {
	root      string
	temporary bool
	clusterID string
	locks     []*os.File
}

// openData creates what is missing, locks it and finds out whose it is.
func openData(dir string, brokers int) (_ *data, err error) {
	d := &data{root: dir}
	if dir == "" {
		if d.root, err = os.MkdirTemp("", "trial-*"); err != nil {
			return nil, err
		}
		d.temporary = true
	}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	if err := os.MkdirAll(d.root, 0o755); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := d.lock(); err != nil {
		return nil, err
	}
	for k := 1; k <= brokers; k++ {
		if err := d.prepare(k); err != nil {
			return nil, err
		}
	}
	if d.clusterID == "" {
		var id [16]byte
		_, _ = rand.Read(id[:]) // never fails, as its documentation says
		id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
		d.clusterID = base64.RawURLEncoding.EncodeToString(id[:])
	}
	return d, nil
}

// lock takes the file .lock, as Kafka does in each log directory.
func (d *data) lock() error {
	path := filepath.Join(d.root, ".lock")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	if err := flock(f); err != nil {
		_ = f.Close()
		return fmt.Errorf("data directory %s is in use by another process: %w", d.root, err)
	}
	d.locks = append(d.locks, f)
	return nil
}

// prepare makes the folder of node k and reads its meta.properties, if it has one.
func (d *data) prepare(k int) error {
	dir := d.dir(k)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	probe, err := os.CreateTemp(dir, ".writable-*")
	if err != nil {
		return fmt.Errorf("data directory %s is not writable: %w", dir, err)
	}
	_ = probe.Close()
	if err := os.Remove(probe.Name()); err != nil {
		return fmt.Errorf("data directory %s is not writable: %w", dir, err)
	}
	props, err := readProperties(filepath.Join(dir, "meta.properties"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if props["node.id"] == "" || props["cluster.id"] == "" {
		return fmt.Errorf("%s: meta.properties has no node.id or no cluster.id, so nobody knows whose data this is", dir)
	}
	if id := props["node.id"]; id != fmt.Sprint(k) {
		return fmt.Errorf("%s belongs to node %s, not to node %d", dir, id, k)
	}
	switch id := props["cluster.id"]; {
	case d.clusterID == "":
		d.clusterID = id
	case id != d.clusterID:
		return fmt.Errorf("%s belongs to cluster %s, its neighbour to cluster %s", dir, id, d.clusterID)
	}
	return nil
}

func (d *data) dir(k int) string { return filepath.Join(d.root, fmt.Sprintf("n%d", k)) }

func (d *data) close() {
	if d.temporary {
		_ = os.RemoveAll(d.root) // best effort: it lies in the system's temporary directory
	}
	for _, f := range d.locks {
		_ = f.Close() // gives up the lock
	}
	d.locks = nil
}

func readProperties(path string) (map[string]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	props := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if k, v, ok := strings.Cut(lines.Text(), "="); ok && !strings.HasPrefix(k, "#") {
			props[strings.TrimSpace(k)] = strings.TrimSpace(v)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return props, nil
}
