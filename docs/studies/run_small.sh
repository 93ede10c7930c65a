#!/usr/bin/env bash
# The four small studies on simulated patients: up to two hours each on two cores. Each goes on where it was when this is
# run again. Run from a copy of the repository with 'pip install .[train]'; the pages land in STUDIES/<study>/report.html.
#
#   docs/studies/run_small.sh [STUDIES]
set -eu
out=${1:-studies}
mkdir -p "$out"
spine phantom --output "$out/hille-data" --cases 40 --seed 4001
spine phantom --output "$out/wang-data" --cases 26 --seed 4002 --sequences STIR --metastases 1,2
spine phantom --output "$out/steffen-data" --cases 26 --seed 4003 --follow-up
spine phantom --output "$out/miao-data" --cases 40 --seed 4004 --ct
for study in hille wang steffen miao; do
	spine study "$study" --data "$out/$study-data" --budget small -o "$out/$study"
done
