# shellcheck shell=sh
# >>> dindctl: use the Docker daemon of this project, or another one while it takes no new jobs
if [ "${DOCKER_HOST:-}" = 'SERVICE' ] && command -v docker >/dev/null 2>&1 && command -v sha256sum >/dev/null 2>&1 && command -v timeout >/dev/null 2>&1; then
  dindctl_ask() {
    case $(timeout 10 docker -H "tcp://$1:PORT" version 2>&1 </dev/null || echo "exit code $?") in
    *'no such host'*) return 2 ;;
    *'server misbehaving'* | *'annot connect to the Docker daemon'* | *'ailed to connect to the docker API'* | *'exit code 124' | *'exit code 143') return 1 ;;
    esac
  }
  dindctl_key=${DINDCTL_KEY:-${CI_PROJECT_ID:-${GITHUB_REPOSITORY_ID:-${JOB_NAME:-}}}}
  dindctl_names=$(for dindctl_name in FIRST FIRST-1 FIRST-2 FIRST-3 FIRST-4 FIRST-5 FIRST-6 FIRST-7; do
    echo "$(printf %s "$dindctl_key/$dindctl_name" | sha256sum) $dindctl_name"
  done | sort | sed 's/.* //')
  case ${DINDCTL_REPLICA:-} in
  0) dindctl_pin=FIRST ;;
  [1-9]) dindctl_pin=FIRST-$DINDCTL_REPLICA ;;
  *) dindctl_pin=${DINDCTL_REPLICA:-} ;;
  esac
  dindctl_told=
  dindctl_end=$(($(date +%s) + 300))
  while true; do
    dindctl_away=
    for dindctl_name in $dindctl_pin $dindctl_names; do
      dindctl_pod=$dindctl_name.$dindctl_name-pods.NAMESPACE.svc
      dindctl_code=0
      dindctl_ask "$dindctl_name.NAMESPACE.svc" || dindctl_code=$?
      if [ "$dindctl_code" -eq 2 ]; then
        if [ "$dindctl_name" = "$dindctl_pin" ]; then
          echo "dindctl: there is no replica $dindctl_name" >&2
          dindctl_pin=
        fi
        continue
      fi
      if [ "$dindctl_code" -eq 0 ] && dindctl_ask "$dindctl_pod"; then
        export DOCKER_HOST="tcp://$dindctl_name.NAMESPACE.svc:PORT"
        [ "${TESTCONTAINERS_HOST_OVERRIDE:-}" != FIRST.FIRST-pods.NAMESPACE.svc ] || export TESTCONTAINERS_HOST_OVERRIDE="$dindctl_pod"
        [ -z "${GITHUB_ENV:-}" ] || env | grep -E '^(DOCKER_HOST|TESTCONTAINERS_HOST_OVERRIDE)=' >>"$GITHUB_ENV"
        echo "dindctl: this project builds on $dindctl_name${dindctl_away:+, because $dindctl_away takes no new jobs at the moment}" >&2
        break 2
      fi
      dindctl_away=${dindctl_away:-$dindctl_name}
    done
    if [ "$(date +%s)" -ge "$dindctl_end" ]; then
      echo 'dindctl: no Docker daemon has taken new jobs for 5 minutes; continuing without waiting' >&2
      break
    fi
    [ -n "$dindctl_told" ] || echo 'dindctl: no Docker daemon takes new jobs at the moment; waiting for at most 5 minutes' >&2
    dindctl_told=yes
    sleep 2
  done
fi
# <<< dindctl
