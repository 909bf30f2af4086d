# Stops at the first thing that isn't as it should be; nothing is ever undone.
# Needs redis-cli 7.0 or later, and servers from 4.0.7 where a password is set.
# For clusters that use database 0 only.
#
# Login: export REDISCLI_AUTH, and REDISCLI_USER for a user other than the default.
# Both are handed to MIGRATE, so they show in this machine's process list meanwhile.
# TLS: export REDISCLI_OPTIONS='--tls --cacert ca.crt'.
set -eu

# on HOST PORT COMMAND...: the answer of one node; an error answer ends the script.
on() {
  on_host=$1 on_port=$2
  shift 2
  # shellcheck disable=SC2086 # the options are words
  redis-cli -e ${REDISCLI_USER:+--user "$REDISCLI_USER"} ${REDISCLI_OPTIONS:-} \
    -h "$on_host" -p "$on_port" "$@"
}

# ok HOST PORT COMMAND...: a command that must be answered with OK.
ok() {
  ok_answer=$(on "$@") || { printf 'stopped: %s: %s\n' "$*" "$ok_answer" >&2; exit 1; }
  [ "$ok_answer" = OK ] || { printf 'stopped: %s: %s\n' "$*" "$ok_answer" >&2; exit 1; }
}

# importing HOST PORT SLOT SOURCE: false when the node owns the slot already, as it does
# when the script is run again.
importing() {
  importing_answer=$(on "$1" "$2" CLUSTER SETSLOT "$3" IMPORTING "$4" 2>&1) || true
  case $importing_answer in
    OK) return 0 ;;
    *'already the owner of hash slot'*) return 1 ;;
    *) printf 'stopped: slot %s at %s:%s: %s\n' "$3" "$1" "$2" "$importing_answer" >&2; exit 1 ;;
  esac
}

# tell HOST PORT SLOT OWNER: a node that gave its last slot may be a replica by now.
tell() {
  tell_answer=$(on "$1" "$2" CLUSTER SETSLOT "$3" NODE "$4" 2>&1) || true
  case $tell_answer in
    OK | *'Please use SETSLOT only with masters'*) ;;
    *) printf 'stopped: slot %s at %s:%s: %s\n' "$3" "$1" "$2" "$tell_answer" >&2; exit 1 ;;
  esac
}

# migrate SOURCE-HOST SOURCE-PORT TARGET-HOST TARGET-PORT: moves the one key on stdin, any bytes.
migrate() {
  if [ -z "${REDISCLI_AUTH:-}" ]; then
    set -- "$1" "$2" MIGRATE "$3" "$4" '' 0 60000 KEYS
  elif [ -n "${REDISCLI_USER:-}" ]; then
    set -- "$1" "$2" MIGRATE "$3" "$4" '' 0 60000 AUTH2 "$REDISCLI_USER" "$REDISCLI_AUTH" KEYS
  else
    set -- "$1" "$2" MIGRATE "$3" "$4" '' 0 60000 AUTH "$REDISCLI_AUTH" KEYS
  fi
  on_host=$1 on_port=$2
  shift 2
  # shellcheck disable=SC2086 # the options are words
  migrate_answer=$(redis-cli -e -x ${REDISCLI_USER:+--user "$REDISCLI_USER"} \
    ${REDISCLI_OPTIONS:-} -h "$on_host" -p "$on_port" "$@") || true
  case $migrate_answer in
    OK | NOKEY) ;;
    # Not the command itself: it may hold the password.
    *) printf 'stopped: MIGRATE from %s:%s: %s\n' "$on_host" "$on_port" "$migrate_answer" >&2; exit 1 ;;
  esac
}

# move_keys SLOT SOURCE-HOST SOURCE-PORT TARGET-HOST TARGET-PORT: until the source has none left.
move_keys() {
  while :; do
    keys_left=$(on "$2" "$3" CLUSTER COUNTKEYSINSLOT "$1")
    case $keys_left in
      0) return 0 ;;
      '' | *[!0-9]*) printf 'stopped: slot %s at %s:%s: %s\n' "$1" "$2" "$3" "$keys_left" >&2; exit 1 ;;
    esac
    # A key goes through a pipe, never through a variable: it may hold any byte.
    on "$2" "$3" --raw -D '' CLUSTER GETKEYSINSLOT "$1" 1 | migrate "$2" "$3" "$4" "$5"
  done
}

# field HOST PORT NAME: a number of CLUSTER INFO.
field() {
  on "$1" "$2" CLUSTER INFO | tr -d '\r' | sed -n "s/^$3://p"
}

# wait_for_epoch SOURCE-HOST SOURCE-PORT TARGET-HOST TARGET-PORT: a target that hasn't
# heard of the source's epoch would claim the slot without winning it.
wait_for_epoch() {
  epoch_tries=0
  while [ "$(field "$3" "$4" cluster_current_epoch)" -lt "$(field "$1" "$2" cluster_my_epoch)" ]; do
    epoch_tries=$((epoch_tries + 1))
    [ "$epoch_tries" -le 60 ] || { echo 'stopped: the target is behind in epochs' >&2; exit 1; }
    sleep 1
  done
}

# tell_others SLOT OWNER: every primary, the two that know already included.
tell_others() {
  while read -r other_host other_port; do
    [ -z "$other_host" ] || tell "$other_host" "$other_port" "$1" "$2" </dev/null
  done <<PRIMARIES
$primaries
PRIMARIES
}
