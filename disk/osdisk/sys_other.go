//go:build !linux

package osdisk

import (
	"errors"
	"io/fs"
	"os"
)

// fileKey is the identity of a file; without one every handle stands alone.
type fileKey struct{}

func keyOf(fs.FileInfo) (fileKey, bool) { return fileKey{}, false }

// lockDir has no portable form; two processes on one directory are not noticed.
func lockDir(string) (*os.File, error) { return nil, nil }

// writeVec writes the pieces one behind the other at pos and tells how many
// bytes were taken.
func writeVec(f *os.File, pieces [][]byte, pos int64) (int, error) {
	written := 0
	for _, p := range pieces {
		n, err := f.WriteAt(p, pos+int64(written))
		written += n
		if err != nil {
			return written, err
		}
	}
	return written, nil
}

func syncData(f *os.File) error { return f.Sync() }

// preallocate is an optimisation that only some systems offer.
func preallocate(*os.File, int64) error { return nil }

func freeBytes(string) (int64, error) { return 0, errors.ErrUnsupported }
