package replicas

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// cpuOf gives the CPU time that a process's threads have taken, to the nanosecond (proc(5), schedstat), which Linux alone tells.
func cpuOf(pid int) (time.Duration, error) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return 0, err
	}
	sum := time.Duration(0)
	for _, file := range threads {
		text, err := os.ReadFile(file) //nolint:gosec // one of /proc
		if err != nil {
			continue // the thread has ended
		}
		first, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(first, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", file, err)
		}
		sum += time.Duration(n)
	}
	if len(threads) == 0 {
		return 0, fmt.Errorf("/proc/%d tells no CPU time", pid)
	}
	return sum, nil
}

// times are the CPU times of a server's processes, by their ids: the first process and its children.
type times map[int]time.Duration

// serverTimes reads those of the PostgreSQL in a data directory.
func serverTimes(dataDir string) (times, error) {
	text, err := os.ReadFile(filepath.Join(dataDir, "postmaster.pid")) //nolint:gosec // our own server's
	if err != nil {
		return nil, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	postmaster, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		return nil, fmt.Errorf("postmaster.pid: %w", err)
	}
	list, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	t := times{}
	if t[postmaster], err = cpuOf(postmaster); err != nil {
		return nil, err
	}
	for _, file := range list {
		text, err := os.ReadFile(file) //nolint:gosec // one of /proc
		if err != nil {
			continue // it has ended
		}
		// pid (name, which may hold anything) state ppid …
		_, rest, _ := strings.Cut(string(text[strings.LastIndexByte(string(text), ')')+1:]), " ")
		fields := strings.Fields(rest)
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if len(fields) < 2 || fields[1] != strconv.Itoa(postmaster) {
			continue
		}
		if cpu, err := cpuOf(pid); err == nil {
			t[pid] = cpu
		}
	}
	return t, nil
}

// since is how much more was taken than before. Processes that have ended meanwhile don't count.
func (t times) since(before times) (sum time.Duration) {
	for pid, cpu := range t {
		sum += cpu - before[pid]
	}
	return sum
}

// only gives those of some processes: the server has others, which tidy up after what was done before.
func (t times) only(pids []int) times {
	some := times{}
	for _, pid := range pids {
		if cpu, found := t[pid]; found {
			some[pid] = cpu
		}
	}
	return some
}
