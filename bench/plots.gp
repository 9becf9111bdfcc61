# Plots of one run. Variables: data (directory), out (directory), rtt (us), stream, fresh and fnv (GB/s).
set terminal svg size 720,360 font "sans-serif,12" background "white"
set style data histogram
set style histogram clustered gap 1
set style fill solid 0.85 noborder
set boxwidth 0.9
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
set key outside bottom center horizontal
set yrange [0:*]
stock = "#8a8f98"; ours = "#1f6feb"; third = "#2da44e"

set output out."/decode.svg"
set title "Time that a token costs above local compute (client-server)"
set ylabel "us"
# Below 0: the client prepares the next step while the server computes.
set yrange [*<0:*]
set xzeroaxis lt 1 lc rgb "black"
plot data."/decode" using 2:xtic(1) title "tiny model" lc rgb ours, \
     "" using 3 title "24 layers" lc rgb stock, \
     3 * rtt with lines dt 2 lc rgb "black" title sprintf("3 TCP round trips (%.0f us)", 3 * rtt)

set output out."/load.svg"
unset xzeroaxis
set yrange [0:*]
set title "Loading weights (client-server)"
set ylabel "GB/s"
plot data."/load" using 2:xtic(1) title "cold" lc rgb stock, \
     "" using 3 title "from the server's cache" lc rgb ours, \
     "" using 4 title "from the server's GGUF" lc rgb third, \
     stream with lines dt 2 lc rgb "black" title "TCP stream", \
     fresh with lines dt 4 lc rgb "black" title "TCP stream into fresh pages", \
     fnv with lines dt 3 lc rgb "black" title "FNV-1a"

set output out."/syscalls.svg"
set title "System calls for each token (client-server)"
set ylabel "calls"
plot data."/syscalls" using 2:xtic(1) title "server" lc rgb ours, "" using 3 title "client" lc rgb stock

set output out."/clients.svg"
set title "Clients decoding at once"
set xlabel "clients"
set ylabel "tokens/s together"
plot data."/clients" using 2:xtic(1) title "stock" lc rgb stock, "" using 3 title "ours" lc rgb ours

set output out."/pipeline.svg"
set title "Prompt of 2,048 tokens, micro-batches of 256 (client-server)"
unset xlabel
set ylabel "tokens/s"
plot data."/pipeline" using 2:xtic(1) title "one server" lc rgb stock, "" using 3 title "two servers" lc rgb ours
