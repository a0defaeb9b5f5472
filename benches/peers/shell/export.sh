#!/bin/sh
# An export as one writes it in ten minutes: follows `previous`, an event a line.
# Usage: TOKEN=… export.sh BASE FIRST_PAGE MOST_PAGES FILE
set -eu
url=$1$2
pages=0
while [ -n "$url" ] && [ "$pages" -lt "$3" ]; do
  page=$(curl -sSf -H "Authorization: Bearer $TOKEN" "$url")
  printf '%s' "$page" | jq -c '.auditEvents[]' >>"$4"
  previous=$(printf '%s' "$page" | jq -r '.previous // empty')
  url=${previous:+$1$previous}
  pages=$((pages + 1))
done
