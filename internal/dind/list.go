package dind

// List is what several objects are as one JSON document, for kubectl apply.
type List struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Items      []any  `json:"items"`
}

// List gives the objects as one document, in the order of YAML.
func (o Objects) List() List {
	return List{APIVersion: "v1", Kind: "List", Items: o.inOrder()}
}
