# Speed relative to one machine. Variables: data (blocks by link: machines, ours, stock, predicted), out, title.
set terminal svg size 720,420 font "sans-serif,12" background "white"
set output out
set title title
set logscale xy 2
set xrange [0.9:9]
set yrange [*:9]
set xtics (1, 2, 4, 8)
set xlabel "machines"
set ylabel "times as fast as one"
set grid lc rgb "#dddddd"
set border 3
set tics nomirror
set key outside right
array colour[4] = ["#8a8f98", "#2da44e", "#1f6feb", "#d1242f"]
stats data skip 0 nooutput
blocks = int(STATS_blocks)
plot for [i = 0:blocks-1] data index i using 1:2 with linespoints lw 2 pt 7 lc rgb colour[i+1] title columnheader(1), \
     for [i = 0:blocks-1] data index i using 1:4 with lines dt 2 lc rgb colour[i+1] notitle, \
     for [i = 0:blocks-1] data index i using 1:3 with points pt 6 ps 1.4 lc rgb colour[i+1] notitle, \
     NaN with lines dt 2 lc rgb "black" title "predicted, direct links", \
     NaN with points pt 6 ps 1.4 lc rgb "black" title "stock", \
     NaN with linespoints lw 2 pt 7 lc rgb "black" title "ours"
