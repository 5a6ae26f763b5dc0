# Runs a PostgreSQL in a new directory until standard input ends, and leaves nothing behind. Prints the directory, which
# has its socket, once it accepts connections. Nothing in it is worth a sync: it does not survive its tests.
set -eu
programs=$1
directory=$(mktemp -d "${TMPDIR:-/tmp}/signoff-postgres.XXXXXX")
trap 'rm -rf "$directory"' EXIT
trap '' HUP INT TERM PIPE

"$programs/initdb" --pgdata="$directory/data" --username=signoff --auth=trust --encoding=UTF8 --locale=C --no-sync \
    >"$directory/log" 2>&1 || { cat "$directory/log" >&2; exit 1; }
cat >>"$directory/data/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$directory'
max_connections = 400
fsync = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
shared_buffers = 64MB
autovacuum = off
END
"$programs/pg_ctl" start --pgdata="$directory/data" --log="$directory/log" --wait --silent \
    || { cat "$directory/log" >&2; exit 1; }
trap '"$programs/pg_ctl" stop --pgdata="$directory/data" --mode=immediate --silent || true; rm -rf "$directory"' EXIT

echo "$directory"
cat >/dev/null
