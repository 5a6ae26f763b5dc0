# Runs three PostgreSQL instances in a new directory, until standard input ends, and leaves nothing behind. Instance 1 is
# the primary at first; 2 and 3 are its standbys. Prints the directory, which has their sockets, once both stream. Then it
# obeys commands, one a line, and answers each with `ok` or `failed`:
#   kill N       kills all processes of instance N, which do not get to clean up
#   promote N    makes the standby N a primary
#   follow N P   makes the running standby N follow the primary P
#   rebuild N P  replaces the ended instance N with a new standby of P
#   stop N       ends instance N
#   start N      starts it again
#
# fsync is off: to kill processes does not lose what the kernel has, and with it, each start takes up to a minute.
set -eu
programs=$1
directory=$(mktemp -d "${TMPDIR:-/tmp}/signoff-replicated.XXXXXX")
trap 'rm -rf "$directory"' EXIT
trap '' HUP INT TERM PIPE
log=$directory/log

primary_of() { # P: how a standby connects to it
    echo "host=$directory port=543$1 user=signoff"
}

start() {
    "$programs/pg_ctl" start --pgdata="$directory/$1" --log="$log" --wait --silent
}

stop() {
    "$programs/pg_ctl" stop --pgdata="$directory/$1" --mode=fast --wait --silent
}

kill_all() {
    # Stopped first, so that it neither restarts what is killed nor starts more.
    postmaster=$(head -n 1 "$directory/$1/postmaster.pid") && shared=$(sed -n '7s/.* //p' "$directory/$1/postmaster.pid") \
        && kill -STOP "$postmaster" && children=$(ps -o pid= --ppid "$postmaster") && kill -KILL $postmaster $children
    while kill -0 "$postmaster" 2>&-; do :; done
    # No process removes it now.
    ipcrm -m "$shared"
}

promote() {
    "$programs/pg_ctl" promote --pgdata="$directory/$1" --wait --silent
}

follow() {
    echo "primary_conninfo = '$(primary_of "$2") application_name=node$1'" >>"$directory/$1/postgresql.auto.conf" \
        && "$programs/pg_ctl" reload --pgdata="$directory/$1" --silent
}

rebuild() {
    rm -rf "${directory:?}/$1" \
        && "$programs/pg_basebackup" --pgdata="$directory/$1" --dbname="$(primary_of "$2")" --checkpoint=fast --no-sync \
            --wal-method=stream \
        && configure "$1" && touch "$directory/$1/standby.signal" && follow_at_start "$1" "$2" && start "$1"
}

follow_at_start() {
    echo "primary_conninfo = '$(primary_of "$2") application_name=node$1'" >>"$directory/$1/postgresql.auto.conf"
}

configure() { # N: what differs between the instances; later lines win
    case $1 in 1) others='node2, node3' ;; 2) others='node1, node3' ;; 3) others='node1, node2' ;; esac
    cat >>"$directory/$1/postgresql.conf" <<END
port = 543$1
synchronous_standby_names = 'ANY 1 ($others)'
END
}

obey() {
    case $1 in
        kill) kill_all "$2" ;;
        promote) promote "$2" ;;
        follow) follow "$2" "$3" ;;
        rebuild) rebuild "$2" "$3" ;;
        stop) stop "$2" ;;
        start) start "$2" ;;
    esac
}

"$programs/initdb" --pgdata="$directory/1" --username=signoff --auth=trust --encoding=UTF8 --locale=C --no-sync \
    >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
cat >>"$directory/1/postgresql.conf" <<END
listen_addresses = ''
unix_socket_directories = '$directory'
max_connections = 200
shared_buffers = 32MB
dynamic_shared_memory_type = mmap
fsync = off
wal_level = replica
max_wal_senders = 8
wal_keep_size = 1GB
wal_retrieve_retry_interval = 50ms
wal_receiver_timeout = 5s
wal_sender_timeout = 5s
hot_standby = on
END
configure 1
trap 'for n in 1 2 3; do "$programs/pg_ctl" stop --pgdata="$directory/$n" --mode=immediate --silent || true; done
rm -rf "$directory"' EXIT
{ start 1 && rebuild 2 1 && rebuild 3 1; } >>"$log" 2>&1 || { cat "$log" >&2; exit 1; }

echo "$directory"
while read -r verb instance other; do
    if obey "$verb" "$instance" "$other" >>"$log" 2>&1; then echo ok; else echo failed; fi
done
