// Package kube is a client of one Kubernetes cluster: it connects, reads,
// deletes, runs commands and reads logs in pods, and retries. Its table of kinds
// says how the objects of each kind are treated.
package kube

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	_ "k8s.io/client-go/plugin/pkg/client/auth" // the logins that a kubeconfig may name, as in kubectl
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// Connection selects a cluster and a user. Empty fields have kubectl's defaults.
type Connection struct {
	Kubeconfig string   // path; "" means $KUBECONFIG, then ~/.kube/config, then the pod's own service account
	Context    string   // "" means the kubeconfig's current context
	Namespace  string   // "" means the context's namespace, else "default"
	As, AsUID  string   // user to impersonate
	AsGroups   []string // groups to impersonate
	// The rest of kubectl's options that replace what the kubeconfig has.
	Cluster, User, Server, TLSServerName, Token        string
	CertificateAuthority, ClientCertificate, ClientKey string // paths
	InsecureSkipTLSVerify                              bool
	RequestTimeout                                     string // of one request; "" means none
	WithoutForwardWebsockets, WithoutExecWebsockets    bool   // use SPDY at once
	UserAgent                                          string // sent with every request, visible in the audit log
	// Warn gets the API server's warnings, each once; nil drops them.
	Warn func(text string)
}

// Cluster is a connection to one cluster and one namespace in it. It is safe
// for concurrent use and needs no closing.
type Cluster struct {
	Client    kubernetes.Interface
	Dynamic   dynamic.Interface // for kinds without a type
	Config    *rest.Config
	Namespace string
	Context   string // name of the kubeconfig's context; "" in a pod
	// WithoutForwardWebsockets and WithoutExecWebsockets are those of the Connection.
	WithoutForwardWebsockets, WithoutExecWebsockets bool
}

// In returns the same connection to another namespace.
func (c *Cluster) In(namespace string) *Cluster {
	other := *c
	other.Namespace = namespace
	return &other
}

// Where names the cluster, as the kubeconfig does or by its address, and the namespace.
func (c *Cluster) Where() string {
	switch {
	case c.Context != "":
		return fmt.Sprintf("context %s, namespace %s", c.Context, c.Namespace)
	case c.Config != nil:
		return fmt.Sprintf("server %s, namespace %s", c.Config.Host, c.Namespace)
	}
	return "namespace " + c.Namespace
}

// Login obtains the credentials of the kubeconfig's plugin, if it names one. The plugin
// may ask for a password on the terminal. Login sends a request and returns no error:
// that of the next request is the same.
func (c *Cluster) Login(ctx context.Context) {
	if c.Config != nil && c.Config.ExecProvider != nil {
		c.Client.Discovery().RESTClient().Get().AbsPath("/version").Do(ctx)
	}
}

// serverWarnings passes on the warnings of the API server.
type serverWarnings struct {
	warn func(string)
	seen *sync.Map
}

// HandleWarningHeader implements rest.WarningHandler. Only code 299 is a warning for
// users. See https://kubernetes.io/blog/2020/09/03/warnings/
func (w serverWarnings) HandleWarningHeader(code int, _, text string) {
	if _, again := w.seen.LoadOrStore(text, true); code == 299 && text != "" && !again {
		w.warn(text)
	}
}

// ErrNoConfiguration is returned by Connect if there is neither a kubeconfig nor
// a pod's service account.
var ErrNoConfiguration = errors.New("no kubeconfig was found")

// Connect reads the configuration as kubectl does and creates clients, without a
// request. It returns a *ConfigurationError if there is no usable configuration;
// the error wraps ErrNoConfiguration if there is none at all.
func Connect(c Connection) (*Cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{
		CurrentContext: c.Context,
		Context:        api.Context{Namespace: c.Namespace, Cluster: c.Cluster, AuthInfo: c.User},
		AuthInfo: api.AuthInfo{
			Impersonate: c.As, ImpersonateUID: c.AsUID, ImpersonateGroups: c.AsGroups,
			Token: c.Token, ClientCertificate: c.ClientCertificate, ClientKey: c.ClientKey,
		},
		ClusterInfo: api.Cluster{
			Server: c.Server, CertificateAuthority: c.CertificateAuthority,
			InsecureSkipTLSVerify: c.InsecureSkipTLSVerify, TLSServerName: c.TLSServerName,
		},
		Timeout: c.RequestTimeout,
	}
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)

	config, err := loader.ClientConfig()
	if err != nil {
		if raw, _ := loader.RawConfig(); clientcmd.IsEmptyConfig(err) && c.Kubeconfig == "" && len(raw.Contexts) == 0 {
			err = ErrNoConfiguration
		}
		return nil, &ConfigurationError{Err: err}
	}
	namespace, _, err := loader.Namespace()
	if err != nil {
		return nil, &ConfigurationError{Err: err}
	}
	name := c.Context
	if raw, err := loader.RawConfig(); err == nil && name == "" {
		name = raw.CurrentContext
	}

	c.impersonate(config)
	config.UserAgent = c.UserAgent
	// A client-side rate limit would queue requests that are sent together. A
	// handful of requests needs none, and the server has priority and fairness.
	config.QPS = -1
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	config.WarningHandler = rest.NoWarnings{}
	if c.Warn != nil {
		config.WarningHandler = serverWarnings{c.Warn, &sync.Map{}}
	}

	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, &ConfigurationError{Err: err}
	}
	untyped, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, &ConfigurationError{Err: err}
	}
	return &Cluster{
		Client: client, Dynamic: untyped, Config: config, Namespace: namespace, Context: name,
		WithoutForwardWebsockets: c.WithoutForwardWebsockets, WithoutExecWebsockets: c.WithoutExecWebsockets,
	}, nil
}

// impersonate sets the user to impersonate: in a pod client-go drops it, and requests
// would have the rights of the pod. See https://github.com/kubernetes/kubernetes/issues/116640
func (c Connection) impersonate(config *rest.Config) {
	if c.As != "" {
		config.Impersonate.UserName = c.As
	}
	if c.AsUID != "" {
		config.Impersonate.UID = c.AsUID
	}
	if len(c.AsGroups) > 0 {
		config.Impersonate.Groups = c.AsGroups
	}
}

// ConfigurationError is returned if there is no usable client configuration; no
// request was sent.
type ConfigurationError struct{ Err error }

func (e *ConfigurationError) Error() string {
	return fmt.Sprintf("reading the client configuration: %v", e.Err)
}

// Unwrap returns the cause.
func (e *ConfigurationError) Unwrap() error { return e.Err }

// Ref returns the reference of an object in the connection's namespace; a
// cluster-scoped kind has none.
func (c *Cluster) Ref(kind, name string) Ref {
	ref := Ref{Kind: kind, Name: name}
	if KindOf(kind).Namespaced {
		ref.Namespace = c.Namespace
	}
	return ref
}
