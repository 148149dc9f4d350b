"""The mood of a text by a lexicon: TextBlob's, English, which knows words and no irony.

Any other function may stand in its place: a text in, annotations out.
"""

from importlib.metadata import version

from textblob import TextBlob

MODEL = {"model": "lexicon-textblob", "model_version": version("textblob")}
"""Says in every result by what it was made: results of two models are never added."""

FAINT = 100
"""So near to 0 (per mille) a text says nothing of a mood."""


def annotations(text: str) -> list[dict[str, object]]:
    """One annotation: the mean polarity of the words that the lexicon knows, -1000 to 1000."""
    score = round(TextBlob(text).sentiment.polarity * 1000)
    label = "neutral" if abs(score) < FAINT else "positive" if score > 0 else "negative"
    return [{"kind": "sentiment", "label": label, "score": score, **MODEL}]
