package kube

import (
	"context"
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Item is one object that was found.
type Item struct {
	Ref    Ref
	Object metav1.Object
}

// Inventory is what was found in the cluster, in the order of the table of kinds.
type Inventory []Item

// Find returns the object with that reference, nil if it was not found.
func (i Inventory) Find(ref Ref) metav1.Object {
	for _, item := range i {
		if item.Ref == ref {
			return item.Object
		}
	}
	return nil
}

// Get returns the object with that reference as a T, nil if it was not found.
func Get[T any](i Inventory, ref Ref) *T {
	object, _ := any(i.Find(ref)).(*T)
	return object
}

// Read gets the objects concurrently and omits those that do not exist. The error
// is a *ReadError for the first object that could not be read; the inventory
// holds the others.
func (c *Cluster) Read(ctx context.Context, refs ...Ref) (Inventory, error) {
	found, unread := c.ReadEach(ctx, refs)
	if len(unread) > 0 {
		return found, unread[0]
	}
	return found, nil
}

// ReadEach is Read with an error for each object that could not be read.
func (c *Cluster) ReadEach(ctx context.Context, refs []Ref) (found Inventory, unread []*ReadError) {
	objects, failures := make([]metav1.Object, len(refs)), make([]error, len(refs))
	var reading sync.WaitGroup
	for i, ref := range refs {
		reading.Go(func() { objects[i], failures[i] = c.For(ref).Get(ctx, ref.Name) })
	}
	reading.Wait()
	for i, ref := range refs {
		switch {
		case failures[i] != nil:
			unread = append(unread, &ReadError{Ref: ref, Err: failures[i]})
		case objects[i] != nil:
			found = append(found, Item{ref, objects[i]})
		}
	}
	return found.With(nil), unread
}

// With returns the inventory with the objects of another one added, in the order
// of the table of kinds. An object replaces the one with the same reference.
func (i Inventory) With(more Inventory) Inventory {
	all := slices.Clone(i)
	for _, item := range more {
		all = append(all.Without(item.Ref), item)
	}
	order := map[string]int{}
	for n, kind := range kinds() {
		order[kind.Name] = n
	}
	slices.SortStableFunc(all, func(a, b Item) int { return order[a.Ref.Kind] - order[b.Ref.Kind] })
	return all
}

// Without returns the inventory without one object.
func (i Inventory) Without(ref Ref) Inventory {
	return slices.DeleteFunc(slices.Clone(i), func(item Item) bool { return item.Ref == ref })
}
