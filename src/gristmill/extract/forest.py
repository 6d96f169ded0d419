"""Boosted trees as they are kept, and in the form that kernels.html_trees walks: every test once, every tree of one shape."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gristmill.kernels.html_trees import LEAVES, NODES, predict

LEAF = 0xFFFF
"""Stands for the column in leaves."""


@dataclass(frozen=True)
class Forest:
    """The nodes of all trees, one after the other; the children of a node stand side by side, behind it."""

    roots: np.ndarray  # uint16 (trees,): their first nodes
    feature: np.ndarray  # uint16 (nodes,): column, LEAF in leaves
    value: np.ndarray  # float32 (nodes,): threshold, in leaves the score
    child: np.ndarray  # uint16 (nodes,): the node for "at most the threshold"; the other follows it
    base: float  # score before the first tree

    def predict(self, x: np.ndarray, p: np.ndarray) -> None:
        """Probabilities of the first len(p) rows of x float32 (rows, columns or more) into p float32."""
        predict(x, len(p), *self._tests, *self._trees, self.base, p)

    @cached_property
    def _test_of_node(self) -> tuple[np.ndarray, np.ndarray]:
        """First nodes with a test of each kind; the number of its test per node, 0 in leaves."""
        inner = np.flatnonzero(self.feature != LEAF)
        names = self.feature[inner].astype(np.uint64) << np.uint64(32) | self.value[inner].view(np.uint32)
        _, first, numbers = np.unique(names, return_index=True, return_inverse=True)
        found = np.zeros(len(self.feature), np.int64)
        found[inner] = numbers
        return inner[first], found

    @cached_property
    def _tests(self) -> tuple[np.ndarray, np.ndarray]:
        nodes = self._test_of_node[0]
        return self.feature[nodes], self.value[nodes]

    @cached_property
    def _trees(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Tests, children and scores as kernels.html_trees has them. Raises ValueError when a tree has more than 32 leaves."""
        trees = len(self.roots)
        tests, children = np.zeros((trees, NODES), np.uint16), np.zeros((trees, NODES, 2), np.uint8)
        scores = np.zeros((trees, LEAVES), np.float32)
        for tree, root in enumerate(self.roots):
            self._lay_out(int(root), tests[tree], children[tree], scores[tree])
        return tests, children, scores

    def _lay_out(self, root: int, tests: np.ndarray, children: np.ndarray, scores: np.ndarray) -> None:
        """One tree. Where it has fewer leaves than LEAVES, its last one becomes a node whose two leaves have the same score."""
        waiting, inner, leaves = [root], [], []
        for node in waiting:
            if self.feature[node] == LEAF:
                leaves.append(node)
            else:
                inner.append(node)
                waiting += [int(self.child[node]), int(self.child[node]) + 1]
        if len(leaves) > LEAVES:
            raise ValueError(f"a tree with {len(leaves)} leaves; {LEAVES} are the most")
        place = {node: number for number, node in enumerate(inner)}
        place |= {node: LEAVES + number for number, node in enumerate(leaves)}
        for number, node in enumerate(inner):
            tests[number] = self._test_of_node[1][node]
            children[number] = place[int(self.child[node])], place[int(self.child[node]) + 1]
        scores[: len(leaves)] = self.value[leaves]
        for number in range(len(inner), NODES):  # there are one more leaves than nodes
            last = LEAVES + number
            children[:number][children[:number] == last] = number
            children[number] = last, last + 1
            scores[number + 1] = scores[number]
