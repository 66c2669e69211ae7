package osdisk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// fileKey is the identity of a file on this machine.
type fileKey struct{ dev, ino uint64 }

func keyOf(fi fs.FileInfo) (fileKey, bool) {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return fileKey{}, false
	}
	return fileKey{uint64(st.Dev), st.Ino}, true //nolint:unconvert // Dev is narrower on some architectures
}

// lockDir locks the directory itself, so that no file of ours stands in it. The
// kernel drops the lock when the process dies.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = retry(func() error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) })
	if err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = errHeld
		}
		return nil, err
	}
	return f, nil
}

// writeVec writes the pieces one behind the other at pos and tells how many
// bytes were taken.
func writeVec(f *os.File, pieces [][]byte, pos int64) (int, error) {
	if len(pieces) == 1 {
		return f.WriteAt(pieces[0], pos)
	}
	total := 0
	for _, p := range pieces {
		total += len(p)
	}
	written := 0
	for written < total {
		var n int
		err := retry(func() (err error) {
			n, err = unix.Pwritev(int(f.Fd()), pieces, pos+int64(written))
			return err
		})
		if err != nil {
			return written, err
		}
		if n == 0 {
			return written, io.ErrShortWrite
		}
		written += n
		for len(pieces) > 0 && n >= len(pieces[0]) {
			n -= len(pieces[0])
			pieces = pieces[1:]
		}
		if n > 0 {
			pieces[0] = pieces[0][n:]
		}
	}
	return written, nil
}

// syncData flushes the data and the length of a file, without its times.
func syncData(f *os.File) error {
	return retry(func() error { return syscall.Fdatasync(int(f.Fd())) })
}

// preallocate reserves space without changing the length. A file system that
// cannot is as good as one that did.
func preallocate(f *os.File, size int64) error {
	if size == 0 {
		return nil
	}
	err := retry(func() error { return syscall.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size) })
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.ENOSYS) {
		return nil
	}
	return err
}

func freeBytes(dir string) (int64, error) {
	var st syscall.Statfs_t
	if err := retry(func() error { return syscall.Statfs(dir, &st) }); err != nil {
		return 0, err
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// retry repeats a call that a signal interrupted.
func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}
