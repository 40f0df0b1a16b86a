package lifecycle

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// RemovedClaim is a claim that a removal would delete with its data.
type RemovedClaim struct {
	Name    string
	Size    string // its capacity or, until it is bound, its request
	Created time.Time
}

// Claims returns the claims that the removal would delete.
func (r Removal) Claims() []RemovedClaim {
	var claims []RemovedClaim
	for _, replica := range r.replicas {
		claims = append(claims, replica.Claims()...)
	}
	for _, item := range r.items[stageClaim] {
		claim, is := item.Object.(*corev1.PersistentVolumeClaim)
		if !is {
			continue
		}
		size := claim.Status.Capacity.Storage()
		if size.IsZero() {
			size = claim.Spec.Resources.Requests.Storage()
		}
		claims = append(claims, RemovedClaim{Name: claim.Name, Size: size.String(), Created: claim.CreationTimestamp.Time})
	}
	return claims
}
