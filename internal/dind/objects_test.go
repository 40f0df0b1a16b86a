package dind

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPodIsTheDeployments(t *testing.T) {
	for _, in := range installations() {
		t.Run(in.name, func(t *testing.T) {
			objects := mustBuild(t, in)
			manifests, err := objects.YAML()
			if err != nil {
				t.Fatal(err)
			}
			pod, err := objects.Pod()
			if err != nil {
				t.Fatal(err)
			}
			template := decode(t, manifests).deployment.Spec.Template
			if diff := cmp.Diff(template.Spec, pod.Spec); diff != "" {
				t.Errorf("the pod's spec (-template +pod):\n%s", diff)
			}
			if diff := cmp.Diff(template.Labels, pod.Labels); diff != "" {
				t.Errorf("the pod's labels (-template +pod):\n%s", diff)
			}
			if pod.Namespace != in.options.Namespace || pod.GenerateName != in.options.Name+"-" {
				t.Errorf("the pod is %s/%s", pod.Namespace, pod.GenerateName)
			}
		})
	}
}

func TestList(t *testing.T) {
	text, err := json.Marshal(mustBuild(t, installation{options: Defaults()}).List())
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		APIVersion, Kind string
		Items            []struct{ Kind string }
	}
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	kinds := list.APIVersion + " " + list.Kind + ":"
	for _, item := range list.Items {
		kinds += " " + item.Kind
	}
	if want := "v1 List: PersistentVolumeClaim ConfigMap NetworkPolicy Service Service Deployment CronJob"; kinds != want {
		t.Errorf("%s, want %s", kinds, want)
	}
}
