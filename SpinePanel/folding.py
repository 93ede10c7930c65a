"""Which steps of a panel stand open: what is finished folds, and what comes next opens."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence


class Folding:
    """The steps that follow one another; sections that are not among them stay as the user left them.

    Args:
        ui: widgets of the ``.ui`` by name.
        chain: names of the sections in their order.
    """

    def __init__(self, ui, chain: Sequence[str]):
        self._ui, self._chain = ui, tuple(chain)
        self._done: dict[str, bool] = {}
        self._warned: frozenset[str] = frozenset()

    def follow(self, states: Mapping[str, tuple[bool, str]], warned: Collection[str] = ()) -> None:
        """Open what comes after a step that has just become done, a step that is done no more, and one that has
        something to say that nobody may miss; nothing folds under the user's hand.

        Of several that are done at once, as when a scene was loaded, the last one stays open and the others fold.

        Args:
            states: as :meth:`SpinePanel.steppanel.StepPanel.states` gives them.
            warned: names of the sections that warn.
        """
        before, self._done = self._done, {name: self._isDone(name, states) for name in self._chain}
        new = [place for place, name in enumerate(self._chain) if self._done[name] and not before.get(name)]
        for place in new[:-1] if len(new) > 2 else []:
            self._section(place).collapsed = self._chain[place] not in warned
        if new:
            self._open(new[-1] + 1)
        former, self._warned = self._warned, frozenset(warned)
        for place, name in enumerate(self._chain):
            if (before.get(name) and not self._done[name]) or name in self._warned - former:
                self._open(place)

    def finished(self, name: str, states: Mapping[str, tuple[bool, str]], warned: Collection[str] = ()):
        """A job of a step has ended well: what is done before it folds, its own words stay, and the next one opens.

        What warns does not fold.

        Returns:
            The button of the next step, or None.
        """
        if name not in self._chain:
            return None
        at = self._chain.index(name)
        for place in range(at):
            if self._isDone(self._chain[place], states) and self._chain[place] not in warned:
                self._section(place).collapsed = True
        self._open(at + 1)
        following = self._chain[at + 1] if at + 1 < len(self._chain) else ""
        return getattr(self._ui, f"{following}ApplyButton", None)

    def _open(self, place: int) -> None:
        if place < len(self._chain):
            self._section(place).collapsed = False

    def _section(self, place: int):
        return getattr(self._ui, f"{self._chain[place]}Section")

    @staticmethod
    def _isDone(name: str, states: Mapping[str, tuple[bool, str]]) -> bool:
        return bool(states.get(name, (False, ""))[0])
