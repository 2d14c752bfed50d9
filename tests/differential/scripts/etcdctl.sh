#!/bin/bash
# What etcdctl can ask of one store: etcdctl.sh ETCDCTL ENDPOINT
# Prints each command, its answer and its exit code. Numbers of leases and members, and sizes, are masked: two stores do not share them.
set -u
etcdctl=$1
endpoint=$2
number=0

mask() {
    sed -E -e 's/LocalAddr: .[0-9.:]+/LocalAddr: HERE/g' -e 's#//0x[0-9a-f]+/#//CLIENT/#g' -e 's/\b[0-9a-f]{15,20}\b/ID/g' -e "s#${endpoint#http://}#ENDPOINT#g" -e 's/"ts":"[^"]*"/"ts":TIME/' -e 's/remaining\([0-9]+s\)/remaining(S)/'
}

run() {
    number=$((number + 1))
    echo "## $number: $*" | mask
    "$etcdctl" --endpoints "$endpoint" --command-timeout=10s "$@" 2>&1 | mask
    echo "exit ${PIPESTATUS[0]}"
}

# Like `run`, with words on standard input.
feed() {
    local words=$1
    shift
    number=$((number + 1))
    echo "## $number: $*" | mask
    printf '%b' "$words" | "$etcdctl" --endpoints "$endpoint" --command-timeout=10s "$@" 2>&1 | mask
    echo "exit ${PIPESTATUS[1]}"
}

# Like `run`, for what goes on until it is ended: shows so many lines of it.
head_of() {
    local lines=$1
    shift
    number=$((number + 1))
    echo "## $number: $*"
    coproc going { exec timeout 20 "$etcdctl" --endpoints "$endpoint" "$@" 2>&1; }
    local pid=$going_PID
    head -n "$lines" <&"${going[0]}" | mask
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
}

for key in a b c d e; do run put "/keys/$key" "value of $key"; done
run put /keys/a again --prev-kv
run get /keys/a
run get /keys/a --rev=2
run get /keys --prefix
run get /keys --prefix --keys-only --limit=2
run get /keys --prefix --order=DESCEND --sort-by=VERSION --print-value-only
run get /keys/b /keys/d
run get /keys/c --from-key --count-only --write-out=fields
run get /nothing
run del /keys/b
run del /keys/b
run del /keys/c --prev-kv
run put /keys/a --ignore-value x
run put /missing --ignore-value
feed 'value("/keys/a") = "again"\n\nput /keys/f "of the transaction"\nget /keys/a\n\nput /keys/f no\n\n' txn
feed 'version("/keys/a") > "9"\n\nput /keys/g no\n\ndel /keys/f --prev-kv\nget /keys --prefix --keys-only\n\n' txn
feed 'create("/keys/new") = "0"\n\nput /keys/new 1\nput /keys/new 2\n\n\n' txn
head_of 9 watch /keys --prefix --rev=2 --prev-kv
head_of 6 watch /keys/a /keys/c --rev=3
lease=$("$etcdctl" --endpoints "$endpoint" lease grant 600 | grep -oE '[0-9a-f]{15,16}')
run put /leased/one 1 --lease="$lease"
run put /leased/two 2 --lease="$lease"
run lease timetolive "$lease" --keys
run lease list
run lease keep-alive "$lease" --once
run lease revoke "$lease"
run get /leased --prefix
run lease revoke "$lease"
run put /keys/h x --lease=1234567890abcdef
run compaction 6
run compaction 6
run compaction 999999
run get /keys/a --rev=3
head_of 1 watch /keys --prefix --rev=3
run get /keys/a --rev=999999
run endpoint health --write-out=fields | sed -E 's/"Took" : .*/"Took" : TIME/'
"$etcdctl" --endpoints "$endpoint" endpoint status --write-out=json | grep -oE '"(revision|raftTerm|leader|version)":' | sort -u
run del "" --prefix
run get "" --prefix --keys-only

# Health, as probes ask for it. The order of the checks is as it comes.
for path in /health /livez /readyz '/readyz?verbose' '/livez?verbose&exclude=serializable_read' /readyz/data_corruption /livez/non_learner /v2/keys; do
    number=$((number + 1))
    echo "## $number: $path"
    curl -s --max-time 10 -w '%{http_code} %{content_type}\n' "$endpoint$path" | sort
done
