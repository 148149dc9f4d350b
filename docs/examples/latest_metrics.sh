#!/bin/sh
# The latest value of each metric, with kcat and jq: docs/examples/latest_metrics.sh [HOST:PORT]
# Of a key the newest record is the truth; one without a value says that the window is gone.
set -eu
kcat -C -q -e -b "${1:-127.0.0.1:9092}" -t care.metrics -o beginning \
    -X isolation.level=read_committed -f '%k\t%s\n' |
    awk -F '\t' '$2 == "" { delete newest[$1]; next } { newest[$1] = $2 }
        END { for (key in newest) print newest[key] }' |
    jq -r '.data | [.tenant, .channel, .queue, .priority, .metric, .window, .start // "-",
        "\(.value // .p90_ms // .at // (if .n then "\(.n)/\(.d)" else "-" end))"] | @tsv' |
    sort
