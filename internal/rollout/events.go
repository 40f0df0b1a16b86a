package rollout

import (
	"context"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/dindctl/dindctl/internal/kube"
)

// Events reads the events that may explain the state: those of the current pod,
// and of the claim if it is not bound or grows.
func Events(ctx context.Context, c *kube.Cluster, v State) ([]*corev1.Event, error) {
	var uids []types.UID
	if v.Claim != nil && (v.Claim.Status.Phase != corev1.ClaimBound || Growing(v.Claim)) {
		uids = append(uids, v.Claim.UID)
	}
	if pod := v.CurrentPod(); pod != nil {
		uids = append(uids, pod.UID)
	}
	lists := make([]corev1.EventList, len(uids))
	group, ctx := errgroup.WithContext(ctx)
	for i, uid := range uids {
		group.Go(func() (err error) {
			lists[i], err = kube.List(ctx, c.Client.CoreV1().Events(c.Namespace).List, about(uid))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, &kube.ReadError{Ref: kube.Ref{Kind: "Event", Namespace: c.Namespace, Name: "*"}, Err: err}
	}
	var events []*corev1.Event
	for _, list := range lists {
		for i := range list.Items {
			events = append(events, &list.Items[i])
		}
	}
	return events, nil
}

// eventSources returns the sources of events about the objects with these UIDs.
func eventSources(c *kube.Cluster, uids []types.UID) []source {
	sources := make([]source, len(uids))
	for i, uid := range uids {
		// Events only explain: those in the API server's cache suffice.
		sources[i] = source{name: "events", open: c.Client.CoreV1().Events(c.Namespace).Watch, options: about(uid)}
	}
	return sources
}

// about selects events by the UID of their object, not by its name, which an
// earlier object may have had.
func about(uid types.UID) metav1.ListOptions { return kube.ByField("involvedObject.uid", string(uid)) }
