"""LightGBM's trees in our own form; one thread and fixed seeds, so that the same data give the same bytes."""

from __future__ import annotations

from typing import Any

import lightgbm
import numpy as np

from gristmill.extract.forest import LEAF, Forest

PARAMETERS: dict[str, Any] = {
    "objective": "binary",
    "num_leaves": 31,
    "learning_rate": 0.06,
    "min_data_in_leaf": 60,
    "min_sum_hessian_in_leaf": 5.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 5.0,
    "max_bin": 127,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "seed": 7,
    "verbose": -1,
}


def fit(x: np.ndarray, y: np.ndarray, weights: np.ndarray, trees: int) -> Forest:
    """Boosted trees for the probability of y."""
    data = lightgbm.Dataset(x, y, weight=weights, params=PARAMETERS)
    booster = lightgbm.train(PARAMETERS, data, num_boost_round=trees)
    return flatten(booster.dump_model()["tree_info"])


def flatten(trees: list[dict[str, Any]]) -> Forest:
    """The nodes of all trees one after the other, both children of a node side by side."""
    roots, feature, value, child = [], [], [], []
    for tree in trees:
        roots.append(len(feature))
        waiting = [(tree["tree_structure"], len(feature))]
        for column in (feature, value, child):
            column.append(0)
        while waiting:
            node, at = waiting.pop()
            if "leaf_value" in node:
                feature[at], value[at] = LEAF, np.float32(node["leaf_value"])
                continue
            assert node["decision_type"] == "<="
            below = np.float32(node["threshold"])
            if float(below) > node["threshold"]:  # rounded up, it would let in the next greater number
                below = np.nextafter(below, np.float32(-np.inf))
            feature[at], value[at], child[at] = node["split_feature"], below, len(feature)
            for k, side in enumerate(("left_child", "right_child")):
                waiting.append((node[side], len(feature)))
                for column in (feature, value, child):
                    column.append(0)
                assert child[at] + k == len(feature) - 1
    return Forest(
        np.array(roots, np.uint16),
        np.array(feature, np.uint16),
        np.array(value, np.float32),
        np.array(child, np.uint16),
        0.0,
    )
