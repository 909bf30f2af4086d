#!/bin/sh
# A redis-cli of three nodes that aren't there: as much of their state as a slot's move needs is in
# the folder $FAKE. `$FAKE/lie` names a port, the start of a command, and what is answered to it
# instead: `refuse`, `empty`, or any words; where it is `drop`, a MIGRATE loses every third key.
port='' x='' words='' drop=''
while :; do
  case $1 in
    -e) shift ;;
    --user) [ "$2" = "$REDISCLI_USER" ] || exit 9; shift 2 ;;
    -h) shift 2 ;;
    -p) port=$2; shift 2 ;;
    -x) x=1; shift ;;
    --raw) shift ;;
    --no-raw) words=1; shift ;;
    -D) shift 2 ;;
    *) break ;;
  esac
done
at=$FAKE/$port
echo "$port $*" >>"$FAKE/heard"
read -r lie_port lie_command lie <"$FAKE/lie" || lie_port=''
lie_command=$(echo "$lie_command" | tr _ ' ')
if [ "$port" = "$lie_port" ]; then
  case "$*" in
    "$lie_command"*)
      case $lie in
        refuse) echo 'ERR refused' >&2; exit 1 ;;
        empty) exit 0 ;;
        drop) drop=1 ;;
        echo) echo "ERR unknown command, with args beginning with: $* $REDISCLI_AUTH" >&2; exit 1 ;;
        *) printf '%s\n' "$lie"; exit 0 ;;
      esac ;;
  esac
fi
id() { cat "$FAKE/$1/id"; }
keys() { set -- "$FAKE/$1/keys/"*; [ -e "$1" ] && echo $# || echo 0; }
line() {
  printf '%s 127.0.0.1:%s@1 %s - 0 0 1 connected' "$(id "$1")" "$1" "$2"
  case $1 in 7001) printf ' 0-99 101-5000' ;; 7002) printf ' 5001-9000' ;; *) printf ' 9001-16383' ;; esac
  [ "$(cat "$at/owner")" = "$1" ] && printf ' 100'
  [ "$2" = myself,master ] && [ -s "$at/open" ] && printf ' %s' "$(cat "$at/open")"
  echo
}
case "$*" in
  'CLUSTER MYID') id "$port" ;;
  'CLUSTER INFO')
    printf 'cluster_state:ok\r\ncluster_current_epoch:9\r\ncluster_my_epoch:3\r\n' ;;
  'CLUSTER NODES')
    for node in 7001 7002 7003; do
      if [ $node = "$port" ]; then line $node myself,master; else line $node master; fi
    done ;;
  'INFO keyspace') printf '# Keyspace\r\ndb0:keys=3,expires=0,avg_ttl=0\r\n' ;;
  'CLUSTER COUNTKEYSINSLOT 100') keys "$port" ;;
  'CLUSTER GETKEYSINSLOT 100 1')
    set -- "$at/keys/"*
    if [ -e "$1" ]; then cat "$1"; elif [ -n "$words" ]; then echo '(empty array)'; fi ;;
  'CLUSTER KEYSLOT') case $(cat) in key*) echo 100 ;; *) echo 5 ;; esac ;;
  'CLUSTER SETSLOT 100 IMPORTING '*)
    [ "$(cat "$at/owner")" = "$port" ] &&
      { echo "ERR I'm already the owner of hash slot 100" >&2; exit 1; }
    echo "[100-<-$5]" >"$at/open"; echo OK ;;
  'CLUSTER SETSLOT 100 MIGRATING '*)
    [ "$(cat "$at/owner")" = "$port" ] ||
      { echo "ERR I'm not the owner of hash slot 100" >&2; exit 1; }
    echo "[100->-$5]" >"$at/open"; echo OK ;;
  'CLUSTER SETSLOT 100 NODE '*)
    for node in 7001 7002 7003; do
      if [ "$(id $node)" = "$5" ]; then owner=$node; fi
    done
    # A node deletes what it has of a slot that it hears to be another's.
    if [ "$owner" = "$port" ]; then
      for node in 7001 7002 7003; do [ $node = "$owner" ] || rm -f "$FAKE/$node/keys/"*; done
    fi
    echo "$owner" >"$at/owner"; : >"$at/open"; echo OK ;;
  'MIGRATE '*)
    [ "$REDISCLI_AUTH" = '' ] || case "$*" in *" $REDISCLI_AUTH KEYS") ;; *) exit 9 ;; esac
    [ -n "$x" ] || exit 9
    key=$(cat)
    if [ -n "$key" ] && [ -e "$at/keys/$key" ]; then
      mv "$at/keys/$key" "$FAKE/$3/keys/"
      [ -z "$drop" ] || [ $(($(keys "$port") % 3)) -ne 1 ] || rm "$FAKE/$3/keys/$key"
      echo OK
    else
      echo NOKEY
    fi ;;
  *) echo "ERR unknown: $*" >&2; exit 1 ;;
esac
