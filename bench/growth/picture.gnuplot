# SPDX-License-Identifier: Apache-2.0
# Draws what twinpool_growth --plot-data wrote: gnuplot -e "data='growth.tsv'; picture='growth.svg'" picture.gnuplot
set terminal svg size 1100,360 font "sans-serif,12" background rgb "white"
set output picture
set datafile separator "\t"
set multiplot layout 1,3 title "What an empty task costs while one quantity grows (medians of one run)"
set logscale x
set yrange [0:*]
set grid ytics
set style data linespoints
set key outside top center horizontal
set mxtics 1
set ylabel "nanoseconds a task"
names = "workers|tasks in the queue|submitters"
do for [i = 0:2] {
  set xlabel system(sprintf("echo '%s' | cut -d '|' -f %d", names, i + 1))
  set xrange [(i == 1 ? 10 : 1):(i == 0 ? 64 : i == 1 ? 1e6 : 16)]
  if (i == 1) { set format x "10^{%T}"; set xtics 10 } else { set format x "%g"; set xtics 2 }
  plot data index i using 1:2 title "threads" linewidth 3 pointtype 7 pointsize 0.6, \
       data index i using 1:3 title "processes" linewidth 3 pointtype 5 pointsize 0.6
}
unset multiplot
