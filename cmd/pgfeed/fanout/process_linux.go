package fanout

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"
)

// tick is the unit of CPU times in /proc/PID/stat: USER_HZ, which is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// process is a server of one process.
func process(pid int) func() ([]int, error) { return func() ([]int, error) { return []int{pid}, nil } }

// family are a process and those that it has started (proc(5)).
func family(pid int) func() ([]int, error) {
	return func() ([]int, error) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", pid))
		if err != nil {
			return nil, err
		}
		pids := []int{pid}
		for _, field := range bytes.Fields(text) {
			child, err := strconv.Atoi(string(field))
			if err != nil {
				return nil, err
			}
			pids = append(pids, child)
		}
		return pids, nil
	}
}

func (t target) cpu() (sum time.Duration, err error) {
	pids, err := t.pids()
	for _, pid := range pids {
		used, failed := cpu(pid)
		sum, err = sum+used, errors.Join(err, failed)
	}
	return sum, err
}

func (t target) memory() (sum float64, err error) {
	pids, err := t.pids()
	for _, pid := range pids {
		held, failed := memory(pid)
		sum, err = sum+held, errors.Join(err, failed)
	}
	return sum, err
}

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
// can read again. Of what it shares with others it is a part.
func memory(pid int) (sum float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	found := anonymous.FindAllSubmatch(text, -1)
	if len(found) != 2 {
		return 0, errors.New("smaps_rollup doesn't say Pss_Anon and Pss_Shmem")
	}
	for _, match := range found {
		kilobytes, err := strconv.ParseFloat(string(match[1]), 64)
		if err != nil {
			return 0, err
		}
		sum += kilobytes * 1024
	}
	return sum, nil
}

var anonymous = regexp.MustCompile(`(?m)^Pss_(?:Anon|Shmem): +(\d+) kB$`)
