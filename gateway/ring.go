package gateway

import "sort"

// ring holds a feed's recent frames, encoded once for all subscribers. Bytes are addressed by their offset since the feed
// began, so a subscriber's place is one number. What is written stays as it is until nobody refers to it: writers may hold on
// to bytes without a lock. Without frames it holds nothing.
type ring struct {
	segments   []segment // neighbours, the oldest first
	entries    []entry   // frames, the oldest first
	start, end uint64    // offsets of the first byte that is held, and behind the last
}

type segment struct {
	at    uint64
	bytes []byte
}

// entry says where a frame is, and who may see it.
type entry struct {
	at        uint64
	size      uint32
	body      uint32 // size without the id and what follows it
	hash      uint32 // of the recipient
	row       bool   // an event of the log; else a word of the gateway's own, for everyone
	stamp     Stamp
	topic     string
	recipient *string
	inserted  int64 // microseconds since 1970; 0: not known
}

func (e *entry) end() uint64 { return e.at + uint64(e.size) }

const (
	leastSegment = 1 << 10
	mostSegment  = 64 << 10
)

// push appends a frame. The entry's place and size are set here.
func (r *ring) push(frame []byte, e entry) {
	e.at, e.size = r.end, uint32(len(frame)) //nolint:gosec // a frame has no gigabytes: Postgres' json has at most 1 GB
	last := len(r.segments) - 1
	if last < 0 || cap(r.segments[last].bytes)-len(r.segments[last].bytes) < len(frame) {
		size := leastSegment
		if last >= 0 {
			size = min(2*cap(r.segments[last].bytes), mostSegment)
		}
		r.segments = append(r.segments, segment{r.end, make([]byte, 0, max(size, len(frame)))})
		last++
	}
	s := &r.segments[last]
	s.bytes = append(s.bytes, frame...)
	r.end += uint64(len(frame))
	r.entries = append(r.entries, e)
}

// find is the index of the entry that the offset lies in; behind the last one there is none.
func (r *ring) find(at uint64) int {
	if n := len(r.entries); n > 0 && r.entries[n-1].at <= at { // nearly always
		if at < r.end {
			return n - 1
		}
		return n
	}
	return sort.Search(len(r.entries), func(i int) bool { return r.entries[i].end() > at })
}

// slice gives the bytes between two offsets where they lie in one piece.
func (r *ring) slice(from, to uint64) ([]byte, bool) {
	i := r.segment(from)
	s := r.segments[i]
	if to > s.at+uint64(len(s.bytes)) {
		return nil, false
	}
	return s.bytes[from-s.at : to-s.at : to-s.at], true
}

// appendTo appends the bytes between two offsets.
func (r *ring) appendTo(buf []byte, from, to uint64) []byte {
	for i := r.segment(from); from < to; i++ {
		s := r.segments[i]
		end := min(to, s.at+uint64(len(s.bytes)))
		buf = append(buf, s.bytes[from-s.at:end-s.at]...)
		from = end
	}
	return buf
}

func (r *ring) segment(at uint64) int {
	for i := len(r.segments) - 1; ; i-- {
		if r.segments[i].at <= at {
			return i
		}
	}
}

// dropBefore forgets frames that end before the offset, and segments without frames. It gives how many bytes it forgot.
func (r *ring) dropBefore(at uint64) int {
	n := r.find(at)
	before := r.start
	if n == len(r.entries) {
		r.segments, r.entries, r.start = nil, nil, r.end
		return int(r.end - before) //nolint:gosec // no more than the ring holds
	}
	if n == 0 {
		return 0
	}
	if r.entries = r.entries[n:]; cap(r.entries) > 4*len(r.entries) {
		r.entries = append([]entry(nil), r.entries...)
	}
	r.start = r.entries[0].at
	if i := r.segment(r.start); i > 0 {
		r.segments = append([]segment(nil), r.segments[i:]...)
	}
	return int(r.start - before) //nolint:gosec // no more than the ring holds
}

// size is how many bytes the ring holds.
func (r *ring) size() int { return int(r.end - r.start) } //nolint:gosec // a few megabytes
