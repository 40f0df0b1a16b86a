package lifecycle

import "testing"

// allObjects returns this change for each object of an install with the default
// options.
func allObjects(change string) []ObjectChange {
	return []ObjectChange{
		object("PersistentVolumeClaim", "d-data", change), object("ConfigMap", "d-config", change), object("NetworkPolicy", "d", change),
		object("Service", "d", change), object("Deployment", "d", change), object("CronJob", "d-clear-cache", change),
	}
}

func object(kind, name, change string) ObjectChange {
	return ObjectChange{Kind: kind, Name: name, Change: change}
}

func TestSummary(t *testing.T) {
	changed := func(changes ...string) (list []ObjectChange) {
		for _, change := range changes {
			list = append(list, ObjectChange{Change: change})
		}
		return list
	}
	for want, changes := range map[string][]ObjectChange{
		"":                                   nil,
		"3 created":                          changed("created", "created", "created"),
		"1 configured, 2 unchanged":          changed("unchanged", "configured", "unchanged"),
		"2 configured, 1 created, 1 deleted": changed("deleted", "configured", "created", "configured"),
	} {
		if got := summary(changes); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
