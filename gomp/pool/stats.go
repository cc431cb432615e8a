package pool

import "math/bits"

// Buckets of the histogram of latencies: four to each power of two of ns.
const Buckets = 160

// bucket is where a latency counts.
func bucket(ns int64) int {
	n := uint64(max(ns, 4))
	log := bits.Len64(n) - 1
	return min(4*(log-2)+int(n>>(log-2)&3), Buckets-1)
}

// count keeps the statistics of an answered task.
func (p *Pool) count(t *Task, s Status, now int64) {
	p.Done++
	switch s {
	case Lost:
		p.Lost++
		p.Failed++
	case Returned:
	default:
		p.Failed++
	}
	p.Latency[bucket(now-t.Submitted)]++
}
