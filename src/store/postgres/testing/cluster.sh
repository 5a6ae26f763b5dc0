# cluster.sh PROGRAMS PARENT SETTING…: runs a PostgreSQL in a new directory until standard input ends, and leaves nothing
# behind. Prints the directory, which has its socket, once it accepts connections.
set -eu
programs=$1
directory=$(mktemp -d "$2/signoff-postgres.XXXXXX")
shift 2
trap 'rm -rf "$directory"' EXIT
trap '' HUP INT TERM PIPE

"$programs/initdb" --pgdata="$directory/data" --username=signoff --auth=trust --encoding=UTF8 --locale=C --no-sync \
    >"$directory/log" 2>&1 || { cat "$directory/log" >&2; exit 1; }
printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$directory'" 'max_connections = 400' "$@" \
    >>"$directory/data/postgresql.conf"
"$programs/pg_ctl" start --pgdata="$directory/data" --log="$directory/log" --wait --silent \
    || { cat "$directory/log" >&2; exit 1; }
trap '"$programs/pg_ctl" stop --pgdata="$directory/data" --mode=immediate --silent || true; rm -rf "$directory"' EXIT

echo "$directory"
cat >/dev/null
