# shellcheck shell=sh
# >>> dindctl: wait while the Docker daemon takes no new jobs because it is to restart
if [ "${DOCKER_HOST:-}" = 'SERVICE' ] && command -v docker >/dev/null 2>&1; then
  dindctl_told=
  dindctl_end=$(($(date +%s) + 300))
  while true; do
    case $({ docker -H 'POD' version && docker version; } 2>&1 </dev/null || true) in
    *'no such host'* | *'server misbehaving'* | *'annot connect to the Docker daemon'* | *'ailed to connect to the docker API'*) ;;
    *) break ;;
    esac
    if [ "$(date +%s)" -ge "$dindctl_end" ]; then
      echo 'dindctl: the Docker daemon has taken no new jobs for 5 minutes; continuing without waiting'
      break
    fi
    [ -n "$dindctl_told" ] || echo 'dindctl: the Docker daemon takes no new jobs at the moment; waiting for at most 5 minutes'
    dindctl_told=yes
    sleep 2
  done
fi
# <<< dindctl
