package osdisk

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"trial/engine"
)

// failure turns an error of the operating system into one of the contract's.
// Those that stand for themselves come bare; ErrIO keeps the text for the
// operator.
func failure(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return engine.ErrNoSpace
	case errors.Is(err, fs.ErrNotExist):
		return engine.ErrNotExist
	case errors.Is(err, syscall.EEXIST):
		return engine.ErrExist
	case errors.Is(err, fs.ErrClosed), errors.Is(err, syscall.EBADF):
		return engine.ErrBadFile
	}
	return fmt.Errorf("%w (%v)", engine.ErrIO, err)
}

var errInvalid = fmt.Errorf("%w (argument out of range)", engine.ErrIO)

func badPath(path string) error {
	return fmt.Errorf("%w (path %q is not clean, relative and below the volume)", engine.ErrIO, path)
}
