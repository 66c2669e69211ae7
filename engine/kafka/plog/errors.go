package plog

import "errors"

// What operations on a log may fail with.
var (
	ErrOffline    = errors.New("plog: log is offline")
	ErrClosed     = errors.New("plog: log is closed")
	ErrTruncated  = errors.New("plog: log was truncated in between")
	ErrOutOfRange = errors.New("plog: offset out of range")
	ErrOutOfOrder = errors.New("plog: batch does not continue the log")
)
