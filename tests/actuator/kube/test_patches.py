"""Patches as an independent JSON Patch library applies them."""

import jsonpatch
import pytest

from streams.actuator.routers.kube.patches import drop, expect, pointer, put, set_metas, unchanged

OBJECT = {
    "metadata": {
        "resourceVersion": "7",
        "annotations": {"a/b": "1", "c~d": "2"},
    },
    "spec": {"rules": [{"weight": 1}, {"weight": 2}]},
}


def applied(*operations: object) -> dict[str, object]:
    return jsonpatch.apply_patch(OBJECT, list(operations))


class TestPointer:
    @pytest.mark.parametrize("name", ["a/b", "c~d"])
    def test_names_with_special_signs(self, name: str) -> None:
        """A name that looks like a path is one step."""
        after = applied(put(pointer("metadata", "annotations", name), "new"))
        assert after["metadata"]["annotations"][name] == "new"

    def test_lists_by_number(self) -> None:
        after = applied(put(pointer("spec", "rules", 1), {"weight": 9}), drop("/spec/rules/2"))
        assert after["spec"]["rules"] == [{"weight": 1}, {"weight": 9}]


class TestGuards:
    def test_another_version_is_refused(self) -> None:
        """Whoever was faster wins."""
        assert applied(unchanged(OBJECT)) == OBJECT
        with pytest.raises(jsonpatch.JsonPatchTestFailed):
            applied(unchanged({"metadata": {"resourceVersion": "6"}}))

    def test_another_name_is_refused(self) -> None:
        with pytest.raises(jsonpatch.JsonPatchTestFailed):
            applied(expect("/spec/rules/0/weight", 2))


class TestMeta:
    def test_the_first_annotation_makes_the_map(self) -> None:
        bare = {"metadata": {}}
        made = jsonpatch.apply_patch(bare, set_metas(bare, "annotations", {"davy.dev/fence": "x"}))
        assert made["metadata"] == {"annotations": {"davy.dev/fence": "x"}}

    def test_others_stay(self) -> None:
        after = applied(*set_metas(OBJECT, "annotations", {"davy.dev/fence": "x"}))
        assert after["metadata"]["annotations"] == {"a/b": "1", "c~d": "2", "davy.dev/fence": "x"}

    def test_taken_away(self) -> None:
        after = applied(*set_metas(OBJECT, "annotations", {"a/b": None}))
        assert after["metadata"]["annotations"] == {"c~d": "2"}

    def test_what_is_so_already_is_not_written(self) -> None:
        """A replay makes no writes."""
        assert set_metas(OBJECT, "annotations", {"a/b": "1"}) == []
        assert set_metas(OBJECT, "labels", {"a/b": None}) == []
