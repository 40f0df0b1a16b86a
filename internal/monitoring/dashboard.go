package monitoring

// panel is one panel of the dashboard. A stat shows the last value, a graph all of them.
type panel struct {
	title, unit string
	stat        bool
	series      []series
}

// series is one expression, with the legend of its lines.
type series struct{ expression, legend string }

// row is a row of the dashboard, with its title.
type row struct {
	title  string
	panels []panel
}

// rows returns the content of the dashboard. In expressions, $S stands for the labels of the
// chosen installations.
func rows() []row {
	return []row{
		{"Is it alive?", []panel{
			{"Daemon answers", "bool_yes_no", true, []series{{`dindctl_up{$S}`, "{{name}}"}}},
			{"Engine", "string", true, []series{{`engine_daemon_engine_info{$S}`, "{{name}}: {{version}}, {{graphdriver}}"}}},
			{"Running since", "dateTimeFromNow", true, []series{{`process_start_time_seconds{$S} * 1000`, "{{name}}"}}},
			{"Drains", "bool_yes_no", true, []series{{`dindctl_draining{$S}`, "{{name}}"}}},
		}},
		{"What does it do?", []panel{
			{"Connections of jobs", "short", false, []series{{`dindctl_connections{$S}`, "{{name}}"}}},
			{"Containers", "short", false, []series{{`sum by (name, state) (engine_daemon_container_states_containers{$S})`, "{{name}} {{state}}"}}},
			{"Time to create a container (95%)", "s", false, []series{{`histogram_quantile(0.95, sum by (name, le) (rate(engine_daemon_container_actions_seconds_bucket{action="create",$S}[15m])))`, "{{name}}"}}},
		}},
		{"Is there space?", []panel{
			{"Disk", "bytes", false, []series{
				{`dindctl_disk_used_bytes{$S}`, "{{name}} used"},
				{`dindctl_disk_size_bytes{$S}`, "{{name}} size"},
				{`dindctl_disk_size_bytes{$S} * on (namespace, name) dindctl_image_gc_high_water_ratio`, "{{name}} image GC begins"},
				{`dindctl_cache_limit_bytes{$S}`, "{{name}} cache limit"},
			}},
			{"Inodes", "percentunit", false, []series{{`dindctl_disk_inodes_used_ratio{$S}`, "{{name}}"}}},
			{"Freed by image GC, per hour", "bytes", false, []series{{`increase(dindctl_image_gc_freed_bytes_total{$S}[1h])`, "{{name}}"}}},
			{"Images removed by image GC, per hour", "short", false, []series{{`increase(dindctl_image_gc_images_total{$S}[1h])`, "{{name}}"}}},
		}},
		{"Is anything wrong?", []panel{
			{"Image GC is stuck", "bool_yes_no", true, []series{{`dindctl_image_gc_stuck{$S}`, "{{name}}"}}},
			{"Last prune", "dateTimeFromNow", true, []series{{`dindctl_prune_last_end_timestamp_seconds{$S} * 1000`, "{{name}}"}}},
			{"Memory of dockerd", "bytes", false, []series{{`process_resident_memory_bytes{$S}`, "{{name}}"}}},
			{"Open files of dockerd", "short", false, []series{{`process_open_fds{$S}`, "{{name}}"}}},
		}},
	}
}
