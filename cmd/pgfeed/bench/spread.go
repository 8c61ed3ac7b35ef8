package bench

import "slices"

// Spread is the range that a figure had over the rounds of a run.
type Spread struct {
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
	Rounds int     `json:"rounds"`
}

// Over gives the median of values and their range.
func Over(values []float64) (median float64, spread *Spread) {
	if len(values) == 0 {
		return 0, nil
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	median = sorted[middle]
	if len(sorted)%2 == 0 {
		median = (sorted[middle-1] + sorted[middle]) / 2
	}
	return median, &Spread{Low: sorted[0], High: sorted[len(sorted)-1], Rounds: len(sorted)}
}

// Ratios divides each round of a thing by the round of the other that ran beside it.
func Ratios(of, by []float64) []float64 {
	ratios := make([]float64, 0, len(of))
	for i, divisor := range by {
		if i < len(of) && divisor != 0 {
			ratios = append(ratios, of[i]/divisor)
		}
	}
	return ratios
}

// Median is the figure of values with their range.
func Median(group, name, unit string, values []float64) Figure {
	median, spread := Over(values)
	return Figure{Group: group, Name: name, Unit: unit, Value: median, Spread: spread}
}
