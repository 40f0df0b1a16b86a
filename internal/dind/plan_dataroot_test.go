package dind

import (
	"errors"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestDataRootChanges(t *testing.T) {
	const old, current = "docker:26.1.5-dind", "docker:29.7.2-dind"
	container := func(image string, args []string, env ...corev1.EnvVar) *appsv1.Deployment {
		return &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: ContainerName, Image: image, Args: args, Env: env}}},
		}}}
	}
	driver := func(name string) corev1.EnvVar { return corev1.EnvVar{Name: "DOCKER_DRIVER", Value: name} }
	const downgrade, otherDriver = `--image "docker:26.1.5-dind": is older than engine 29`, `is not the driver that wrote the data`
	tests := []struct {
		name          string
		live          *appsv1.Deployment
		label         string // the version on the claim
		image, driver string
		want          string
		reported      string // the driver that the daemon reports
	}{
		{"the same image", container(current, nil), "", current, "", "", ""},
		{"an upgrade", container(old, nil), "", current, "", "", ""},
		{"a downgrade", container(current, nil), "29.7.2", old, "", downgrade, ""},
		{"a downgrade after uninstall", nil, "29.7.2", old, "", downgrade, ""},
		{"the same after uninstall", nil, "26.1.5", old, "", "", ""},
		{"an unknown version", container("mirror/dind:ours", nil), "", old, "", "", ""},
		{"to an unknown version", container(current, nil), "", "docker:dind", "", "", ""},
		{"no driver set", container(current, nil, driver("overlay2")), "", current, "", "", ""},
		{"the same driver", container(current, nil, driver("overlay2")), "", current, "overlay2", "", ""},
		{"the same driver, as a flag", container(current, []string{"--storage-driver=overlay2"}), "", current, "overlay2", "", ""},
		{"the same driver, as two arguments", container(current, []string{"-s", "overlay2"}), "", current, "overlay2", "", ""},
		{"another driver", container(current, nil, driver("overlay2")), "", current, "vfs", otherDriver, ""},
		{"the engine's default driver", container(old, nil), "", old, "overlay2", "", ""},
		{"not the engine's default driver", container(current, nil), "", current, "overlay2", otherDriver, ""},
		{"the driver that the daemon reports", container(current, nil), "", current, "overlay2", "", "overlay2"},
		{"not the driver that the daemon reports", container(current, nil), "", current, "overlay2", otherDriver, "overlayfs"},
		{"the Deployment's driver, but not the one that the daemon reports", container(current, nil, driver("overlay2")), "", current, "overlay2", otherDriver, "overlayfs"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := Defaults()
			o.Image, o.StorageDriver = test.image, test.driver
			claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{VersionLabel: test.label}}}
			claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("100Gi")}
			live := Live{Claim: claim, Deployment: test.live, StorageDriver: test.reported}
			_, err := Build(o, live)
			var incompatible *IncompatibleError
			if errors.As(err, &incompatible) != (test.want != "") {
				t.Errorf("unexpected type of error: %T", err)
			}
			if got := text(err); (got == "") != (test.want == "") || !strings.Contains(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
			o.AllowDataRootChange = true
			if _, err := Build(o, live); err != nil {
				t.Errorf("with AllowDataRootChange: %v", err)
			}
		})
	}
}

// The class of a claim decides whether the claim can be expanded.
func TestExpansionByClass(t *testing.T) {
	class := func(allows *bool) *storagev1.StorageClass {
		return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "fast"}, AllowVolumeExpansion: allows}
	}
	for _, test := range []struct {
		name, size string
		class      *storagev1.StorageClass
		refused    bool
	}{
		{"allowed", "200Gi", class(new(true)), false},
		{"not allowed", "200Gi", class(new(false)), true},
		{"not set", "200Gi", class(nil), true},
		{"unknown class", "200Gi", nil, false},
		{"same size", "100Gi", class(nil), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := Defaults()
			o.StorageSize = test.size
			claim := &corev1.PersistentVolumeClaim{Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound}}
			claim.Spec.StorageClassName = new("fast")
			claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("100Gi")}
			_, err := Build(o, Live{Claim: claim, Class: test.class})
			if refused := strings.Contains(text(err), "its class fast does not allow volume expansion"); refused != test.refused {
				t.Errorf("got %v", err)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
