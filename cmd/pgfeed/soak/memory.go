package soak

import (
	"context"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// sample is what a process takes at a moment.
type sample struct {
	at    time.Time
	bytes float64
}

// resident gives the resident memory of a process in bytes; false where it can't be known.
func resident(ctx context.Context, pid int) (float64, bool) {
	if pid == 0 {
		return 0, false
	}
	if text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm"); err == nil {
		if fields := strings.Fields(string(text)); len(fields) > 1 {
			pages, err := strconv.ParseFloat(fields[1], 64)
			return pages * float64(os.Getpagesize()), err == nil
		}
	}
	text, err := exec.CommandContext(ctx, "ps", "-o", "rss=", "-p", strconv.Itoa(pid)).Output() //nolint:gosec // a number
	if err != nil {
		return 0, false
	}
	kilobytes, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
	return kilobytes * 1024, err == nil
}

// trend is a line through samples.
type trend struct {
	mean  float64 // bytes
	slope float64 // bytes per hour
	err   float64 // standard error of the slope
}

// blocks is how many means the line is drawn through. Neighbouring samples are alike, so that the error of a line through
// all of them would look far smaller than it is; means over longer times are nearly independent.
const blocks = 20

// lineThrough fits a line by least squares; false where there are too few samples.
func lineThrough(samples []sample) (trend, bool) {
	if len(samples) < 3*blocks {
		return trend{}, false
	}
	var x, y []float64 // hours, bytes
	for b := range blocks {
		part := samples[b*len(samples)/blocks : (b+1)*len(samples)/blocks]
		var hours, bytes float64
		for _, s := range part {
			hours += s.at.Sub(samples[0].at).Hours() / float64(len(part))
			bytes += s.bytes / float64(len(part))
		}
		x, y = append(x, hours), append(y, bytes)
	}
	var meanX, meanY float64
	for i := range x {
		meanX += x[i] / blocks
		meanY += y[i] / blocks
	}
	var xx, xy float64
	for i := range x {
		xx += (x[i] - meanX) * (x[i] - meanX)
		xy += (x[i] - meanX) * (y[i] - meanY)
	}
	slope := xy / xx
	var rest float64
	for i := range x {
		off := y[i] - meanY - slope*(x[i]-meanX)
		rest += off * off
	}
	return trend{meanY, slope, math.Sqrt(rest / (blocks - 2) / xx)}, true
}
