package soak

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

func TestALineTellsAGrowingProcessFromANoisyOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // to be repeatable
	line := func(perHour float64) trend {
		var samples []sample
		for i := range 1800 {
			at := time.Unix(0, 0).Add(time.Duration(i) * time.Second)
			samples = append(samples, sample{at, 50e6 + perHour*float64(i)/3600 + 2e6*rng.NormFloat64()})
		}
		got, ok := lineThrough(samples)
		if !ok {
			t.Fatal("no line through 1800 samples")
		}
		return got
	}
	if flat := line(0); math.Abs(flat.slope) > 3*flat.err || math.Abs(flat.mean-50e6) > 1e6 {
		t.Errorf("a flat line is %+v", flat)
	}
	if growing := line(20e6); math.Abs(growing.slope-20e6) > 3*growing.err || growing.err > 2e6 {
		t.Errorf("20 MB/h are %+v", growing)
	}
	if _, ok := lineThrough(make([]sample, 10)); ok {
		t.Error("a line through 10 samples")
	}
}

func TestAProcessHasMemory(t *testing.T) {
	if bytes, ok := resident(t.Context(), os.Getpid()); !ok || bytes < 1<<20 || bytes > 1<<32 {
		t.Errorf("%v bytes, %v", bytes, ok)
	}
	if _, ok := resident(t.Context(), 0); ok {
		t.Error("memory of no process")
	}
}
