package fanout

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"
)

// tick is the unit of CPU times in /proc/PID/stat: USER_HZ, which is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// cpu is the CPU time that a process has used, in user space and in the kernel (proc(5)).
func cpu(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:]) // the name may have spaces
	if len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat: too short")
	}
	user, err1 := strconv.ParseInt(string(fields[11]), 10, 64)
	system, err2 := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+system) * tick, errors.Join(err1, err2)
}

// memory is what a process holds in user space, in bytes: heap, stacks and all else that isn't a page of a file, which the kernel
// can read again.
func memory(pid int) (float64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	defer f.Close() //nolint:errcheck // it was read
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := bytes.Fields(lines.Bytes()); len(fields) >= 2 && string(fields[0]) == "Anonymous:" {
			kilobytes, err := strconv.ParseFloat(string(fields[1]), 64)
			return kilobytes * 1024, err
		}
	}
	return 0, errors.Join(errors.New("smaps_rollup has no Anonymous"), lines.Err())
}
