#!/bin/sh
# SLA breaches as they come and are withdrawn, with kcat and jq:
# docs/examples/sla_breaches.sh [HOST:PORT [-e]], where -e ends at the end of the topic
set -eu
kcat -C -q -u ${2:-} -b "${1:-127.0.0.1:9092}" -t care.sla -o beginning \
    -X isolation.level=read_committed |
    jq -r --unbuffered 'select(.type == "care.sla.transition" and .data.to == "breached")
        | [(if .data.sign > 0 then "breached" else "withdrawn" end), .data.policy, .data.target,
           .data.conversation_key, "due", .data.due_at] | join(" ")'
