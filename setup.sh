#!/bin/sh
# Runs the lab in Docker: static and dynamic servers, and the load balancer in front of them, published on one port.
# Its containers and images have a label, by which --down finds them.
set -eu

usage() {
  cat <<'USAGE'
Usage: ./setup.sh [--static N] [--dynamic N] [--port PORT] [--nginx | --discover]
       ./setup.sh --down

Builds the lab's images, starts its servers and the load balancer in front of them, and waits until all are ready.
Running it again replaces the containers and images of the previous run.

  --static N    number of static servers (default 2)
  --dynamic N   number of dynamic servers (default 2)
  --port PORT   port on which the load balancer is published (default 7777)
  --nginx       run nginx instead of Limpet, with the exported configuration
  --discover    give Limpet no addresses: it finds the servers by their labels, now and later, through Docker's socket
  --down        remove the containers and images that this script made, and nothing else
  --help        show this text
USAGE
}

label=limpet.lab=setup.sh
static=2
dynamic=2
port=7777
balancer=limpet
discover=false
# Seconds to wait until both URLs answer.
timeout=120

fail() {
  echo "setup.sh: $*" >&2
  exit 1
}

number() { # OPTION VALUE LEAST MOST
  case $2 in
    '' | *[!0-9]* | ??????*) fail "$1 takes a whole number from $3 to $4, not '$2'" ;;
  esac
  if [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then
    fail "$1 takes a whole number from $3 to $4, not '$2'"
  fi
}

# Remove containers before images, because an image in use cannot be removed. Word splitting is intended: ids have no spaces.
remove_containers() {
  ids=$(docker ps --all --quiet --filter "label=$label" --filter name=limpet-lab-)
  # shellcheck disable=SC2086
  [ -z "$ids" ] || docker rm --force $ids >/dev/null
}

# An image that a later build replaced has lost its name but keeps the label.
remove_replaced_images() {
  docker image prune --force --filter "label=$label" >/dev/null
}

remove_images() {
  names=$(docker images --filter "label=$label" --format '{{.Repository}}:{{.Tag}}' 'limpet-lab/*')
  # shellcheck disable=SC2086
  [ -z "$names" ] || docker rmi $names >/dev/null
  remove_replaced_images
}

# The stage `build` gets a name too, so that --down can find it. The legacy builder leaves it, and BuildKit shares it.
build() { # IMAGE DOCKERFILE [TARGET]
  echo "building limpet-lab/$1"
  build_stage "$1-build" "$2" --target build
  image=$1 dockerfile=$2
  shift 2
  build_stage "$image" "$dockerfile" ${1:+--target "$1"}
}

build_stage() { # IMAGE DOCKERFILE OPTION…
  image=$1 dockerfile=$2
  shift 2
  if ! output=$(docker build --quiet --label "$label" --tag "limpet-lab/$image" --file "$dockerfile" "$@" . 2>&1); then
    echo "$output" >&2
    fail "limpet-lab/$image cannot be built; see above"
  fi
}

# The path of the engine's socket, which Limpet's container has at the usual place.
socket() {
  case ${DOCKER_HOST-} in
    unix://*) echo "${DOCKER_HOST#unix://}" ;;
    *) echo /var/run/docker.sock ;;
  esac
}

# The number of the group that may use the socket, as a container sees it.
socket_group() {
  docker run --rm --label "$label" --volume "$(socket):/var/run/docker.sock:ro" --entrypoint stat limpet-lab/limpet \
    --format %g /var/run/docker.sock
}

start() { # NAME OPTION… IMAGE
  name=limpet-lab-$1
  shift
  docker run --detach --label "$label" --name "$name" --hostname "$name" "$@" >/dev/null
}

address() { # NAME
  docker inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' "limpet-lab-$1"
}

servers() { # KIND COUNT: starts servers, and sets $addresses to their addresses
  kind=$1 count=$2
  addresses=
  number=1
  # A server that is found serves once it is healthy, so its health is checked often.
  set --
  if $discover; then
    set -- --label limpet.enable=true --label "limpet.upstream=$kind" --label limpet.port=80 --health-interval 2s
  fi
  while [ "$number" -le "$count" ]; do
    start "$kind-$number" --env "SERVER_NAME=$kind-$number" "$@" "limpet-lab/$kind"
    addresses="$addresses${addresses:+ }$(address "$kind-$number"):80"
    number=$((number + 1))
  done
}

answers() { # PATH
  if command -v curl >/dev/null; then
    curl --silent --fail --max-time 2 --output /dev/null "http://127.0.0.1:$port$1"
  elif command -v wget >/dev/null; then
    wget --quiet --timeout=2 --tries=1 --output-document=/dev/null "http://127.0.0.1:$port$1"
  else
    docker exec limpet-lab-balancer node --eval \
      "fetch('http://127.0.0.1$1').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"
  fi 2>/dev/null
}

wait_for() { # PATH
  waited=0
  until answers "$1"; do
    if [ "$waited" -ge "$timeout" ]; then
      docker logs --tail 5 limpet-lab-balancer >&2 || true
      fail "http://127.0.0.1:$port$1 does not answer after $timeout s; the log of the load balancer is above"
    fi
    sleep 1
    waited=$((waited + 1))
  done
}

list() { # KIND COUNT WHAT
  number=1
  while [ "$number" -le "$2" ]; do
    printf '  limpet-lab-%-12s %-16s %s\n' "$1-$number" "$(address "$1-$number"):80" "$3"
    number=$((number + 1))
  done
}

down=false
while [ $# -gt 0 ]; do
  case $1 in
    --static=* | --dynamic=* | --port=*)
      option=${1%%=*} value=${1#*=}
      shift
      set -- "$option" "$value" "$@"
      continue
      ;;
    --static) number "$1" "${2-}" 1 50 && static=$2 && shift ;;
    --dynamic) number "$1" "${2-}" 1 50 && dynamic=$2 && shift ;;
    --port) number "$1" "${2-}" 1 65535 && port=$2 && shift ;;
    --nginx) balancer=nginx ;;
    --discover) discover=true ;;
    --down) down=true ;;
    --help | -h)
      usage
      exit 0
      ;;
    *)
      usage >&2
      fail "there is no option $1"
      ;;
  esac
  shift
done

if $discover && [ "$balancer" = nginx ]; then
  fail 'nginx finds no servers: use --discover without --nginx'
fi

cd "$(dirname "$0")"
command -v docker >/dev/null || fail 'Docker is not installed: see https://docs.docker.com/get-started/get-docker/'
docker info >/dev/null 2>&1 || fail "the Docker engine does not answer: start it, and check that you may use it ('docker info')"

if $down; then
  remove_containers
  remove_images
  exit 0
fi

build static demo/static/Dockerfile
build dynamic demo/dynamic/Dockerfile
build "$balancer" Dockerfile "$balancer"

remove_containers
remove_replaced_images
servers static "$static"
static_addresses=$addresses
servers dynamic "$dynamic"
dynamic_addresses=$addresses

if $discover; then
  set -- --volume "$(socket):/var/run/docker.sock:ro" --group-add "$(socket_group)" \
    --volume "$PWD/demo/balancer/limpet.yaml:/etc/limpet/limpet.yaml:ro"
else
  set -- --env "STATIC_BACKEND=$static_addresses" --env "DYNAMIC_BACKEND=$dynamic_addresses"
fi
if ! problem=$(start balancer --publish "$port:80" "$@" "limpet-lab/$balancer" 2>&1); then
  remove_containers
  case $problem in
    *'already allocated'* | *'already in use'*) fail "port $port is taken: free it, or choose another with --port" ;;
  esac
  fail "the load balancer cannot be started: $problem"
fi

wait_for /
wait_for /api/student

echo
list static "$static" '/              sticky by address'
list dynamic "$dynamic" '/api/student   in turn'
printf '  limpet-lab-%-12s %-16s %s, published on port %s\n' balancer "$(address balancer):80" "$balancer" "$port"
cat <<DONE

Open   http://localhost:$port/
Log    docker logs -f limpet-lab-balancer
Stop   ./setup.sh --down
DONE
