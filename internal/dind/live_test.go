package dind

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/dindctl/dindctl/internal/kube"
)

// liveClaim returns a bound claim of 200Gi with the given change.
func liveClaim(change func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
	claim := &corev1.PersistentVolumeClaim{
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			VolumeMode:       new(corev1.PersistentVolumeFilesystem),
			StorageClassName: new("standard"),
			VolumeName:       "pvc-1",
			Resources:        requests("200Gi"),
		},
		Status: corev1.PersistentVolumeClaimStatus{
			Phase:    corev1.ClaimBound,
			Capacity: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("200Gi")},
		},
	}
	change(claim)
	return claim
}

func unchanged(*corev1.PersistentVolumeClaim) {}

// pending makes the claim ask for more than its volume has.
func pending(claim *corev1.PersistentVolumeClaim) {
	claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("100Gi")}
}

func TestLiveClaimRejects(t *testing.T) {
	block := func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeMode = new(corev1.PersistentVolumeBlock) }
	readOnly := func(c *corev1.PersistentVolumeClaim) {
		c.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadOnlyMany}
	}
	local := func(c *corev1.PersistentVolumeClaim) {
		c.Spec.StorageClassName, c.Spec.VolumeName = new(LocalStorageClass), "default-docker-dind-data"
	}
	for _, test := range []struct {
		name    string
		options func(*Options)
		claim   *corev1.PersistentVolumeClaim
		want    []complaint
	}{
		{"no options", func(*Options) {}, liveClaim(unchanged), nil},
		{"shrinking", func(o *Options) { o.StorageSize = "100Gi" }, liveClaim(unchanged), []complaint{{"--storage-size", "cannot shrink"}}},
		{"taking a growth back", func(o *Options) { o.StorageSize = "150Gi" }, liveClaim(pending), nil},
		{"taking a growth back to the volume's size", func(o *Options) { o.StorageSize = "100Gi" }, liveClaim(pending), []complaint{{"--storage-size", "only to more than that"}}},
		{"shrinking while growing", func(o *Options) { o.StorageSize = "99Gi" }, liveClaim(pending), []complaint{{"--storage-size", "cannot shrink"}}},
		{"cache larger than a volume that does not grow", func(o *Options) { o.CacheLimit = "150Gi" }, liveClaim(pending), []complaint{{"--cache-limit", "volume of 100Gi"}}},
		{"the same size, written differently", func(o *Options) { o.StorageSize = "204800Mi" }, liveClaim(unchanged), nil},
		{"growing", func(o *Options) { o.StorageSize = "300Gi" }, liveClaim(unchanged), nil},
		{"growing before it is bound", func(o *Options) { o.StorageSize = "300Gi" },
			liveClaim(func(c *corev1.PersistentVolumeClaim) { c.Status.Phase = corev1.ClaimPending }), []complaint{{"--storage-size", "not bound yet"}}},
		{"growing a local volume", func(o *Options) { o.StorageSize = "300Gi" }, liveClaim(local), []complaint{{"--storage-size", "cannot be expanded"}}},
		{"the same class", func(o *Options) { o.StorageClass = "standard" }, liveClaim(unchanged), nil},
		{"another class", func(o *Options) { o.StorageClass = "fast" }, liveClaim(unchanged), []complaint{{"--storage-class", `("standard")`}}},
		{"a class for a claim without one", func(o *Options) { o.StorageClass = "fast" },
			liveClaim(func(c *corev1.PersistentVolumeClaim) { c.Spec.StorageClassName = new("") }), []complaint{{"--storage-class", `("")`}}},
		{"a class for a claim that has none yet", func(o *Options) { o.StorageClass = "fast" },
			liveClaim(func(c *corev1.PersistentVolumeClaim) { c.Spec.StorageClassName = nil }), nil},
		{"local path on a local claim", func(o *Options) { o.LocalPath, o.LocalNode = "/mnt/x", "n" }, liveClaim(local), nil},
		{"local path on another claim", func(o *Options) { o.LocalPath, o.LocalNode = "/mnt/x", "n" }, liveClaim(unchanged), []complaint{{"--local-path", "another volume"}}},
		{"local path on a claim with another local volume", func(o *Options) { o.LocalPath, o.LocalNode = "/mnt/x", "n" },
			liveClaim(func(c *corev1.PersistentVolumeClaim) { local(c); c.Spec.VolumeName = "other" }), []complaint{{"--local-path", "another volume"}}},
		{"a block device", func(*Options) {}, liveClaim(block), []complaint{{"--name", "raw block device"}}},
		{"an existing claim with a block device", func(o *Options) { o.ExistingClaim = "data" }, liveClaim(block), []complaint{{"--existing-claim", "raw block device"}}},
		{"a read-only claim", func(o *Options) { o.ExistingClaim = "data" }, liveClaim(readOnly), []complaint{{"--existing-claim", "read-only"}}},
		{"cache larger than the claim", func(o *Options) { o.CacheLimit = "201Gi" }, liveClaim(unchanged), []complaint{{"--cache-limit", "volume of 200Gi"}}},
		{"cache larger than the default size", func(o *Options) { o.CacheLimit = "150Gi" }, nil, []complaint{{"--cache-limit", "volume of 100Gi"}}},
		{"cache that fits the claim, but not the default size", func(o *Options) { o.CacheLimit = "150Gi" }, liveClaim(unchanged), nil},
		{"a percentage of an unknown claim", func(o *Options) { o.ExistingClaim = "data" }, nil, []complaint{{"--cache-limit", "size is unknown"}}},
		{"a size with an unknown claim", func(o *Options) { o.ExistingClaim, o.CacheLimit = "data", "10Gi" }, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Build(with(test.options), Live{Claim: test.claim})
			checkComplaints(t, err, test.want)
		})
	}
}

func TestBuildRejectsInvalidOptions(t *testing.T) {
	_, err := Build(with(func(o *Options) { o.MTU = "x" }), Live{})
	checkComplaints(t, err, []complaint{{"--mtu", "neither"}})
}

// managed returns an entry of managedFields for fields of the claim's spec.
func managed(manager, fields string) metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: manager, FieldsType: "FieldsV1", FieldsV1: metav1.NewFieldsV1(`{"f:spec":{` + fields + `}}`)}
}

// If Build omits a field that dindctl owns, a second install fails. If it sets a field
// that the cluster owns, a second install is a change.
func TestCarryOver(t *testing.T) {
	full := func(c *corev1.PersistentVolumeClaim) {
		c.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"disk": "big"}}
		c.Spec.DataSource = &corev1.TypedLocalObjectReference{APIGroup: new("snapshot.storage.k8s.io"), Kind: "VolumeSnapshot", Name: "snap"}
		c.Spec.DataSourceRef = &corev1.TypedObjectReference{APIGroup: new("snapshot.storage.k8s.io"), Kind: "VolumeSnapshot", Name: "snap"}
	}
	for _, test := range []struct {
		name    string
		change  func(*corev1.PersistentVolumeClaim)
		options func(*Options)
		want    func(*corev1.PersistentVolumeClaimSpec)
	}{
		{"no managed fields", full, func(*Options) {}, func(s *corev1.PersistentVolumeClaimSpec) {}},
		{"class and volume set by the cluster",
			func(c *corev1.PersistentVolumeClaim) {
				c.ManagedFields = []metav1.ManagedFieldsEntry{managed("dindctl", `"f:volumeMode":{}`), managed("kube-controller-manager", `"f:volumeName":{}`)}
			}, func(*Options) {},
			func(s *corev1.PersistentVolumeClaimSpec) { s.StorageClassName, s.VolumeName = nil, "" }},
		{"class and volume set by an earlier install",
			func(c *corev1.PersistentVolumeClaim) {
				c.ManagedFields = []metav1.ManagedFieldsEntry{managed("dindctl", `"f:storageClassName":{},"f:volumeName":{}`)}
			}, func(*Options) {}, func(*corev1.PersistentVolumeClaimSpec) {}},
		{"class set by kubectl",
			func(c *corev1.PersistentVolumeClaim) {
				c.ManagedFields = []metav1.ManagedFieldsEntry{managed("kubectl-client-side-apply", `"f:storageClassName":{}`)}
			}, func(*Options) {}, func(s *corev1.PersistentVolumeClaimSpec) { s.VolumeName = "" }},
		{"invalid managed fields",
			func(c *corev1.PersistentVolumeClaim) {
				c.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "x", FieldsV1: metav1.NewFieldsV1(`{`)}}
			}, func(*Options) {}, func(*corev1.PersistentVolumeClaimSpec) {}},
		{"larger size, unchanged access mode",
			func(c *corev1.PersistentVolumeClaim) {
				c.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
			}, func(o *Options) { o.StorageSize = "1Ti" },
			func(s *corev1.PersistentVolumeClaimSpec) { s.Resources = requests("1Ti") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			live := liveClaim(test.change)
			before := live.DeepCopy()
			objects, err := Build(with(test.options), Live{Claim: live})
			if err != nil {
				t.Fatal(err)
			}
			manifests, err := objects.YAML()
			if err != nil {
				t.Fatal(err)
			}
			want := before.Spec.DeepCopy()
			test.want(want)
			if diff := cmp.Diff(*want, decode(t, manifests).claim.Spec); diff != "" {
				t.Errorf("the claim's spec (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, live); diff != "" {
				t.Errorf("Build changed the live claim:\n%s", diff)
			}
		})
	}
}

func TestLiveSelector(t *testing.T) {
	for _, test := range []struct {
		name        string
		selector    *metav1.LabelSelector
		wantTraffic map[string]string
		want        []complaint
	}{
		{"the default selector", &metav1.LabelSelector{MatchLabels: map[string]string{"app": "docker-dind"}}, map[string]string{"app": "docker-dind"}, nil},
		{"other labels", &metav1.LabelSelector{MatchLabels: map[string]string{"app": "dind", "tier": "ci"}}, map[string]string{"app": "dind", "tier": "ci"}, nil},
		{"labels that prune pods have too", &metav1.LabelSelector{MatchLabels: map[string]string{kube.InstanceLabel: "docker-dind"}},
			map[string]string{kube.InstanceLabel: "docker-dind", ComponentLabel: "daemon"}, nil},
		{"expressions", &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{"x", "y"}}, {Key: "ci", Operator: metav1.LabelSelectorOpExists}}},
			map[string]string{"app": "x", ComponentLabel: "daemon"}, nil},
		{"dindctl's labels excluded", &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
			{Key: "app", Operator: metav1.LabelSelectorOpDoesNotExist}}}, nil, []complaint{{"--name", "selector does not allow"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			live := &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Selector: test.selector.DeepCopy()}}
			objects, err := Build(Defaults(), Live{Deployment: live})
			checkComplaints(t, err, test.want)
			if err != nil {
				return
			}
			manifests, _ := objects.YAML()
			d := decode(t, manifests)
			if diff := cmp.Diff(test.selector, d.deployment.Spec.Selector); diff != "" {
				t.Errorf("the selector changed, which the API rejects:\n%s", diff)
			}
			if diff := cmp.Diff(test.wantTraffic, d.service.Spec.Selector); diff != "" {
				t.Errorf("the Service's selector (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.selector, live.Spec.Selector); diff != "" {
				t.Errorf("Build changed the live Deployment:\n%s", diff)
			}
		})
	}
}
