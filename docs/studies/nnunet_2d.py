"""Between a study's folder and nnU-Net's: files, folds and figures. Called by ``nnunet_2d.sh``."""

from __future__ import annotations

import csv
import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk

DATASET = "Dataset501_Metastases"


#: The power of nnU-Net's falling rate.
_EXPONENT = 0.9


def main() -> None:
    what = sys.argv[1]
    if what == "train":
        train(int(sys.argv[2]), float(sys.argv[3]))
        return
    study, data, work = map(Path, sys.argv[2:5])
    told = json.loads((study / "study.json").read_text(encoding="utf-8"))
    folds: dict[int, list[str]] = {}
    configuration = min((study / "folds").iterdir())  # all have the same folds
    for file in sorted(configuration.glob("fold-*.json")):
        rows = json.loads(file.read_text(encoding="utf-8"))["cases"]
        held = sorted({row["case"] for row in rows})
        folds[int(file.stem.split("-")[1])] = held
    names = sorted(told["data"])
    if what == "convert":
        convert(data, work, names, folds)
    elif what == "folds":
        place = work / "preprocessed" / DATASET / "splits_final.json"
        splits = [{"train": [n for n in names if n not in folds[f]], "val": folds[f]} for f in sorted(folds)]
        place.write_text(json.dumps(splits, indent=1))
    elif what == "count":
        print(len(folds))
    else:
        measure(data, work, folds)


def convert(data: Path, work: Path, names: list[str], folds: dict[int, list[str]]) -> None:
    """T1 and T2 on the T1's grid, and whether a voxel is lesion."""
    raw = work / "raw" / DATASET
    for folder in ("imagesTr", "labelsTr"):
        (raw / folder).mkdir(parents=True, exist_ok=True)
    for name in names:
        t1 = sitk.ReadImage(str(data / name / "anat" / f"{name}_T1w.nii.gz"), sitk.sitkFloat32)
        t2 = sitk.ReadImage(str(data / name / "anat" / f"{name}_T2w.nii.gz"), sitk.sitkFloat32)
        mask = sitk.ReadImage(str(_mask(data, name)))
        for number, image in enumerate((t1, sitk.Resample(t2, t1))):
            sitk.WriteImage(image, str(raw / "imagesTr" / f"{name}_{number:04d}.nii.gz"))
        on_t1 = sitk.Resample(mask > 0, t1, sitk.Transform(), sitk.sitkNearestNeighbor)
        sitk.WriteImage(on_t1, str(raw / "labelsTr" / f"{name}.nii.gz"))
    dataset = {
        "channel_names": {"0": "T1", "1": "T2"},
        "labels": {"background": 0, "lesion": 1},
        "numTraining": len(names),
        "file_ending": ".nii.gz",
    }
    (raw / "dataset.json").write_text(json.dumps(dataset, indent=1))
    for fold, held in folds.items():
        place = work / "held" / str(fold)
        place.mkdir(parents=True, exist_ok=True)
        for name in held:
            for number in (0, 1):
                shutil.copy(raw / "imagesTr" / f"{name}_{number:04d}.nii.gz", place)


def train(fold: int, minutes: float) -> None:
    """nnU-Net's own training, whose falling rate ends with the clock instead of its 250,000 steps; the last weights."""
    import torch
    from nnunetv2.run.run_training import get_trainer_from_args

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    trainer = get_trainer_from_args("501", "2d", fold, device=device)
    trainer.on_train_start()
    trainer.network.train()
    steps, losses, started = 0, [], time.monotonic()
    while (left := 1 - (time.monotonic() - started) / (60 * minutes)) > 0:
        for group in trainer.optimizer.param_groups:
            group["lr"] = trainer.initial_lr * left**_EXPONENT
        losses.append(float(trainer.train_step(next(trainer.dataloader_train))["loss"]))
        steps += 1
    told = {"fold": fold, "minutes": minutes, "steps": steps, "last_losses": losses[-5:]}
    trainer.on_train_end()
    place = Path(trainer.output_folder_base) / f"fold_{fold}" / "told.json"
    place.write_text(json.dumps(told, indent=1), encoding="utf-8")
    print(f"Fold {fold}: {steps} steps of {trainer.batch_size} slices in {minutes:g} minutes")


def measure(data: Path, work: Path, folds: dict[int, list[str]]) -> None:
    """Dice, sensitivity and specificity by patient, over whole volumes."""
    rows = []
    for fold, held in folds.items():
        for name in held:
            found = sitk.GetArrayFromImage(sitk.ReadImage(str(work / "found" / str(fold) / f"{name}.nii.gz"))) > 0
            place = work / "raw" / DATASET / "labelsTr" / f"{name}.nii.gz"
            truth = sitk.GetArrayFromImage(sitk.ReadImage(str(place))) > 0
            both, there, marked = ((truth & found).sum(), truth.sum(), found.sum())
            outside = (~truth).sum()
            rows.append([name, fold, 2 * both / (there + marked), both / there, 1 - (marked - both) / outside])
    with open(work / "figures.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["patient", "fold", "dice", "tpr", "tnr"], *rows])
    print(f"Dice {np.nanmean([row[2] for row in rows]):.4f} over {len(rows)} patients")


def _mask(data: Path, name: str) -> Path:
    return data / "derivatives" / "labels" / name / "anat" / f"{name}_label-lesion_mask.nii.gz"


if __name__ == "__main__":
    main()
