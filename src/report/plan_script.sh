# Stops at the first thing that is not as it should be, and undoes nothing: run again, it goes on.
# Needs redis-cli 7.0 or later, and servers from 4.0.7 where a password is set.
# For clusters that use database 0 only, and slots that nobody else moves. No tool can tell a key
# that a client deletes from one that a target loses: slotkit apply looks closer, and is faster.
#
# Login: export REDISCLI_AUTH, and REDISCLI_USER for a user other than the default.
# Both are handed to MIGRATE, so they show in the process list of this machine meanwhile.
# TLS: export REDISCLI_OPTIONS="--tls --cacert ca.crt".
set -euf
umask 077
unset IFS
LC_ALL=C
export LC_ALL

# How often a slot may be looked at without one key less at its source.
idle_max=100
# How many keys in a row a target may be seen without, once it was seen to keep one.
missed_max=3
# How many keys of all a target may be seen without, while these are more than a part of those sent.
lost_max=3
lost_part=8
# How many seconds a target may be behind in epochs.
epoch_seconds=60

# A server that is silent is not waited for without end, where the system has a way.
limit=
if command -v timeout >/dev/null 2>&1; then limit='timeout 120'; fi

stop() {
  printf 'stopped: %s\n' "$1" >&2
  exit 1
}

# shown TEXT: the words of a server, on one line, cut, without the password and what was sent.
shown() {
  if [ -n "${REDISCLI_AUTH:-}" ]; then
    case $1 in
      *"$REDISCLI_AUTH"*)
        printf '(not shown: the password is in it)'
        return 0
        ;;
    esac
  fi
  printf '%s' "${1%%, with args beginning with*}" | tr '\n' ' ' | tr -cd '[:print:]' | cut -c 1-200
}

# cli HOST PORT WORD...: runs redis-cli; an error answer is a failure.
cli() {
  cli_host=$1 cli_port=$2
  shift 2
  # shellcheck disable=SC2086 # the options are words
  $limit redis-cli -e ${REDISCLI_USER:+--user "$REDISCLI_USER"} ${REDISCLI_OPTIONS:-} \
    -h "$cli_host" -p "$cli_port" "$@" 2>"$work/said"
}

# ask HOST PORT WORD...: sets answer; false when the answer is an error, or there is none.
ask() {
  answer=$(cli "$@" </dev/null) || {
    answer="$answer $(cat "$work/said")"
    return 1
  }
}

# must HOST PORT WORD...: sets answer, or stops.
must() {
  ask "$@" || stop "$1:$2 $3 ${4:-}: $(shown "$answer")"
}

# ok HOST PORT WORD...: a command that must be answered with OK.
ok() {
  must "$@"
  [ "$answer" = OK ] || stop "$1:$2 $3 ${4:-}: expected OK, found $(shown "$answer")"
}

# number WHAT: the answer must be one.
number() {
  number_rest=$(printf '%s' "$answer" | tr -d 0-9) || stop "$1: it cannot be looked at"
  if [ -z "$answer" ] || [ -n "$number_rest" ] || [ "${#answer}" -gt 15 ]; then
    stop "$1: expected a number, found $(shown "$answer")"
  fi
}

# count HOST PORT: how many keys of the slot a node has in database 0.
count() {
  must "$1" "$2" CLUSTER COUNTKEYSINSLOT "$slot"
  number "keys of slot $slot at $1:$2"
}

# field HOST PORT NAME: a number of CLUSTER INFO.
field() {
  must "$1" "$2" CLUSTER INFO
  answer=$(printf '%s\n' "$answer" | tr -d '\r' | sed -n "s/^$3://p") || stop "$1:$2 CLUSTER INFO"
  number "$3 of $1:$2"
}

# database_0_alone HOST PORT: whether a node has no key elsewhere, and says so.
database_0_alone() {
  must "$1" "$2" INFO keyspace
  case $answer in
    *'# Keyspace'*) ;;
    *) stop "$1:$2 INFO keyspace: expected its databases, found $(shown "$answer")" ;;
  esac
  other=$(printf '%s\n' "$answer" | tr -d '\r' | sed -n '/^db0:/d; /^db/p') || stop "$1:$2 INFO"
  [ -z "$other" ] || stop "$1:$2 has keys in other databases than 0: run slotkit apply instead"
}

# place ID: sets host and port of a node.
place() {
  host=
  while read -r place_id place_host place_port; do
    if [ "$place_id" = "$1" ]; then host=$place_host port=$place_port; fi
  done <"$work/nodes"
  [ -n "$host" ] || stop "no node has the id $1"
}

# check_node ID HOST PORT: the node is the one that was meant, its slots are where the plan has
# them, or where it brings them, and nobody else moves any.
check_node() {
  must "$2" "$3" CLUSTER MYID
  [ "$answer" = "$1" ] || stop "$2:$3 is another node, $(shown "$answer"): expected $1"
  must "$2" "$3" CLUSTER INFO
  case $answer in
    *cluster_state:ok*) ;;
    *) stop "$2:$3 does not say cluster_state:ok" ;;
  esac
  must "$2" "$3" CLUSTER NODES
  printf '%s\n' "$answer" | tr -d '\r' >"$work/view" || stop "$work cannot be written"
  verdict=$(awk -v me="$1" '
    FNR == NR { from[$1] = $2; to[$1] = $3; next }
    {
      for (i = 9; i <= NF; i++) {
        if (substr($i, 1, 1) == "[") {
          word = substr($i, 2, length($i) - 2)
          dash = index(word, "-")
          slot = substr(word, 1, dash - 1)
          way = substr(word, dash, 3)
          id = substr(word, dash + 3)
          ours = 0
          if (slot in from) {
            if (way == "->-" && from[slot] == me && to[slot] == id) ours = 1
            if (way == "-<-" && to[slot] == me && from[slot] == id) ours = 1
          }
          if (ours == 0) bad = "it has slot " slot " open, which is not of this plan"
        } else {
          n = split($i, ends, "-")
          if (n > 2 || ends[1] + 0 > 16383 || ends[n] + 0 > 16383) bad = "its slots are odd"
          else for (s = ends[1] + 0; s <= ends[n] + 0; s++) if (s in from) owner[s] = $1
        }
      }
    }
    END {
      for (s in from) if (owner[s] != from[s] && owner[s] != to[s]) bad = "slot " s " is elsewhere"
      print bad == "" ? "as planned" : bad
    }' "$work/moves" "$work/view") || stop "$2:$3 CLUSTER NODES cannot be read"
  [ "$verdict" = 'as planned' ] || stop "$2:$3: $(shown "$verdict")"
}

# sees HOST PORT WORD: the node shows this in its CLUSTER NODES, whatever it has answered before.
sees() {
  must "$1" "$2" CLUSTER NODES
  case " $(printf '%s' "$answer" | tr '\r\n' '  ') " in
    *" $3 "*) ;;
    *) stop "$1:$2 does not show $3, though it said OK" ;;
  esac
}

# owns HOST PORT ID: the node takes the slot for its own.
owns() {
  must "$1" "$2" CLUSTER NODES
  owner=$(printf '%s\n' "$answer" | tr -d '\r' | awk -v slot="$slot" '
    {
      for (i = 9; i <= NF; i++) {
        n = split($i, ends, "-")
        if (substr($i, 1, 1) != "[" && slot + 0 >= ends[1] + 0 && slot + 0 <= ends[n] + 0) print $1
      }
    }') || stop "$1:$2 CLUSTER NODES cannot be read"
  [ "$owner" = "$3" ] || stop "$1:$2 does not own slot $slot, though it said OK"
}

# importing: false when the target owns the slot already, as it does when the script is run again.
importing() {
  if ask "$target_host" "$target_port" CLUSTER SETSLOT "$slot" IMPORTING "$source"; then
    [ "$answer" = OK ] || stop "slot $slot at $target_host:$target_port: $(shown "$answer")"
    sees "$target_host" "$target_port" "[$slot-<-$source]"
    return 0
  fi
  case $answer in
    *'already the owner of hash slot'*) return 1 ;;
    *) stop "slot $slot at $target_host:$target_port: $(shown "$answer")" ;;
  esac
}

# tell HOST PORT: who owns the slot; a node that gave its last slot may be a replica by now.
tell() {
  if ask "$1" "$2" CLUSTER SETSLOT "$slot" NODE "$target" && [ "$answer" = OK ]; then return 0; fi
  case $answer in
    *'Please use SETSLOT only with masters'*) ;;
    *) stop "slot $slot at $1:$2: $(shown "$answer")" ;;
  esac
}

# migrate: moves the key in the file, any bytes; sets answer.
migrate() {
  set -- "$target_host" "$target_port" '' 0 60000
  if [ -z "${REDISCLI_AUTH:-}" ]; then
    set -- "$@" KEYS
  elif [ -n "${REDISCLI_USER:-}" ]; then
    set -- "$@" AUTH2 "$REDISCLI_USER" "$REDISCLI_AUTH" KEYS
  else
    set -- "$@" AUTH "$REDISCLI_AUTH" KEYS
  fi
  answer=$(cli "$source_host" "$source_port" -x MIGRATE "$@" <"$work/key") ||
    stop "MIGRATE from $source_host:$source_port: $(shown "$answer $(cat "$work/said")")"
  case $answer in
    OK | NOKEY) ;;
    *) stop "MIGRATE from $source_host:$source_port: $(shown "$answer")" ;;
  esac
}

# no_keys: the source says in two ways that it has none left of the slot, or the script stops.
no_keys() {
  count "$source_host" "$source_port"
  [ "$answer" -eq 0 ] || stop "$source_host:$source_port has keys of slot $slot still"
  must "$source_host" "$source_port" --no-raw CLUSTER GETKEYSINSLOT "$slot" 1
  [ "$answer" = '(empty array)' ] ||
    stop "$source_host:$source_port lists keys of slot $slot, and counts none: $(shown "$answer")"
}

# move_key: one key that the source lists goes to the target, through a file, never through a
# variable: it may hold any byte.
move_key() {
  cli "$source_host" "$source_port" --raw -D '' CLUSTER GETKEYSINSLOT "$slot" 1 \
    </dev/null >"$work/key" ||
    stop "CLUSTER GETKEYSINSLOT at $source_host:$source_port: $(shown "$(cat "$work/said")")"
  answer=$(cli "$source_host" "$source_port" -x CLUSTER KEYSLOT <"$work/key") ||
    stop "CLUSTER KEYSLOT at $source_host:$source_port: $(shown "$(cat "$work/said")")"
  number "the slot of a key of $source_host:$source_port"
  [ "$answer" -eq "$slot" ] ||
    stop "$source_host:$source_port lists keys of slot $answer in slot $slot"
  migrate
}

# move_keys: until the source has none left. Whether the target keeps what it takes is seen by its
# count: with the first key at once, later with some patience for clients that delete keys. Of all
# slots together it may not be without every eighth key.
move_keys() {
  count "$target_host" "$target_port"
  kept=$answer missed=0 idle=0 gone=0 lowest=999999999999999 patience=1
  while :; do
    count "$source_host" "$source_port"
    if [ "$answer" -eq 0 ]; then return 0; fi
    idle=$((idle + 1))
    if [ "$answer" -lt "$lowest" ]; then lowest=$answer idle=0; fi
    [ "$idle" -lt "$idle_max" ] || stop "slot $slot at $source_host:$source_port does not get empty"
    move_key
    if [ "$answer" = NOKEY ]; then
      gone=$((gone + 1))
      [ "$gone" -lt "$idle_max" ] || stop "$source_host:$source_port lists keys that it has not"
    else
      gone=0
      count "$target_host" "$target_port"
      missed=$((missed + 1)) sent=$((sent + 1)) lost=$((lost + 1))
      if [ "$answer" -gt "$kept" ]; then missed=0 lost=$((lost - 1)) patience=$missed_max; fi
      kept=$answer
      if [ "$lost" -ge "$lost_max" ] && [ $((lost * lost_part)) -ge "$sent" ]; then
        stop "$target_host:$target_port has $lost keys less than the $sent it took: does it keep them?"
      fi
      [ "$missed" -lt "$patience" ] ||
        stop "$target_host:$target_port took keys of slot $slot, and has none more: does it keep them?"
    fi
  done
}

# wait_for_epoch: a target that has not heard of the epoch of the source would claim the slot without
# winning it.
wait_for_epoch() {
  epoch_waited=0
  while :; do
    field "$source_host" "$source_port" cluster_my_epoch
    needed=$answer
    field "$target_host" "$target_port" cluster_current_epoch
    if [ "$answer" -ge "$needed" ]; then return 0; fi
    epoch_waited=$((epoch_waited + 1))
    [ "$epoch_waited" -le "$epoch_seconds" ] || stop "$target_host:$target_port is behind in epochs"
    sleep 1
  done
}

# move SLOT SOURCE TARGET: in the order of the executor.
move() {
  slot=$1 source=$2 target=$3
  place "$source"
  source_host=$host source_port=$port
  place "$target"
  target_host=$host target_port=$port
  printf 'slot %s from %s:%s to %s:%s\n' \
    "$slot" "$source_host" "$source_port" "$target_host" "$target_port" >&2
  if importing; then
    ok "$source_host" "$source_port" CLUSTER SETSLOT "$slot" MIGRATING "$target"
    sees "$source_host" "$source_port" "[$slot->-$target]"
    move_keys
    database_0_alone "$source_host" "$source_port"
    wait_for_epoch
  fi
  no_keys
  ok "$target_host" "$target_port" CLUSTER SETSLOT "$slot" NODE "$target"
  owns "$target_host" "$target_port" "$target"
  tell "$source_host" "$source_port"
  while read -r other other_host other_port; do
    tell "$other_host" "$other_port" "$other"
  done <"$work/nodes"
}

main() {
  command -v redis-cli >/dev/null 2>&1 || stop 'redis-cli is not on PATH'
  work=$(mktemp -d) || stop 'there is no place for temporary files'
  trap 'rm -rf "$work"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  nodes >"$work/nodes" || stop "$work cannot be written"
  moves >"$work/moves" || stop "$work cannot be written"
  # All nodes first, so that nothing is begun in another cluster, or in one that has changed.
  while read -r id id_host id_port; do
    check_node "$id" "$id_host" "$id_port"
    database_0_alone "$id_host" "$id_port"
  done <"$work/nodes"
  sent=0 lost=0
  while read -r a_slot a_source a_target; do
    move "$a_slot" "$a_source" "$a_target"
  done <"$work/moves"
  printf 'done\n' >&2
}
