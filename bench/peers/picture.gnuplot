# SPDX-License-Identifier: Apache-2.0
# Draws what twinpool_peers --plot-data wrote: gnuplot -e "data='result.tsv'; picture='result.svg'" picture.gnuplot
set terminal svg size 1100,620 font "sans-serif,13" background rgb "white"
set termoption noenhanced
set output picture
set datafile separator "\t"
set datafile missing "NaN"
set logscale y
set format y "%g"
set ylabel "nanoseconds a task (less is better, logarithmic)"
set title "Empty tasks: both twins and their peers, medians of one run"
set style data linespoints
set key outside right
set grid ytics
set xtics rotate by -20
# One line a contestant over the figures: the table turned by its side.
figures = system(sprintf("head -1 '%s' | cut -f2-", data))
rows = int(system(sprintf("wc -l < '%s'", data))) - 1
turned = data . ".turned"
system sprintf("awk -F'\t' '{for (i = 1; i <= NF; i++) cell[NR, i] = $i} END {for (i = 1; i <= NF; i++) {line = cell[1, i]; for (r = 2; r <= NR; r++) line = line \"\t\" cell[r, i]; print line}}' '%s' > '%s'", data, turned)
# Line i of the file is column i of the turned one.
thick(i) = system(sprintf("sed -n '%dp' '%s' | cut -c 1-8", i, data)) eq "twinpool" ? 5 : 1.5
plot for [i = 2:rows + 1] turned using i:xtic(1) title columnheader(i) \
  linewidth thick(i) pointtype i pointsize 0.8
