package progress

// Named returns an observer for one of several things that a command works on: it puts the
// name before each step and message.
func Named(o Observer, name string) Observer {
	return Func(func(e Event) {
		if e.Kind == Info || e.Kind == Warning {
			e.Detail = name + ": " + e.Detail
		} else {
			e.Step = name + ": " + e.Step
		}
		o.Observe(e)
	})
}
