"""GTSRB as one would prepare it in an afternoon: zipfile, csv, Pillow and OpenCV, one image after the other.

``python -m benchmarks.peers.gtsrb_by_hand TRAIN_ZIP TEST_ZIP TABLE_ZIP`` prints the sha256 of both splits' pixels.
"""

import csv
import io
import sys
import zipfile
from hashlib import sha256

import cv2
import numpy as np
from PIL import Image

TRAIN, TEST = "GTSRB/Final_Training/Images", "GTSRB/Final_Test/Images"


def main(train: str, test: str, table: str) -> None:
    """Prepare both splits: gray, 28x28 bilinear with antialiasing, equalized."""
    with zipfile.ZipFile(train) as opened:
        signs = [sign for label in range(43) for sign in rows(opened, f"{TRAIN}/{label:05d}", f"GT-{label:05d}.csv")]
        digests = [digest(opened, signs)]
    with zipfile.ZipFile(table) as tables, zipfile.ZipFile(test) as opened:
        text = tables.read("GT-final_test.csv").decode()
        digests.append(digest(opened, read_csv(text, TEST)))
    print(*digests)  # noqa: T201


def rows(opened: zipfile.ZipFile, folder: str, table: str) -> list[tuple[str, int]]:
    """A class's members and labels, in the order of their names."""
    return sorted(read_csv(opened.read(f"{folder}/{table}").decode(), folder))


def read_csv(text: str, folder: str) -> list[tuple[str, int]]:
    """The members that a table lists, with their labels."""
    return [
        (f"{folder}/{row['Filename']}", int(row["ClassId"])) for row in csv.DictReader(io.StringIO(text), delimiter=";")
    ]


def digest(opened: zipfile.ZipFile, signs: list[tuple[str, int]]) -> str:
    """The prepared images' sha256."""
    images, labels = [], []
    for member, label in signs:
        image = Image.open(io.BytesIO(opened.read(member))).convert("L").resize((28, 28), Image.Resampling.BILINEAR)
        images.append(cv2.equalizeHist(np.asarray(image)))
        labels.append(label)
    return sha256(np.stack(images).tobytes()).hexdigest()


if __name__ == "__main__":
    main(*sys.argv[1:])
