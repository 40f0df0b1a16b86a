package cluster
import ("testing";"time";"context";"k8s.io/client-go/kubernetes/fake"
 applycore "k8s.io/client-go/applyconfigurations/core/v1"
 metav1 "k8s.io/apimachinery/pkg/apis/meta/v1")
func TestZZ(t *testing.T){ b:=time.Now(); c:=fake.NewClientset(); t.Log(time.Since(b)); b=time.Now()
 for i:=0;i<3;i++ { b=time.Now(); o,err:=c.CoreV1().ConfigMaps("x").Apply(context.Background(), applycore.ConfigMap("a","x").WithData(map[string]string{"a":"b"}), metav1.ApplyOptions{FieldManager:"m"}); t.Log(time.Since(b), o.ManagedFields, err)}
 b=time.Now(); c=fake.NewClientset(); t.Log(time.Since(b)) }
