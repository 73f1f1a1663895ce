"""What the live parts of a page say."""

from __future__ import annotations

from collections.abc import Mapping

from olaria.i18n import N_

EVERY: Mapping[str, str] = {
    "proved": N_(
        "The model runs in this page: {count} numbers were computed again here, "
        "and the largest difference is {difference}."
    ),
    "computed": N_("All numbers of this part are computed in this page."),
    "rounded": N_("Its weights are rounded to {bits} bits here, to keep the file small."),
    "damaged": N_(
        "The weights in this file are damaged, so this part stays off. The figure below is from the undamaged model."
    ),
    "differs": N_(
        "This browser computes other numbers than the model (largest difference {difference}), so this part stays off."
    ),
    "otherTokens": N_(
        "This browser cuts a text into other tokens than the run, so this part stays off."
    ),
    "lacking": N_(
        "This browser cannot run this part ({reason}), so it stays off. The figure below stands still."
    ),
    "wideTable": N_("table"),
    "more": N_("scroll sideways for more"),
    "tooLong": N_(
        "Your text has more than {count} characters, too many for a link: the link shows this part at its start."
    ),
    "guessed": N_("Your guess: “{guess}”."),
    "noGuess": N_("Show it without a guess"),
    "back": N_("back to the start"),
    "picture": N_("save the picture (PNG)"),
    "numbers": N_("save the numbers (CSV)"),
}
"""By every part."""
UNLIKE_A_FILE: Mapping[str, str] = {
    "rounded": N_("Its weights are rounded to {bits} bits here, since it is large."),
    "damaged": N_("The weights did not arrive whole, so this part stays off. Load the page again."),
    "lacking": N_("This browser cannot run this part ({reason}), so it stays off."),
}
"""Where the page is no file, and no figure stands beneath a part."""
_UNKNOWN = {
    "unknown_error": N_(
        "The model does not know {characters}: the run refuses a text with such characters; here they are left out."
    ),
    "unknown_replace": N_("The model does not know {characters} and reads “{by}” instead."),
    "unknown_skip": N_("The model does not know {characters} and leaves them out."),
}
_OF_TEXT = {
    **_UNKNOWN,
    "yourText": N_("your text"),
    "chooseToken": N_("the tokens: choose one by pointer or with the arrow keys"),
    "typeSomething": N_("Type something: there is no token to read yet."),
    "longest": N_("The last {count} of {all} tokens are read."),
    "token": N_("token"),
    "probability": N_("probability"),
    "end": "<eos>",
}
_WRITTEN = N_(
    "Choose a token that was written, by pointer or with the arrow keys, to see what else could have come in its place."
)
OF_PART: Mapping[str, Mapping[str, str]] = {
    "live_plane": {
        "plane": N_(
            "the two dimensions used most; each dot is the code of a test image. "
            "Drag the point, or move it with the arrow keys"
        ),
        "drawn": N_("what the decoder draws"),
        "starts": N_(
            "begin at the code of a test image, here as the decoder draws it; beneath stands what the image is:"
        ),
        "class": N_("class given to the decoder"),
    },
    "live_pair": {
        "plane": N_(
            "{name}, the two dimensions used most: one drag, or the arrow keys, moves the points of both planes"
        ),
        "drawn": N_("what the decoder of {name} draws"),
        "place": N_(
            "Drag a point, or move it with the arrow keys: the other one follows. Both lie {x} and {y} standard "
            "deviations from the mean of their model's codes."
        ),
        "starts": N_(
            "begin at the code of a test image, which also gives the other dimensions; "
            "here it is as {name} draws it, and beneath stands what the image is:"
        ),
        "begin": N_(
            "begin at the code of a test image, here as {name} draws it; beneath stands what the image is:"
        ),
        "class": N_("class given to the VAE's decoder"),
        "random": N_("random codes from N(0, I)"),
        "randomDrawn": N_("what the decoder of {name} draws for eight random codes from N(0, I)"),
        "key": N_(
            "Dots: codes of test images. Red ring: two standard deviations of N(0, I). Red crosses: the random codes, "
            "the same numbers for both models; what each decoder draws for them stands below."
        ),
        "scale": N_("standard deviations: {x} and {y}"),
        "scaleOfOne": N_("standard deviation: {x}"),
    },
    "live_beta": {
        "starts": N_("test image:"),
        "image": N_("test image"),
        "rebuilt": N_("rebuilt"),
        "fresh": N_("drawn from noise"),
        "onward": N_("new noise"),
        "at": N_("β = {beta} ({run})"),
        "run": N_("run"),
        "error": N_("error of the reconstruction, mean squared"),
        "kl": N_("KL term of this image, nats"),
        "active": N_("active dimensions"),
        "choose": N_("show β = {beta}, run {run}"),
    },
    "live_draw": {
        "starts": N_("begin at a test image:"),
        "pad": N_(
            "your image: draw by pointer or finger, or with the arrow keys and the space bar"
        ),
        "yours": N_("your image: draw on it"),
        "rebuilt": N_("rebuilt"),
        "difference": N_("the difference"),
        "keys": N_(
            "By keys: choose the image, move the square with the arrow keys, "
            "and put the pen down or lift it with the space bar."
        ),
        "clear": N_("clear"),
        "eraser": N_("eraser"),
        "colour": N_("colour"),
        "shift": N_("shift"),
        "turn": N_("turn"),
        "halve": N_("blank one half"),
        "invert": N_("invert"),
        "disturb": N_("add noise"),
        "class": N_("class given to the decoder"),
        "score_error": N_("Error {value}:"),
        "score_code": N_("Distance {value} from the nearest of {known} training codes:"),
        "axis_error": N_("mean squared error per pixel"),
        "axis_code": N_("distance of the code"),
        "above": N_("stranger than {share}% of {count} test images."),
        "every": N_("stranger than all {count} test images."),
        "none": N_("less strange than all {count} test images."),
        "ofTest": N_("share of the test images"),
        "again": N_("draw ε anew"),
        "draws": N_("draws of the code of this image, decoded"),
    },
    "live_between": {
        "from": N_("from"),
        "to": N_("to"),
        "byCodes": N_("the codes are mixed"),
        "byPixels": N_("the pixels are mixed"),
        "apart": N_("The two differ by a mean squared error of {error}."),
        "rows": N_("Above, the codes are mixed; below, the pixels."),
        "class": N_("class given to the decoder"),
    },
    "live_walk": {
        "generated": N_("what the generator draws"),
        "along": N_("the discriminator's output along the walk"),
        "part": N_("part of the way"),
        "probability": N_("D(G(z)), probability of being real"),
        "output": N_("l(G(z)), output of the discriminator"),
        "class": N_("class given to both networks"),
        "walk": N_("walk"),
        "stop": N_("stop"),
        "onward": N_("new noise"),
    },
    "live_training": {
        "images": N_("what the model draws from the same noise after this step"),
        "losses": N_("the losses during training: choose a step by pointer or with the arrow keys"),
        "step": N_("step of training"),
        "at": N_("step {step}"),
        "play": N_("play"),
        "pause": N_("pause"),
        "onward": N_("new noise"),
        "leftOut": N_(
            "The weights of these steps are left out, so that the file stays small: {steps}."
        ),
        "drawnBefore": N_(
            "The weights of the other steps are too large for this file. "
            "It holds their images instead, for this many noises: {count}."
        ),
    },
    "live_game": {
        "seen": N_(
            "the game: the discriminator's surface, the data, the generated points and their gradients"
        ),
        "past": N_("the discriminator's mean outputs, step by step"),
        "points": N_("points to learn"),
        "set_own": N_("{run}: its data, untrained networks"),
        "set_trained": N_("{run}: its data, its trained networks"),
        "set_ring": N_("a ring of eight clusters"),
        "set_grid": N_("a grid of 25 clusters"),
        "set_spiral": N_("a spiral"),
        "seed": N_("seed"),
        "play": N_("▶ play"),
        "pause": N_("pause"),
        "slow": N_("slow motion"),
        "moment": N_("next moment"),
        "stepD": N_("one step of D"),
        "stepG": N_("one step of G"),
        "break": N_("break it on purpose:"),
        "strong": N_("D too strong"),
        "idle": N_("D never learns"),
        "silent": N_("no noise"),
        "fair": N_("mend it"),
        "rule_fair": "",
        "rule_strong": N_(
            "D now takes two steps for each step of G, learns fifty times as fast, and has no penalty; "
            "G minimises log(1 − D). Play: D becomes sure, the gradients almost vanish, "
            "and G finds few clusters or none."
        ),
        "rule_idle": N_(
            "D keeps its first weights. Play: G climbs a surface that never answers, "
            "so its points all run to one side, whether there is data or not."
        ),
        "rule_silent": N_(
            "G gets the same noise each time, all zeros, so all of its points are one. "
            "Play: the point wanders, and never covers two clusters at once."
        ),
        "key": N_(
            "Blue dots: data. Yellow dots: generated points. Arrows: where the generator's loss falls fastest, "
            "and how fast. Ground: blue where D says real, red where it says generated."
        ),
        "step": N_("steps"),
        "covered": N_("clusters covered"),
        "near": N_("points near a cluster"),
        "of": N_("{count} of {all}"),
        "arrow": N_("mean gradient of a point"),
        "outside": N_("points outside the picture"),
        "rate": N_("steps per second"),
        "onReal": N_("D(x), data"),
        "onGenerated": N_("D(G(z))"),
        "again": N_("The turns that the link tells of are played again."),
        "overflow": N_("The numbers have grown beyond all bounds, so the game has stopped."),
        "discriminator_drawn": N_(
            "D's turn, 1 of 3: a batch of the data and a batch of generated points are drawn."
        ),
        "discriminator_judged": N_(
            "D's turn, 2 of 3: D judges both. Its loss is {loss}; the gradient says how its weights would lower it."
        ),
        "discriminator_updated": N_(
            "D's turn, 3 of 3: D's weights have moved, and so has the surface. The loss was {loss}."
        ),
        "generator_drawn": N_("G's turn, 1 of 3: G turns new noise into new points."),
        "generator_judged": N_(
            "G's turn, 2 of 3: D judges the points; G's loss is {loss}. Each arrow shows where its point would go."
        ),
        "generator_updated": N_(
            "G's turn, 3 of 3: G's weights have moved, and all of its points with them. The loss was {loss}."
        ),
    },
    "live_flow": {
        "seen": N_(
            "the plane: the data, points on their way, and a path; "
            "choose where it begins by pointer or with the arrow keys"
        ),
        "shown": N_("the points follow"),
        "lines": N_("the straight lines of random pairs"),
        "flow": N_("the network's velocity"),
        "steps": N_("steps"),
        "solver": N_("solver"),
        "euler": N_("Euler"),
        "midpoint": N_("midpoint rule"),
        "heun": N_("Heun"),
        "seed": N_("seed"),
        "play": N_("play"),
        "pause": N_("pause"),
        "evaluations": N_("evaluations per sample"),
        "apart": N_("error of the ends"),
        "near": N_("samples near a cluster"),
        "network": N_("network's velocity at the ring"),
        "exact": N_("closed form there"),
        "target": N_("target x − ε of the red line"),
        "error": N_("squared error of the network"),
        "key_lines": N_(
            "Grey: data. Yellow: noise on its way to data, each point on a line of its own. "
            "Red: one line, with a ring at its place; choose its noise by a click. "
            "Arrow: where the network's velocity would arrive at t = 1."
        ),
        "key_flow": N_(
            "Grey: data; the arrows are the network's velocity at this t. Yellow: samples on their way. "
            "Blue: the paths of some. Red: a path that begins where you click, with a dot at the end of each step; "
            "dotted, the same path with {fine} steps of Heun's rule. "
            "Arrow at the ring: where the velocity would arrive at t = 1. "
            "Error of the ends: root mean square of the distance of {count} points from the ends of such fine paths."
        ),
        "exactKey": N_("Dashed blue arrow: the same by the closed form."),
    },
    "live_peaks": {
        "seen": N_(
            "the density p, and the best normal distribution for each direction of the divergence"
        ),
        "density": N_("density"),
        "leftMean": N_("left peak: mean"),
        "leftStd": N_("left peak: standard deviation"),
        "rightMean": N_("right peak: mean"),
        "rightStd": N_("right peak: standard deviation"),
        "share": N_("mass of the left peak"),
        "wide": N_("least D(p‖q)"),
        "narrow": N_("least D(q‖p)"),
        "other": N_("D(q‖p), other valley"),
        "mean": N_("mean"),
        "std": N_("standard deviation"),
        "forward": N_("D(p‖q), nats"),
        "backward": N_("D(q‖p), nats"),
        "searching": N_("The search for the least D(q‖p) is not finished yet."),
        "two": N_(
            "From the other peak the search for the least D(q‖p) ends in another valley: the dashed curve."
        ),
        "one": N_("From both peaks the search for the least D(q‖p) ends at the same q."),
    },
    "live_prompt": {
        "prompt": N_("your text"),
        "text": N_("what the model wrote"),
        "chooseWritten": _WRITTEN,
        "before": N_("← the token before"),
        "after": N_("the token after →"),
        "next": N_("What may come next. Press a token to take it."),
        "instead": N_(
            "What could have come in place of “{token}”. Press a token to take it instead: "
            "what was written after it is taken back."
        ),
        "temperature": N_("temperature"),
        "k": N_("top-k (all tokens at the right end)"),
        "p": N_("top-p"),
        "seed": N_("seed"),
        "generate": N_("generate"),
        "stop": N_("stop"),
        "one": N_("one token"),
        "token": N_("token"),
        "probability": N_("probability"),
        "kept": N_("{kept} of {all} tokens may come; entropy {entropy} nats"),
        "empty": N_("Type something: with no token to read, there is no next one."),
        "cut": N_(
            "The text has {count} tokens, and the model reads at most {context} at once: the window slides, "
            "and what is before the last {context} is not read."
        ),
        "slid": N_(
            "The text is now longer than the {context} tokens that the model reads at once: the window slides, "
            "and the beginning is no longer read."
        ),
        **_UNKNOWN,
    },
    "live_tokens": {
        **_OF_TEXT,
        "bytes": N_("Bytes of this text in UTF-8, {count}: {bytes}"),
        "chosen": N_("Token {id}, “{token}”, bytes {bytes}"),
        "neighbours": N_(
            "Its nearest neighbours: the cosine of the angle between the two rows of the table."
        ),
        "cosine": N_("cosine"),
        "table": N_("table"),
        "embedding": N_("embedding"),
        "outputHead": N_("output head"),
        "vector": N_("Its row of the table, the first {count} of {width} numbers."),
    },
    "live_bigram": {
        **_OF_TEXT,
        "seed": N_("seed"),
        "draw": N_("draw the next token"),
        "walk": N_("walk of twenty"),
        "walked": N_("what was drawn, each token with its probability"),
        "chooseWritten": _WRITTEN,
        "row": N_("The row of “{token}”: what may come next. Press a token to take it."),
        "rowBefore": N_(
            "The row of “{before}”, from which “{token}” came. Press a token to take it instead: "
            "what was written after it is taken back."
        ),
    },
    "live_averaging": {
        **_OF_TEXT,
        "loops": N_("1: loops"),
        "product": N_("2: matrix product"),
        "softmax": N_("3: softmax of zeros"),
        "attention": N_("4: attention"),
        "map": N_(
            "weights: a row is a query, a column a key; choose a row by pointer or arrow keys"
        ),
        "factor": N_("queries, times"),
        "head": N_("head"),
        "output": N_("What each version returns for “{token}”"),
        "numbersShown": N_("the first numbers of the output"),
        "apart": N_("largest difference from 1"),
    },
    "live_translation": {
        **_OF_TEXT,
        "map": N_(
            "cross-attention: a row is a written token, a column a source token; choose a row by pointer or arrow keys"
        ),
        "written": N_("what the model writes, each token with its probability"),
        "layer": N_("layer"),
        "head": N_("head"),
        "mean": N_("mean of all"),
        "step": N_("Step {place}: “{token}” is the likeliest token"),
        "again": N_("from the start"),
        "one": N_("one token"),
        "rest": N_("to the end"),
    },
    "live_tuning": {
        **_OF_TEXT,
        "before": N_("before"),
        "after": N_("after"),
        "temperature": N_("temperature"),
        "seed": N_("seed"),
        "generate": N_("generate"),
        "stop": N_("stop"),
        "writes": N_("what the model writes"),
        "cost": N_("{nats} nats per token of your text"),
    },
    "live_lens": {
        **_OF_TEXT,
        "at": N_("Position of “{token}”; the next token is “{next}”"),
        "atEnd": N_("Position of “{token}”, the last one"),
        "stream": N_("stream after"),
        "embedding": N_("embedding"),
        "afterLayer": N_("layer {layer}"),
        "likeliest": N_("likeliest token"),
        "actual": N_("probability of the next token"),
        "length": N_("root mean square"),
    },
    "live_attention": {
        **_OF_TEXT,
        "map": N_(
            "weights: a row is a query, a column a key; choose a row by pointer or arrow keys"
        ),
        "layer": N_("layer"),
        "head": N_("head"),
        "query": N_("Query of position {position}, “{token}”"),
        "key": N_("key"),
        "score": N_("score"),
        "masked": N_("/√D, masked"),
        "weight": N_("weight"),
        "sum": N_(
            "The output of the head: all values, each times its weight, added up to {count} numbers."
        ),
    },
}
"""By each, by the name of its module."""
