package manager

import (
	"container/heap"
	"time"
)

// retries are the slots that wait, the one whose time comes first on top.
type retries []*slot

func (r *retries) add(sl *slot)  { heap.Push(r, sl) }
func (r *retries) drop(sl *slot) { heap.Remove(r, sl.place) }

// next is when the first is to be tried again, zero if none waits.
func (r retries) next() time.Time {
	if len(r) == 0 {
		return time.Time{}
	}
	return r[0].retryAt
}

// The methods of heap.Interface.

func (r retries) Len() int           { return len(r) }
func (r retries) Less(i, j int) bool { return r[i].retryAt.Before(r[j].retryAt) }
func (r retries) Swap(i, j int)      { r[i], r[j] = r[j], r[i]; r[i].place, r[j].place = i, j }

func (r *retries) Push(x any) {
	sl := x.(*slot)
	sl.place = len(*r)
	*r = append(*r, sl)
}

func (r *retries) Pop() any {
	last := len(*r) - 1
	sl := (*r)[last]
	(*r)[last] = nil
	*r = (*r)[:last]
	return sl
}
