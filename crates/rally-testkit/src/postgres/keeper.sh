# Keeps one PostgreSQL server, in the folder it is started in. Reads orders, one a line, and answers each with its
# exit status; what the order printed is in `output`, what the server prints in `log`. When the orders end, as their
# giver is gone in whatever way, server and folder go too.

home=$PWD
postmaster=

# Waits until a command succeeds, at most so many seconds.
within() {
    deadline=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

state() {
    ps -o stat= -p "$1"
}

# A process that nobody has waited for yet holds no memory and no port: it is gone.
gone() {
    case $(state "$1") in '' | Z*) ;; *) return 1 ;; esac
}

stands_still() {
    case $(state "$1") in '' | Z* | T*) ;; *) return 1 ;; esac
}

settled() {
    gone "$postmaster" || accepts_connections
}

# The file of a server that was killed is still there when the next one starts, so its process is compared too.
accepts_connections() {
    [ "$(sed -n '1p; 8s/ *$//p' data/postmaster.pid)" = "$(printf '%s\nready' "$postmaster")" ]
}

children() {
    ps -A -o ppid= -o pid= | while read -r parent child; do
        [ "$parent" != "$1" ] || echo "$child"
    done
}

# initialise METHOD [PASSWORD]
initialise() {
    command -v ps || { echo 'the program ps is missing'; return 1; }
    printf %s "$2" >password
    initdb --pgdata=data --auth="$1" ${2:+--pwfile=password} --username=rally --encoding=UTF8 --locale=C --no-sync
}

start() {
    [ -z "$postmaster" ] || return 0
    postgres -D data >log 2>&1 &
    postmaster=$!
    within 60 settled && accepts_connections && return
    crash
    return 1
}

# halt SIGNAL SECONDS: INT for clients to be sent away and all written down, QUIT for neither.
halt() {
    [ -n "$postmaster" ] || return 0
    kill -"$1" "$postmaster"
    within "$2" gone "$postmaster" || return 1
    wait "$postmaster"
    postmaster=
}

# Kills the server and all that work for it. A postmaster that stands still starts no other process meanwhile; a
# worker that outlived it would hold the shared memory, and the next start would be refused.
crash() {
    [ -n "$postmaster" ] || return 0
    gone "$postmaster" || kill -STOP "$postmaster"
    within 60 stands_still "$postmaster" || return 1
    workers=$(children "$postmaster")
    gone "$postmaster" || kill -KILL "$postmaster" $workers
    for process in "$postmaster" $workers; do
        within 60 gone "$process" || return 1
    done
    wait "$postmaster"
    postmaster=
}

# freeze: stops all processes of the server where they are, with all connections open. thaw lets them go on.
freeze() {
    kill -STOP "$postmaster" && within 60 stands_still "$postmaster" || return 1
    for process in $(children "$postmaster"); do
        kill -STOP "$process" && within 60 stands_still "$process" || return 1
    done
}

thaw() {
    kill -CONT "$postmaster" $(children "$postmaster")
}

# synchronous URL STANDBY: whether a server's commits wait for a standby.
synchronous() {
    [ "$(psql -XAtc "select sync_state from pg_stat_replication where application_name = '$2'" "$1")" = sync ]
}

farewell() {
    [ -z "$postmaster" ] || thaw
    halt QUIT 10 || crash
    # A killed server leaves its segment of System V memory to its next start, which will not come.
    [ ! -f data/postmaster.pid ] || ipcrm -m "$(sed -n '7s/.* //p' data/postmaster.pid)"
    cd / && rm -rf "$home"
}

trap farewell EXIT
trap 'exit 1' HUP INT TERM
# An answer that nobody reads any more must not end the keeper before its work is done.
trap '' PIPE

while read -r order; do
    eval "$order" </dev/null >output 2>&1
    echo $?
done
