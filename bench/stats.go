package main

import "slices"

// spread is how a sample is spread: the middle value, and the two between which
// its middle half lies. On a machine that does other things as well a mean says
// more about those than about the servers.
type spread struct {
	Median float64 `json:"median"`
	Q1     float64 `json:"q1"`
	Q3     float64 `json:"q3"`
}

// spreadOf returns the spread of a sample, the zero spread for an empty one. It
// leaves the sample as it is.
func spreadOf(sample []float64) spread {
	sorted := slices.Sorted(slices.Values(sample))
	return spread{Median: quantile(sorted, 0.5), Q1: quantile(sorted, 0.25), Q3: quantile(sorted, 0.75)}
}

// quantile returns the value below which a part of a sorted sample lies, drawn
// straight between the two nearest values (type 7 of Hyndman and Fan, which
// spreadsheets, R and NumPy have as well).
func quantile(sorted []float64, part float64) float64 {
	if len(sorted) == 0 {
		return 0
	}
	at := part * float64(len(sorted)-1)
	below := int(at)
	if below == len(sorted)-1 {
		return sorted[below]
	}
	return sorted[below] + (at-float64(below))*(sorted[below+1]-sorted[below])
}

// median returns the middle of a sample.
func median(sample []float64) float64 { return spreadOf(sample).Median }
