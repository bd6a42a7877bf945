"""Which files are mutated, how, and which commands read them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torture.mutations import (
    Mutation,
    either,
    in_gzip,
    in_json,
    in_onnx,
    in_safetensors,
    in_tar,
    in_zip,
    mutate_bytes,
    mutate_text,
)


@dataclass(frozen=True)
class Kind:
    """A kind of file: what of the samples is mutated, how, and which commands read it; of a folder one of `files`."""

    source: str
    mutation: Mutation
    commands: Sequence[str]
    files: str = "*"


# Commands as they are cheapest: they end at their last check or after a few images. {it} stands for what was mutated.
NEGATIVE = "--suite none --transform negative --limit 20"
AUDIT = f"audit {{onnx}} --data {{png}} {NEGATIVE}"
SEARCH = "search {onnx} --space gamma(exponent=0.5..2) --budget 2 --limit 5"
HARDEN = "--invariant negative --method canonicalize --suite none --limit 9 --out out"
VIEW = "--no-browser --host 192.0.2.1 --port 1"
MODEL = (  # a quick one stands there more often
    *("verify {it} --data {png} --invariant negative --limit 4",) * 8,
    *(f"view {{it}} --data {{png}} {VIEW}",) * 4,
    f"audit {{it}} --data {{png}} --out out {NEGATIVE}",
    f"{SEARCH.replace('onnx', 'it')} --data {{png}} --out out",
    f"harden {{it}} --fit {{png}} --data {{png}} {HARDEN}",
)
DATA = (
    *("annotate {it} --out rules.toml",) * 8,
    *("verify {onnx} --data {it} --invariant negative --limit 40",) * 8,
    f"audit {{onnx}} --data {{it}} --out out {NEGATIVE}",
    f"{SEARCH} --data {{it}} --out out",
    f"harden {{onnx}} --fit {{png}} --data {{it}} {HARDEN}",
    f"harden {{onnx}} --fit {{it}} --data {{png}} {HARDEN}",
    "inspect {it} --limit 40 --out out",
    f"view --data {{it}} {VIEW}",
)
IMAGES = tuple(words for words in DATA if not words.startswith("annotate"))  # which decodes none of a folder
RESULTS = (
    *("compare {it} {audit}", "compare {audit} {it}", f"view --audit {{it}} {VIEW}") * 2,
    *("reproduce figure1 --table1 {it} --data-dir missing --out out",) * 2,
    *("reproduce claims --table1 {it} --sensitivity {it} --out claims.md",) * 4,
    f"{AUDIT} --out out --baseline {{it}}",
    f"{SEARCH} --data {{png}} --out {{it}}",
)
GOES_ON = (
    "compare {it} {audit}",
    f"view --audit {{it}} {VIEW}",
    f"audit {{onnx}} --data {{png}} --out {{it}} {NEGATIVE}",
)
WITH_WEIGHTS = [words.replace("{it}", "factory:digits --size 28 --channels gray --weights {it}", 1) for words in MODEL]
LABELED = (
    f"audit {{onnx}} --data {{png}}/test --labels {{it}} --out out {NEGATIVE}",
    f"{SEARCH} --data {{png}}/test --labels {{it}} --out out",
)

_weights, _toml = either(mutate_bytes, in_safetensors), either(mutate_text, mutate_text, mutate_bytes)
_member, _image = either(mutate_bytes, mutate_text), mutate_bytes
KINDS: Mapping[str, Kind] = {
    "onnx": Kind("digits.onnx", either(mutate_bytes, in_onnx), MODEL),
    "safetensors": Kind("digits.safetensors", _weights, WITH_WEIGHTS),
    "pt2": Kind("digits.pt2", either(mutate_bytes, in_zip(_member)), MODEL),
    "hugging face": Kind("hugging_face", either(mutate_text, in_json, _weights), MODEL),
    "zip": Kind("digits.zip", either(mutate_bytes, in_zip(mutate_bytes)), DATA),
    "tar": Kind("digits.tar", either(mutate_bytes, in_tar(mutate_bytes)), DATA),
    "tar.gz": Kind("digits.tar.gz", either(mutate_bytes, in_gzip(mutate_bytes), in_gzip(in_tar(mutate_bytes))), DATA),
    "npz": Kind("digits-test.npz", either(mutate_bytes, in_zip(mutate_bytes)), DATA),
    "parquet": Kind("digits.parquet", mutate_bytes, DATA),
    "webdataset": Kind("shards-000.tar", either(mutate_bytes, in_tar(mutate_bytes)), DATA),
    "png": Kind("png", _image, IMAGES, "test/*"),
    "jpeg": Kind("jpeg", _image, IMAGES, "test/*"),
    "tiff": Kind("tiff", _image, IMAGES, "test/*"),
    "dicom": Kind("dcm", _image, IMAGES, "test/*"),
    "idx": Kind(
        "idx",
        either(mutate_bytes, in_gzip(mutate_bytes)),
        ("annotate mnist:test --data-dir {it} --out rules.toml", "data verify mnist --data-dir {it}"),
        "t10k*",
    ),
    "labels": Kind("labels.csv", either(mutate_text, mutate_bytes), LABELED),
    "config": Kind("config.toml", _toml, ["verify {onnx} --data {png} --invariant negative --limit 4 --config {it}"]),
    "rules": Kind("rules.toml", _toml, [f"{AUDIT} --out out --label-preserving {{it}}"]),
    "recipe": Kind(
        "recipe.toml", _toml, ["reproduce table1 --fast --epsilons 0.0 --data-dir missing --out out --recipe {it}"]
    ),
    "plan": Kind("plan.toml", _toml, ["reproduce sensitivity --fast --plan {it} --data-dir missing --out out"]),
    "results": Kind("results", either(mutate_text, in_json, mutate_bytes), RESULTS),
    "audits": Kind("audit", either(mutate_bytes, mutate_bytes, in_json), GOES_ON),
}

SPECS: Mapping[str, Sequence[str]] = {
    "audit {onnx} --data {png} --limit 20 --out out --suite none --transform": (
        "gamma(exponent=2.0)",
        "rotation(degrees=10.0)|negative",
        "fgsm(epsilon=0.1)",
    ),
    "audit {onnx} --limit 20 --out out --suite none --data": ("folder(path='{png}')", "gtsrb(prepare='paper')"),
    "search {onnx} --data {png} --limit 5 --budget 2 --out out --space": (
        "gamma(exponent=0.5..2)",
        "gamma(exponent=0.5..2)|rotation(degrees=-10..10)",
        "color",
    ),
    "search {onnx} --data {png} --limit 5 --budget 2 --out out --strategy": ("random", "sobol", "local", "grid"),
    f"harden {{onnx}} --fit {{png}} --data {{png}} {HARDEN} --method": ("canonicalize", "average,most_confident"),
    "verify {onnx} --data {png} --limit 4 --invariant": ("negative", "negative*flips", "rotations"),
    "verify {onnx} --data {png} --limit 4 --invariant negative --class-map": ("0,1,2,3,4,5,6,7,8,9", "0..9", "labels"),
    f"{AUDIT} --out out --fail-under": ("negative=0.9",),
}
"""Commands that end with a spec string, and what it may be."""
