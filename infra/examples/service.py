"""A model server that tells davy what it answers.

    DAVY_MODEL_VERSION=v1 uvicorn service:app --port 8001

The SDK is the publisher, the middleware, and what `predict` says about its answer.
"""

from typing import Annotated

from fastapi import FastAPI, Request
from pydantic import BaseModel, Field
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from streams.publisher import Publisher
from streams.publisher.asgi import PredictionMiddleware

publisher = Publisher.from_env(service="digits")
app = FastAPI(title="digits")
app.add_middleware(
    PredictionMiddleware,
    publisher=publisher,
    paths=["/predict"],
    version=publisher.options.model_version,
)

digits = load_digits()
model = LogisticRegression(max_iter=1000).fit(digits.data / 16, digits.target)


class Image(BaseModel):
    """A handwritten digit: 8 x 8 pixels, row by row, 0 is paper and 16 is ink."""

    pixels: Annotated[list[Annotated[int, Field(ge=0, le=16)]], Field(min_length=64, max_length=64)]


class Label(BaseModel):
    """What a person says that the digit was."""

    request_id: str
    digit: int


@app.post("/predict")
async def predict(image: Image, request: Request) -> dict[str, int | float]:
    """The digit on the image."""
    shares = model.predict_proba([[pixel / 16 for pixel in image.pixels]])[0]
    digit, score = int(shares.argmax()), float(shares.max())
    request.state.davy.predicted_class = digit
    request.state.davy.score = score
    return {"digit": digit, "score": score}


@app.post("/label", status_code=202)
async def label(said: Label) -> None:
    """The truth, whenever it comes; the id is in the answer's x-request-id."""
    publisher.outcome(request_id=said.request_id, label=said.digit)


@app.get("/health")
async def health() -> dict[str, int]:
    """The model is loaded; how many records davy did not get."""
    return {"lost": publisher.counters().lost}
