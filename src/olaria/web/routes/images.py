"""What the rooms of image models look at: codes of test images, and what samples are nearest to."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request, Response

from olaria.web.routes.live import kept
from olaria.web.routing import studio_of

Seed = Annotated[int, Query(ge=0, le=2**31 - 1)]


def add(app: FastAPI) -> None:
    """Add the routes."""
    app.get("/api/runs/{run_id}/codes")(show_codes)
    app.get("/api/runs/{run_id}/nearest")(show_nearest)


async def show_codes(request: Request, run_id: str) -> Response:
    """Codes of test images with the images small, and the dimensions by their use."""
    return await kept(request, run_id, "codes", studio_of(request).looking)


async def show_nearest(request: Request, run_id: str, seed: Seed = 0) -> Response:
    """Samples, the training images nearest to each, and whether they are nearer than test images are."""
    return await kept(request, run_id, "nearest", studio_of(request).looking, seed=seed)
