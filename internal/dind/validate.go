package dind

// Validate tells everything that is wrong with the options, as Problems, or
// nil. What depends on the cluster is left to Build.
func (o Options) Validate() error {
	return Problems(nil).err()
}
