# fish completion for ggwire and ggml-rpc-server. Commands and options are read from --help, so they are those of the
# program that is installed.

# The program and its command, without options and arguments.
function __ggwire_call
    set -l words (commandline -opc)
    if string match -qr 'rpc-server$' -- $words[1]
        echo $words[1]
    else
        printf '%s\n' $words[1..2]
    end
end

function __ggwire_help
    set -l call (__ggwire_call)
    $call --help 2>/dev/null
end

# Whether the command itself is still to be given.
function __ggwire_needs_command
    set -l words (commandline -opc)
    test (count $words) -eq 1; or begin
        test (count $words) -eq 2; and test "$words[2]" = help
    end
end

function __ggwire_commands
    ggwire --help 2>/dev/null | string replace -rf '^  ([a-z][a-z-]*)(?: \[COMMAND\])? +(.*)' '$1\t$2'
end

function __ggwire_options
    __ggwire_help | string replace -rf '^ *(?:-[A-Za-z], )?(--[a-z][a-z0-9-]*)(?: [][A-Z][^ ]*)? *(.*)' '$1\t$2'
end

# Servers: those of GGML_RPC_SERVERS, those of earlier commands, and those that are announced.
function __ggwire_endpoints
    set -l given (commandline -ct | string replace -rf '^(.*,).*' '$1')
    set -l found (string split -n ',' -- (string replace -a ' ' ',' -- "$GGML_RPC_SERVERS"))
    set -a found (history search --prefix 'ggwire ' 2>/dev/null | string split ' ' | string split ',' |
        string match -r '^(?:[A-Za-z0-9._-]+|\[[0-9a-fA-F:.%]+\]):[0-9]+$')
    set -a found (ggwire discover --wait 0.3 2>/dev/null | string replace -rf '^(\S+:[0-9]+) .*' '$1')
    for endpoint in $found
        test "$endpoint" = auto; or echo "$given$endpoint"
    end | sort -u
end

# What may stand behind the option before the cursor; fails if it takes no value.
function __ggwire_value
    set -l last (commandline -opc)[-1]
    string match -q -- '-*' $last; or return 1
    set -l option (string escape --style=regex -- $last)
    set -l line (__ggwire_help | string match -r "^ *(?:-[A-Za-z], )?$option [][A-Z].*|^ *$option, --[a-z0-9-]+ [][A-Z].*")
    test -n "$line"; or return 1
    set -l words (string match -r -- '--([a-z0-9-]+) ([][A-Z]\S*)' $line[1])
    switch $words[2]
        case sandbox
            printf '%s\n' auto require off
        case transport
            printf '%s\n' auto tcp rdma
        case tls
            printf '%s\n' on require off
        case log-level
            printf '%s\n' error warn info debug
        case log-format
            printf '%s\n' text json
        case worker-env
            set -nx
        case servers
            __ggwire_endpoints
        case '*'
            switch $words[3]
                case FILE PATH DIR
                    __fish_complete_path (commandline -ct)
                case HOST
                    __fish_print_hostnames
            end
    end
    return 0
end

function __ggwire_words
    __ggwire_value; and return
    if string match -q -- '-*' (commandline -ct)
        __ggwire_options
        return
    end
    set -l call (__ggwire_call)
    switch "$call[2]"
        case key
            test (count (commandline -opc)) -ne 2; or printf '%s\n' add list remove
        case run
            __fish_complete_command
        case '*'
            if __ggwire_help | string match -qr '^Usage:.*ENDPOINT'
                __ggwire_endpoints
            else
                __fish_complete_path (commandline -ct)
            end
    end
end

complete -c ggwire -f
complete -c ggwire -n __ggwire_needs_command -a '(__ggwire_commands)'
complete -c ggwire -n 'not __ggwire_needs_command' -a '(__ggwire_words)'
complete -c ggml-rpc-server -f
complete -c ggml-rpc-server -a '(__ggwire_words)'
