package dind

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycore "k8s.io/client-go/applyconfigurations/core/v1"
	applymeta "k8s.io/client-go/applyconfigurations/meta/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// MaxReplicas is the highest number of replicas: a job looks for each of them.
const MaxReplicas = 8

// ReplicaLabel is on the objects of a replica other than the first. Its value is the name
// of the installation.
const ReplicaLabel = "dindctl/replica-of"

// ReplicaName returns the name of a replica. The first, 0, has the installation's name, so
// that an installation with one daemon is one with one replica.
func ReplicaName(name string, replica int) string {
	if replica == 0 {
		return name
	}
	return name + "-" + strconv.Itoa(replica)
}

// replicaNames returns the names of all replicas that an installation may have.
func replicaNames(name string) []string {
	names := make([]string, MaxReplicas)
	for n := range names {
		names[n] = ReplicaName(name, n)
	}
	return names
}

// ReplicaCount returns the number of replicas of valid options.
func (o Options) ReplicaCount() int {
	count, err := strconv.Atoi(o.Replicas)
	if err != nil {
		return 1
	}
	return count
}

// Replica returns the options of a replica, which are those of an installation with one
// daemon. The replicas prune one after the other, if the schedule has a minute.
func (o Options) Replica(replica int) Options {
	if replica == 0 {
		return o
	}
	if nodes := o.localNodes(); len(nodes) > replica {
		o.LocalNode = nodes[replica]
	}
	o.ReplicaOf, o.Name, o.Replicas = o.Name, ReplicaName(o.Name, replica), ""
	minute, rest, _ := strings.Cut(o.PruneSchedule, " ")
	if first, err := strconv.Atoi(minute); err == nil {
		o.PruneSchedule = fmt.Sprintf("%d %s", (first+7*replica)%60, rest)
	}
	return o
}

// localNodes returns the nodes of LocalNode, one for each replica.
func (o Options) localNodes() []string { return strings.Split(o.LocalNode, ",") }

// Node returns the node of LocalPath; "" without one.
func (o Options) Node() string { return o.localNodes()[0] }

func (o Options) checkReplicas(errs *OptionErrors) {
	const option = "--replicas"
	count, err := strconv.Atoi(o.Replicas)
	switch {
	case o.Replicas != "" && (err != nil || count < 1 || count > MaxReplicas):
		errs.add(option, o.Replicas, fmt.Sprintf("must be a number from 1 to %d", MaxReplicas), "Beyond that, make a second installation with another --name.")
		return
	case count > 1 && o.ExistingClaim != "":
		errs.add(option, o.Replicas, "conflicts with --existing-claim", "Each replica needs its own claim. "+omitOne)
	case count > 1 && len(ReplicaName(o.Name, MaxReplicas-1)) > maxNameLength:
		errs.add("--name", o.Name, fmt.Sprintf("is longer than %d characters", maxNameLength-2), "The names of replicas have two more: choose a shorter name.")
	}
	nodes := o.localNodes()
	if o.LocalNode == "" || count <= 1 && len(nodes) == 1 {
		return
	}
	slices.Sort(nodes)
	if len(nodes) != max(count, 1) || len(slices.Compact(nodes)) != len(nodes) {
		errs.add("--local-node", o.LocalNode, fmt.Sprintf("must have one node for each of %d replicas", max(count, 1)),
			"Each replica needs its own directory: separate different nodes by commas, as in --local-node node-1,node-2.")
	}
}

// checkReplicaOf rejects options that would make one replica, or all but one, something
// else by accident.
func (p *plan) checkReplicaOf(errs *OptionErrors, live *appsv1.Deployment) {
	last, known := Remembered(live)
	switch of := ReplicaOf(live); {
	case live == nil || of == p.ReplicaOf && (p.Replicas != "" || !known || last.ReplicaCount() == 1):
	case of == p.ReplicaOf:
		errs.add("--replicas", "", "is missing, but this installation has "+last.Replicas+" replicas",
			fmt.Sprintf("Use --replicas %s to keep them, or --replicas 1 to stop all but %s.", last.Replicas, p.Name))
	case of != "":
		errs.add("--name", p.Name, "is a replica of "+of, "Use --name "+of+".")
	default:
		*errs = append(*errs, ReplicaNameTaken(p.Name)...)
	}
}

// ReplicaNameTaken returns the error for a replica whose name another installation has.
func ReplicaNameTaken(name string) (errs OptionErrors) {
	errs.add("--replicas", "", "needs the name "+name+", which another installation has",
		"Choose another --name, or uninstall that one: without --delete-data the replica continues with its cache.")
	return errs
}

// ReplicaOf returns the name of the installation that the Deployment is a replica of; "" if
// it is the first replica, or no replica, or nil.
func ReplicaOf(deployment *appsv1.Deployment) string {
	if deployment == nil {
		return ""
	}
	return deployment.Labels[ReplicaLabel]
}

// withSpread makes a replica other than the first prefer a node without another one. The
// first does not need it, and so its pod does not restart when it gets company.
func (p plan) withSpread(pod *applycore.PodSpecApplyConfiguration) {
	if p.ReplicaOf == "" || pod.Affinity != nil && pod.Affinity.PodAntiAffinity != nil {
		return
	}
	if pod.Affinity == nil {
		pod.WithAffinity(applycore.Affinity())
	}
	others := applymeta.LabelSelector().WithMatchExpressions(
		applymeta.LabelSelectorRequirement().WithKey(kube.InstanceLabel).WithOperator(metav1.LabelSelectorOpIn).WithValues(replicaNames(p.ReplicaOf)...),
		applymeta.LabelSelectorRequirement().WithKey(ComponentLabel).WithOperator(metav1.LabelSelectorOpIn).WithValues(DaemonComponent))
	pod.Affinity.WithPodAntiAffinity(applycore.PodAntiAffinity().WithPreferredDuringSchedulingIgnoredDuringExecution(
		applycore.WeightedPodAffinityTerm().WithWeight(100).WithPodAffinityTerm(
			applycore.PodAffinityTerm().WithTopologyKey(corev1.LabelHostname).WithLabelSelector(others))))
}

// Ranking returns the names of the replicas in the order in which jobs with the key ask for
// them, as job_replicas.sh does.
func Ranking(name, key string, replicas int) []string {
	return rank(replicaNames(name)[:replicas], key)
}

// rank sorts the names by rendezvous hashing: another name moves only the keys that it gets.
// The hash is SHA-256, because by a checksum such as CRC the order of two names is the same
// for most keys.
func rank(ranking []string, key string) []string {
	weight := func(replica string) string {
		sum := sha256.Sum256([]byte(key + "/" + replica))
		return hex.EncodeToString(sum[:])
	}
	slices.SortFunc(ranking, func(a, b string) int { return cmp.Compare(weight(a), weight(b)) })
	return ranking
}
