//go:build e2e

package e2e

import "testing"

// Install and uninstall, again and again: the claim stays the one it was, and in
// the end its cache is hit as if nothing had been. Twice in normal runs, fifty
// times with DINDCTL_SOAK=1.
func TestCycles(t *testing.T) {
	t.Parallel()
	count := counting(t, "cycles")
	i := install(t, env.newest())
	claim := guarded{installation: i, count: count}
	claim.look(t)
	i.buildsCold(t, "app")
	for range times(2, 50) {
		succeed(t, i.command("uninstall")...)
		claim.look(t)
		left := i.leftOver(t)
		equal(t, "what is left", left, []string{"persistentvolumeclaim/" + i.name + "-data"})
		i.install(t)
		claim.look(t)
		count.add(true, true, len(left) == 1 && len(i.objects(t)) == 6)
	}
	i.buildsCached(t, "app", "after all cycles")
}
