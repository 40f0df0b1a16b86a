# shellcheck shell=sh
# Makes what `docker compose up` of version 5 makes of a file with the services
# db and web and the volume data. Nothing calls `docker compose down`.

project=project-$HOUR
create() {
	kind=$1 name=$2
	docker "$kind" create --label "com.docker.compose.project=$project" --label com.docker.compose.version=5.5.1 \
		--label "com.docker.compose.$kind=$name" --label "com.docker.compose.config-hash=$(echo "$name" | sha256sum | cut -c 1-64)" \
		"${project}_$name"
}
create network default
create volume data
for service in db web; do
	docker run --detach --stop-timeout 1 --name "$project-$service-1" \
		--network "${project}_default" --network-alias "$service" --volume "${project}_data:/data" \
		--label "com.docker.compose.project=$project" --label com.docker.compose.version=5.5.1 \
		--label "com.docker.compose.service=$service" --label com.docker.compose.container-number=1 \
		--label com.docker.compose.oneoff=False --label com.docker.compose.depends_on= \
		--label com.docker.compose.project.working_dir=/builds/project \
		--label com.docker.compose.project.config_files=/builds/project/compose.yaml \
		--label "com.docker.compose.config-hash=$(echo "$service" | sha256sum | cut -c 1-64)" \
		"$BASE" sleep 36000
done
