package daemon

import (
	"cmp"
	"slices"
	"time"
)

// records are the records of a build cache that are left while some are
// removed, with how many of them are built on each.
type records struct {
	byID     map[string]CacheRecord
	children map[string]int
	inOrder  []string
}

func newRecords(list []CacheRecord) *records {
	all := &records{byID: map[string]CacheRecord{}, children: map[string]int{}}
	for _, record := range list {
		all.byID[record.ID] = record
		all.inOrder = append(all.inOrder, record.ID)
		for _, parent := range record.Parents {
			all.children[parent]++
		}
	}
	return all
}

// leaves are the records that may go now: not in use, nothing built on them,
// and wanted gone.
func (r *records) leaves(wanted func(CacheRecord) bool) []CacheRecord {
	var leaves []CacheRecord
	for _, id := range r.inOrder {
		record, left := r.byID[id]
		if left && !record.InUse && r.children[id] == 0 && wanted(record) {
			leaves = append(leaves, record)
		}
	}
	return leaves
}

func (r *records) remove(record CacheRecord) {
	delete(r.byID, record.ID)
	for _, parent := range record.Parents {
		r.children[parent]--
	}
}

// leastUseful is the record that BuildKit's garbage collector takes next: it
// ranks them by last use and by number of uses, and adds up the two ranks.
// See sortDeleteRecords in
// https://github.com/moby/buildkit/blob/v0.33.0/cache/manager.go
func leastUseful(candidates []CacheRecord) CacheRecord {
	sorted := slices.Clone(candidates)
	rank := map[string]float64{}
	addRanks(sorted, rank, func(r CacheRecord) int64 { return unixNano(r.LastUsed) })
	addRanks(sorted, rank, func(r CacheRecord) int64 { return int64(r.Uses) })
	slices.SortStableFunc(sorted, func(a, b CacheRecord) int {
		return cmp.Or(cmp.Compare(rank[a.ID], rank[b.ID]), a.LastUsed.Compare(b.LastUsed), cmp.Compare(a.ID, b.ID))
	})
	return sorted[0]
}

// addRanks sorts the records by a value and adds to each its rank, which equal
// values share, as a part of the highest.
func addRanks(sorted []CacheRecord, rank map[string]float64, value func(CacheRecord) int64) {
	slices.SortStableFunc(sorted, func(a, b CacheRecord) int { return cmp.Compare(value(a), value(b)) })
	places := make([]float64, len(sorted))
	place, last := 1.0, int64(0)
	for i, record := range sorted {
		if v := value(record); v > last {
			last = v
			place++
		}
		places[i] = place
	}
	for i, record := range sorted {
		rank[record.ID] += places[i] / place
	}
}

// unixNano is 0 for a time that is not known.
func unixNano(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}
