#!/bin/sh
# Makes the secrets of compose.yaml, each a file of a folder that only its owner enters; passwords that are there stay.
#   sh deploy/secrets.sh [FOLDER]
set -eu
folder=${1:-$(dirname "$0")/secrets}
umask 077
mkdir -p "$folder"

# random NAME: a password in a file of its own.
random() {
  [ -s "$folder/$1" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' >"$folder/$1"
  cat "$folder/$1"
}

# The servers read their password, the service the address that holds it.
postgres=$(random postgres_password)
s3=$(random s3_secret)
search=$(random elasticsearch_password)
redis=$(random redis_password)
printf '%s' "postgresql+psycopg://xuehai:$postgres@postgres:5432/xuehai" >"$folder/database_url"
printf '%s' "s3://xuehai:$s3@objects:7070/xuehai?secure=false&redirect=false" >"$folder/storage_url"
printf '%s' "http://elastic:$search@elasticsearch:9200/xuehai" >"$folder/search_url"
printf '%s' "redis://:$redis@redis:6379/0" >"$folder/queue_url"
# Nobody else gets into the folder; the ordinary users inside of the containers read the one file that is mounted.
chmod 644 "$folder"/*
