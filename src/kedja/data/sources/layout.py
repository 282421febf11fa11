"""Which top folders of a source are its splits: used, said, or refused; never thrown away silently."""

from kedja.common.errors import KedjaError
from kedja.data.sources.files.tree import SPLIT_NAMES, Tree, holds_images


def split_folders(tree: Tree, *, label_stated: bool) -> tuple[dict[str, str], list[str]]:
    """Top folder → split, empty where they are classes; and what is to be said of it.

    Args:
        label_stated: whether the user said which folder names the class.

    Raises:
        KedjaError: there are splits, but none to train on, or images beside them that may be meant for it.
    """
    tops = tree.entries("").folders
    named = {name: SPLIT_NAMES[name.lower()] for name in tops if name.lower() in SPLIT_NAMES}
    if not named:
        return {}, []
    with_classes = {name for name in named if _holds_classes(tree, name)}
    beside = [name for name in tops if name not in named and holds_images(tree, f"{name}/")]
    if not with_classes:
        return {}, _taken_for_classes(named, beside)
    splits = {named[name] for name in with_classes}
    if "train" not in splits:
        if beside and label_stated:
            return {}, [f"{_folders(with_classes)} may be a split and is not used as one: there is no train/"]
        raise KedjaError(
            f"{tree}/ has {_folders(with_classes)}, but no train/ with classes in it: nothing to train on",
            "put the training images into train/<class>/, or give the folder of classes alone as the source",
        )
    if beside and len(set(named.values())) == 1:
        return {}, [f"train/ may be a split and is not used as one: {_folders(beside)} lies beside it"]
    return named, []


def _holds_classes(tree: Tree, name: str) -> bool:
    return any(holds_images(tree, f"{name}/{inner}/") for inner in tree.entries(f"{name}/").folders)


def _taken_for_classes(named: dict[str, str], beside: list[str]) -> list[str]:
    """All images of the top folders lie right inside them: they are classes, whatever their names."""
    return (
        [f"{_folders(named)} may be a split and is taken for a class: it has no folders inside"]
        if beside and named
        else []
    )


def _folders(names: "set[str] | dict[str, str] | list[str]") -> str:
    return ", ".join(f"{name}/" for name in sorted(names)[:5])
