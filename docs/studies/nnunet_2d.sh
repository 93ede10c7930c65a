#!/usr/bin/env bash
# nnU-Net v2, 2D, on the folds and for the wall-clock of a study, as a yardstick beside 'spine study hille'.
#
# nnU-Net is no dependency of this project: make an environment of its own for it, then give it the study's folder.
#
#   python3 -m venv nnunet-env && nnunet-env/bin/pip install 'nnunetv2==2.8.*'
#   PATH=nnunet-env/bin:$PATH docs/studies/nnunet_2d.sh STUDY DATA WORK MINUTES
#
# STUDY    folder of 'spine study hille' (study.json tells who is held out where)
# DATA     the folder of patients that it was run on
# WORK     folder for nnU-Net's files
# MINUTES  of training for each fold: what the study's report tells of "2D T1+T2", divided by the folds
#
# PLAN in the environment is given to nnU-Net's planning. As it plans by itself, a step takes most of a minute on one
# thread; with the study's pixels and a small batch a few seconds:
#
#   export PLAN='-gpu_memory_target 1 -overwrite_target_spacing 4 1.5 1.5'
#
# It writes WORK/figures.csv (patient, fold, Dice, TPR, TNR), by the same formulas on the same patients. Networks, patches,
# augmentation and rate are what nnU-Net plans by itself; its training ends by the clock, and mirror images are not
# averaged, which the study does not do either.
set -eu
study=$1 data=$2 work=$3 minutes=$4
here=$(cd "$(dirname "$0")" && pwd)
export nnUNet_raw="$work/raw" nnUNet_preprocessed="$work/preprocessed" nnUNet_results="$work/results"
device=$(python -c 'import torch; print("cuda" if torch.cuda.is_available() else "cpu")')
mkdir -p "$nnUNet_raw" "$nnUNet_preprocessed" "$nnUNet_results"
if [ ! -f "$work/prepared" ]; then
	python "$here/nnunet_2d.py" convert "$study" "$data" "$work"
	# shellcheck disable=SC2086 - several words
	nnUNetv2_plan_and_preprocess -d 501 -c 2d --verify_dataset_integrity ${PLAN:-}
	python "$here/nnunet_2d.py" folds "$study" "$data" "$work"
	touch "$work/prepared"
fi
folds=$(python "$here/nnunet_2d.py" count "$study" "$data" "$work")
for fold in $(seq 0 $((folds - 1))); do
	[ -f "$work/found/$fold/done" ] && continue
	python "$here/nnunet_2d.py" train "$fold" "$minutes"
	nnUNetv2_predict -i "$work/held/$fold" -o "$work/found/$fold" -d 501 -c 2d -f "$fold" -device "$device" --disable_tta
	touch "$work/found/$fold/done"
done
python "$here/nnunet_2d.py" measure "$study" "$data" "$work"
