package dind

import (
	"slices"
	"strings"
	"testing"

	applyapps "k8s.io/client-go/applyconfigurations/apps/v1"
	applybatch "k8s.io/client-go/applyconfigurations/batch/v1"
	applynetworking "k8s.io/client-go/applyconfigurations/networking/v1"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/dindctl/dindctl/internal/kube"
)

// liveDeployment returns the Deployment as the API server returns it.
func liveDeployment(t *testing.T, o Options) *appsv1.Deployment {
	t.Helper()
	objects, err := Build(o, Live{})
	if err != nil {
		t.Fatal(err)
	}
	live := &appsv1.Deployment{}
	if err := convert(first[*applyapps.DeploymentApplyConfiguration](objects), live); err != nil {
		t.Fatal(err)
	}
	live.UID = "deployment"
	return live
}

// The pods of all Jobs have the same restrictions: they differ only in name, script and
// variables.
func TestVerifyJobIsAsHardenedAsThePruneJob(t *testing.T) {
	o := Defaults()
	o.Namespace, o.Name = "ci", "d"
	o.Image = "registry.example.com/docker:29.7.2-dind"
	o.ImagePullSecrets, o.Tolerations, o.PriorityClass = []string{"pull"}, []string{"ci=yes:NoSchedule"}, "high"
	o.NodeSelector = []string{"disk=fast"}
	job, err := VerifyJob(liveDeployment(t, o), VerifySpec{From: "ci", Token: "t0"})
	if err != nil {
		t.Fatal(err)
	}
	objects, err := Build(o, Live{})
	if err != nil {
		t.Fatal(err)
	}
	var prune batchv1.JobTemplateSpec
	if err := convert(first[*applybatch.CronJobApplyConfiguration](objects).Spec.JobTemplate, &prune); err != nil {
		t.Fatal(err)
	}
	want, got := prune.Spec.Template.Spec.DeepCopy(), job.Spec.Template.Spec.DeepCopy()
	// The verify Job may run in a namespace without the ConfigMap.
	ofConfig := func(m corev1.VolumeMount) bool { return m.Name == ConfigVolumeName && m.ReadOnly }
	want.Volumes = slices.DeleteFunc(want.Volumes, func(v corev1.Volume) bool { return v.Name == ConfigVolumeName })
	want.Containers[0].VolumeMounts = slices.DeleteFunc(want.Containers[0].VolumeMounts, ofConfig)
	for _, pod := range []*corev1.PodSpec{want, got} {
		container := &pod.Containers[0]
		container.Name, container.Command = "", nil
		var env []corev1.EnvVar
		for _, v := range container.Env {
			if !strings.HasPrefix(v.Name, "PRUNE_") && !strings.HasPrefix(v.Name, "VERIFY_") {
				env = append(env, v)
			}
		}
		container.Env = env
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if got.Containers[0].Image != o.Image || got.PriorityClassName != "high" || len(got.Tolerations) != 1 || len(got.ImagePullSecrets) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestVerifyJob(t *testing.T) {
	o := Defaults()
	o.Namespace, o.Name = "ci", strings.Repeat("n", maxNameLength)
	o.ImagePullSecrets = []string{"pull"}
	daemon := liveDeployment(t, o)
	for _, test := range []struct {
		name    string
		spec    VerifySpec
		expects string
		owned   bool
	}{
		{"in the same namespace", VerifySpec{From: "ci", Token: "t0"}, "reached", true},
		{"in another namespace", VerifySpec{From: "jobs", Token: "t0"}, "reached", false},
		{"where the daemon must not be reachable", VerifySpec{From: "jobs", Token: "t0", Refused: true}, "refused", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			job, err := VerifyJob(daemon, test.spec)
			if err != nil {
				t.Fatal(err)
			}
			env := map[string]string{}
			for _, v := range job.Spec.Template.Spec.Containers[0].Env {
				env[v.Name] = v.Value
			}
			want := map[string]string{
				"DOCKER_HOST": Endpoint("ci", o.Name, false), "DOCKER_TLS_CERTDIR": "", "HOME": "/tmp",
				"VERIFY_TOKEN": "t0", "VERIFY_EXPECT": test.expects,
			}
			if test.spec.Refused {
				delete(want, "DOCKER_TLS_CERTDIR")
			}
			if diff := cmp.Diff(want, env); diff != "" {
				t.Error(diff)
			}
			if job.Namespace != test.spec.From || (len(job.OwnerReferences) == 1) != test.owned || !strings.HasSuffix(job.Name, "-verify-t0") || len(job.Name) > 63 {
				t.Errorf("got %s in %s, owned by %v", job.Name, job.Namespace, job.OwnerReferences)
			}
			if named := len(job.Spec.Template.Spec.ImagePullSecrets) > 0; named != test.owned {
				t.Errorf("names image pull Secrets of the daemon's namespace: %v", named)
			}
			for _, labels := range []map[string]string{job.Labels, job.Spec.Template.Labels} {
				if labels[kube.InstanceLabel] != o.Name || labels[kube.ManagedByLabel] != kube.ManagedByValue || labels[AppLabel] != "" || labels[ComponentLabel] != VerifyComponent {
					t.Errorf("labels %v must identify the Job, but not match the Service", labels)
				}
			}
			if job.Spec.TTLSecondsAfterFinished == nil || job.Spec.ActiveDeadlineSeconds == nil || *job.Spec.BackoffLimit != 0 {
				t.Error("the Job needs a deadline, a TTL and no retries")
			}
		})
	}
}

// With TLS the Job mounts the client certificate, unless the daemon must not be
// reachable: that namespace may have no Secret.
func TestVerifyJobWithTLS(t *testing.T) {
	o := Defaults()
	o.Namespace, o.Name, o.TLS = "ci", "d", true
	for _, refused := range []bool{false, true} {
		job, err := VerifyJob(liveDeployment(t, o), VerifySpec{From: "jobs", Token: "t0", Refused: refused})
		if err != nil {
			t.Fatal(err)
		}
		pod := job.Spec.Template.Spec
		host, verifies, mounted := "", false, false
		for _, v := range pod.Containers[0].Env {
			switch v.Name {
			case "DOCKER_HOST":
				host = v.Value
			case "DOCKER_TLS_VERIFY":
				verifies = true
			}
		}
		for _, v := range pod.Volumes {
			mounted = mounted || v.Secret != nil
		}
		if host != Endpoint("ci", "d", true) || verifies == refused || mounted == refused {
			t.Errorf("refused %v: %s, verifies %v, mounted %v", refused, host, verifies, mounted)
		}
	}
}

func TestParseVerifyResult(t *testing.T) {
	build := func(seconds float64, cached int) *VerifiedBuild { return &VerifiedBuild{seconds, cached} }
	for _, test := range []struct {
		name, message string
		want          VerifyResult
		fails         string
	}{
		{"cached", "outcome=cached\nengine=29\nsteps=2\ncold=245\ncold-cached=0\nwarm=7\nwarm-cached=2\n\n",
			VerifyResult{VerifyCached, 2, build(2.45, 0), build(0.07, 2), ""}, ""},
		{"a build fails", "outcome=failed\nsteps=2\n\nERROR: x=y\n\nfull", VerifyResult{VerifyFailed, 2, nil, nil, "ERROR: x=y\n\nfull"}, ""},
		{"refused", "outcome=refused\n\nCannot connect\n", VerifyResult{VerifyRefused, 0, nil, nil, "Cannot connect"}, ""},
		{"no message", "", VerifyResult{}, "no outcome"},
		{"a log instead", "sh: not found\n", VerifyResult{}, "no outcome"},
		{"an unknown outcome", "outcome=wonderful\n\n", VerifyResult{}, "no outcome"},
		{"cached without builds", "outcome=cached\nsteps=2\n\n", VerifyResult{}, "without its steps"},
		{"cached, but not every step", "outcome=cached\nsteps=2\ncold=2\ncold-cached=0\nwarm=2\nwarm-cached=1\n\n", VerifyResult{}, "without its steps"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseVerifyResult(test.message)
			if diff := cmp.Diff(test.want, got); diff != "" || (err == nil) != (test.fails == "") || (err != nil && !strings.Contains(err.Error(), test.fails)) {
				t.Errorf("%v\n%s", err, diff)
			}
		})
	}
}

func TestPolicyAllows(t *testing.T) {
	o := Defaults()
	o.Namespace, o.Name, o.AllowNamespaces = "ci", "d", []string{"jobs"}
	objects, err := Build(o, Live{})
	if err != nil {
		t.Fatal(err)
	}
	policy := func(change func(*networkingv1.NetworkPolicy)) *networkingv1.NetworkPolicy {
		live := &networkingv1.NetworkPolicy{}
		if err := convert(first[*applynetworking.NetworkPolicyApplyConfiguration](objects), live); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(live)
		}
		return live
	}
	port := func(p intstr.IntOrString) func(*networkingv1.NetworkPolicy) {
		return func(n *networkingv1.NetworkPolicy) { n.Spec.Ingress[0].Ports[0].Port = &p }
	}
	peer := func(p networkingv1.NetworkPolicyPeer) func(*networkingv1.NetworkPolicy) {
		return func(n *networkingv1.NetworkPolicy) { n.Spec.Ingress[0].From = []networkingv1.NetworkPolicyPeer{p} }
	}
	for _, test := range []struct {
		name   string
		policy *networkingv1.NetworkPolicy
		from   string
		want   bool
	}{
		{"no policy", nil, "elsewhere", true},
		{"the same namespace", policy(nil), "ci", true},
		{"an allowed namespace", policy(nil), "jobs", true},
		{"another namespace", policy(nil), "elsewhere", false},
		{"a namespace with the same prefix", policy(nil), "jobs-2", false},
		{"another port", policy(port(intstr.FromInt32(9323))), "ci", false},
		{"the port by name", policy(port(intstr.FromString(PortName))), "ci", true},
		{"another protocol", policy(func(n *networkingv1.NetworkPolicy) { n.Spec.Ingress[0].Ports[0].Protocol = new(corev1.ProtocolUDP) }), "ci", false},
		{"every port", policy(func(n *networkingv1.NetworkPolicy) { n.Spec.Ingress[0].Ports = nil }), "ci", true},
		{"all sources", policy(func(n *networkingv1.NetworkPolicy) { n.Spec.Ingress[0].From = nil }), "elsewhere", true},
		{"no rule", policy(func(n *networkingv1.NetworkPolicy) { n.Spec.Ingress = nil }), "ci", false},
		{"all namespaces", policy(peer(networkingv1.NetworkPolicyPeer{NamespaceSelector: &metav1.LabelSelector{}})), "elsewhere", true},
		{"some pods of all namespaces", policy(peer(networkingv1.NetworkPolicyPeer{
			NamespaceSelector: &metav1.LabelSelector{}, PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}},
		})), "elsewhere", false},
		{"an IP block", policy(peer(networkingv1.NetworkPolicyPeer{IPBlock: &networkingv1.IPBlock{CIDR: "0.0.0.0/0"}})), "elsewhere", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := PolicyAllows(test.policy, test.from); got != test.want {
				t.Errorf("got %v", got)
			}
		})
	}
}
