# Shared by the scripts beside it: options, caches, starting, waiting, stopping. Sourced, not run.
#
# A script sets `name`, `port` and (for `help`) its own header comment, then calls `parse "$@"`, which sets
#   cmd (up, down, wipe, …)   port   dir (default $TMPDIR/milena-NAME)   rest (what it did not know)
set -euo pipefail
lib=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
cache=${MILENA_SERVERS_CACHE:-$HOME/.cache/milena-servers}
rest=()

say() { printf '%s\n' "$*" >&2; }
die() { say "$name: $*"; exit 1; }
help() { sed -n '2,/^set\|^name=\|^$/p' "$0" | grep '^#' | sed 's/^# \{0,1\}//'; exit "${1:-0}"; }

parse() {
  cmd=${1:-help}; [ $# -gt 0 ] && shift
  dir=${TMPDIR:-/tmp}/milena-$name
  while [ $# -gt 0 ]; do case "$1" in
    --port) port=$2; shift 2 ;;
    --dir) dir=$2; shift 2 ;;
    *) rest+=("$1"); shift ;;
  esac; done
  case "$cmd" in
    up) mkdir -p "$dir"; dir=$(cd "$dir" && pwd); case " ${rest[*]-} " in *" -h "*|*" --help "*) help ;; esac ;;
    down|wipe|url) ;;
    *) [ -n "${verbs:-}" ] && [[ " $verbs " == *" $cmd "* ]] || help 2 ;;
  esac
}

# running [PIDFILE]: is the process of that file alive?
running() { local f=${1:-$dir/pid}; [ -e "$f" ] && kill -0 "$(cat "$f")" 2>/dev/null; }
already() { if running; then cat "$dir/url"; exit 0; fi; }

# launch COMMAND…: in its own session, output to $dir/log, pid in $dir/pid
launch() { ( cd "$dir" && exec setsid "$@" > "$dir/log" 2>&1 < /dev/null ) & echo $! > "$dir/pid"; }

# wait_for SECONDS COMMAND…: until COMMAND succeeds; gives up when the process died or the time is over
wait_for() {
  local end=$(( $(date +%s) + $1 )); shift
  until "$@" > /dev/null 2>&1; do
    running || { tail -20 "$dir/log" >&2; die "the server ended while starting; see $dir/log"; }
    [ "$(date +%s)" -lt "$end" ] || { tail -5 "$dir/log" >&2; stop; die "no answer in time; see $dir/log"; }
    sleep 0.1
  done
}
listening() { (exec 3<> "/dev/tcp/127.0.0.1/${1:-$port}") 2>/dev/null; }
http() { curl -fsS -o /dev/null -m 2 "$@"; }
ready() { printf '%s\n' "$*" > "$dir/url"; cat "$dir/url"; }

# stop [PIDFILE [SIGNAL]]: asks, waits up to 20 s, then kills
stop() {
  local f=${1:-$dir/pid} p; [ -e "$f" ] || return 0; p=$(cat "$f")
  kill "-${2:-TERM}" "$p" 2>/dev/null || true
  for _ in $(seq 200); do kill -0 "$p" 2>/dev/null || break; sleep 0.1; done
  kill -KILL "$p" 2>/dev/null || true; rm -f "$f"
}
# end_: what `down` and `wipe` do when there is one process and one folder
end_() { stop; if [ "$cmd" = wipe ]; then rm -rf "$dir"; fi; exit 0; }

# once KEY COMMAND…: run COMMAND unless it succeeded before in this cache (one installer at a time)
once() {
  local mark=$cache/.done/$1; shift
  [ -e "$mark" ] && return 0
  mkdir -p "$cache/.done" "$cache/bin"
  ( flock 9; [ -e "$mark" ] && exit 0; "$@" > "$mark.log" 2>&1 || { tail -20 "$mark.log" >&2; exit 1; }; touch "$mark" ) 9> "$mark.lock" || die "cannot install; see $mark.log"
}

# go_bin NAME MODULE@VERSION [FILE]: `go install` into the cache; FILE is what the package calls its binary
go_bin() { once "go-$1-${2##*@}" go_bin_ "$@"; }
go_bin_() {
  local t; t=$(mktemp -d "$cache/go.XXXX")
  GOBIN=$t GOFLAGS="${GOFLAGS:-} -trimpath" CGO_ENABLED=0 go install "$2" && mv -f "$t/${3:-$1}" "$cache/bin/$1"; local rc=$?
  rm -rf "$t"; return $rc
}
