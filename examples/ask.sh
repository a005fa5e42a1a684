#!/bin/sh
# Sends a text, finds it and prints what was found: LIMNER_URL=... LIMNER_KEY=... sh examples/ask.sh
set -eu
address=${LIMNER_URL:-http://127.0.0.1:8400}
call() {
  curl --fail --silent --show-error --max-time 30 "$address$1" \
    -H "authorization: Bearer ${LIMNER_KEY:-}" -H 'content-type: application/json' -d "$2"
}
call /api/documents '{"text": "The heron stands in the reeds.", "external_id": "example"}' > /dev/null
call /api/search '{"query": "heron"}'
