"""What the page says, by the names that its modules use; it travels in the reader's language."""

from __future__ import annotations

from typing import Any

from olaria.data import DATASETS
from olaria.families import MODELS
from olaria.i18n import N_, translate

WORDS = {
    # the shell
    "title": N_("Olaria's studio"),
    "home": N_("Runs"),
    "new_run": N_("New run"),
    "compare": N_("Compare"),
    "rooms": N_("Rooms"),
    "skip": N_("Skip to the content"),
    "language": N_("Language"),
    "theme": N_("Theme"),
    "theme_auto": N_("as the system"),
    "theme_light": N_("light"),
    "theme_dark": N_("dark"),
    "loading": N_("Loading…"),
    "lost": N_("The studio does not answer."),
    "lost_hint": N_("Is it still running in the terminal? This page tries again by itself."),
    "close": N_("Close"),
    "script": N_("This page needs JavaScript."),
    # the runs
    "empty": N_("There are no runs here yet."),
    "empty_hint": N_("Train a first one: the smallest models are done in seconds."),
    "find": N_("Find"),
    "sort": N_("Sort by"),
    "sort_changed": N_("last change"),
    "sort_name": N_("name"),
    "sort_family": N_("family"),
    "state": N_("State"),
    "all": N_("all"),
    "num_runs": N_("{count} of {total} {total:run|runs}"),
    "nothing_fits": N_("No run fits this filter."),
    "no_picture": N_("no picture yet"),
    "picture_of": N_("the latest sample of {name}"),
    "step": N_("step"),
    "step_n": N_("step {step}"),
    "protocol": N_("protocol"),
    "as_trained": N_("measured while training"),
    "choose_to_compare": N_("Compare {name}"),
    "compare_chosen": N_("Compare {count} {count:run|runs}"),
    "clear": N_("Clear the choice"),
    "seed": N_("seed"),
    "dismiss": N_("Put away"),
    # a new run
    "what": N_("What"),
    "on_which_data": N_("On which data"),
    "how_long": N_("How long"),
    "size": N_("Size of the model"),
    "size_tiny": N_("tiny"),
    "size_small": N_("small"),
    "size_base": N_("base"),
    "preset_data": N_("those of the preset"),
    "by_time": N_("minutes"),
    "by_steps": N_("steps"),
    "by_epochs": N_("times over the data"),
    "amount": N_("How many"),
    "more_settings": N_("More settings"),
    "settings": N_("Settings of the recipe"),
    "settings_hint": N_("one on each line, such as model.latent=2"),
    "forecast": N_("What it would take"),
    "forecast_wait": N_("Estimating…"),
    "forecast_no_token": N_("The forecast needs the token of this start."),
    "memory": N_("memory"),
    "parameters": N_("parameters"),
    "time": N_("time"),
    "num_steps": N_("steps"),
    "epochs": N_("times over the data"),
    "command": N_("The same in the terminal"),
    "start": N_("Start training"),
    "starting": N_("Starting…"),
    # a run
    "stop": N_("Stop"),
    "stopping": N_("Stopping…"),
    "resume": N_("Go on"),
    "throughput": N_("speed"),
    "per_second": N_("{rate} steps/s"),
    "left": N_("time left"),
    "trained": N_("training time"),
    "trained_hint": N_("without validation, samples and saving"),
    "progress": N_("Progress"),
    "curves": N_("Curves"),
    "no_curves": N_("Nothing has been measured yet."),
    "x_axis": N_("Horizontal axis"),
    "x_step": N_("step"),
    "x_elapsed": N_("training time (s)"),
    "log_axis": N_("logarithmic"),
    "smooth": N_("Smoothing"),
    "train": N_("training"),
    "validation": N_("validation"),
    "best_at": N_("best checkpoint: step {step}"),
    "numbers": N_("The numbers"),
    "save_csv": N_("Save the numbers (CSV)"),
    "save_png": N_("Save the picture (PNG)"),
    "chart_of": N_("{name} over {axis}"),
    "warnings": N_("Warnings"),
    "samples": N_("Samples through time"),
    "sample_at": N_("Sample at step {step}"),
    "no_samples": N_("No sample has been drawn yet."),
    "reconnecting": N_("The connection is lost; the page asks every few seconds instead."),
    "run": N_("Training"),
    "views": N_("Views of this run"),
    "preset": N_("preset"),
    "data": N_("data"),
    "family": N_("family"),
    # runs side by side
    "choose_two": N_("Choose two or more runs."),
    "chosen": N_("Chosen runs"),
    "metric": N_("Metric"),
    "seeds_band": N_("{recipe}: mean of {count} seeds, and the range between them"),
    "results": N_("Results"),
    "of_protocol": N_("protocol {mark}"),
    "best_within": N_("best within this protocol"),
    "never_across": N_("Numbers of different protocols are not ranked against each other."),
    "not_evaluated": N_("These runs have no evaluation: olaria eval RUN measures one."),
    "differences": N_("Settings that differ"),
    "no_differences": N_("These runs have the same settings."),
    "setting": N_("setting"),
    "threads": N_("threads"),
    "cpu": N_("processor"),
    "latest_samples": N_("Latest samples"),
    # the rooms of image models
    "latent": N_("Latent space"),
    "gan": N_("Generator"),
    "reading_codes": N_("The encoder reads the test images…"),
    "draw_yourself": N_("Draw an image yourself"),
    "map_keys": N_(
        "The map of codes: the arrow keys move the place, with Shift they draw a rectangle, "
        "Enter chooses the nearest point, Escape clears the rectangle"
    ),
    "map_hint": N_(
        "Each point is the code of a test image. Drag anywhere, or use the arrow keys: the decoder draws what lies "
        "there. Click a point to choose it. With Shift, the pointer draws a line around points, "
        "and the arrow keys a rectangle."
    ),
    "codes_shown": N_("{count} of {total} test images"),
    "component": N_("component {number} ({share} of the variance)"),
    "pca": N_("principal components"),
    "axis_across": N_("across"),
    "axis_up": N_("up"),
    "tool": N_("What the pointer does"),
    "tool_move": N_("move"),
    "tool_lasso": N_("select"),
    "classes_seen": N_("Classes that are shown"),
    "decoded_here": N_("what the decoder draws at this place"),
    "decoder_rate": N_("drawn in this page, up to {rate} images per second"),
    "decoder_wait": N_("The decoder is on its way…"),
    "class_given": N_("class given to the decoder"),
    "dimensions": N_("Dimensions of the code, those that vary most first"),
    "more_dimensions": N_("{count} further dimensions"),
    "back_to_point": N_("Back to the point"),
    "between_two": N_("From one image to another"),
    "between_hint": N_("From {a} to {b}. To take others, choose a point on the map."),
    "image_of": N_("image {number}, class {name}"),
    "image_n": N_("image {number}"),
    "test_image": N_("test image"),
    "rebuilt": N_("rebuilt"),
    "error_of": N_("error {value}"),
    "begin_here": N_("Begin the way here"),
    "end_here": N_("End the way here"),
    "unchoose": N_("Choose no point"),
    "neighbours": N_("Nearest in code space"),
    "neighbours_hint": N_(
        "Euclidean distance over all {count} dimensions of the code, not on the map."
    ),
    "selected": N_("Selected: {count}"),
    "by_class": N_("Selected images by class"),
    "class": N_("class"),
    "images": N_("images"),
    "first_shown": N_("The first {count} are shown; the CSV has all."),
    "clear_selection": N_("Clear the selection"),
    "time_lapse": N_("Time-lapse"),
    "first_sample": N_("first"),
    "last_sample": N_("last"),
    "play": N_("Play"),
    "pause": N_("Pause"),
    "noise_walk": N_("A walk through the noise"),
    "noise_walk_hint": N_(
        "The generator draws each place on the way from one noise vector to another, and the discriminator judges it."
    ),
    "plane_game": N_("The game, played in this page"),
    "plane_game_hint": N_(
        "Train both networks here, in steps or in slow motion, and break the game on purpose: "
        "the clusters that are covered tell a collapse."
    ),
    "copies": N_("Are the samples copies?"),
    "copies_hint": N_(
        "Each sample is compared with every training image, pixel by pixel. It takes some seconds."
    ),
    "look_for_copies": N_("Draw samples and compare them"),
    "new_samples": N_("New samples"),
    "comparing": N_("Samples are drawn and compared with the training images…"),
    "memorisation": N_("distance of samples / distance of test images"),
    "memorisation_means": N_(
        "Median distance of {count} samples to their nearest training image, divided by that of {test} test images; "
        "{train} training images were searched. Far below 1, samples are copies, or blur, which is close to everything."
    ),
    "ratio_low": N_("closer to the training images than test images are: look at the pairs"),
    "ratio_same": N_("about as close to the training images as test images are"),
    "ratio_high": N_("farther from the training images than test images are"),
    "order": N_("Order"),
    "as_drawn": N_("as drawn"),
    "closest_first": N_("closest first"),
    "sample_n": N_("sample {number}"),
    "of_class": N_("class {name}"),
    "choose_sample": N_("Choose a sample to see the training images nearest to it."),
    "the_sample": N_("the sample"),
    "nearest_training": N_("Nearest training images"),
    "training_image": N_("training image, {number}"),
    "usual_distance": N_(
        "Euclidean distance of the pixels. Half of the test images are nearer than {value} to a training image."
    ),
    # the room of text
    "text": N_("Text"),
    "text_prompt": N_("Your text, which the model goes on from"),
    "text_empty": N_("Nothing written: the model begins as at the start of a line."),
    "text_tokens": N_("{count} tokens; the model reads at most {context} at once."),
    "text_cut": N_(
        "The text has {count} tokens and the model reads at most {context} at once: only its end counts."
    ),
    "text_one": N_("{count} tokens; the model reads only the last one."),
    "text_slid": N_(
        "The text is longer than the {context} tokens that the model reads at once: the window slid along."
    ),
    "text_too_long": N_(
        "More than {count} characters are not kept in the address: a link shows the room without them."
    ),
    "text_unknown_error": N_(
        "The model does not know {characters}, and the run refuses them: take them out, or choose another way in the "
        "settings."
    ),
    "text_unknown_replace": N_("The model does not know {characters} and reads “{by}” instead."),
    "text_unknown_skip": N_("The model does not know {characters} and leaves them out."),
    "text_write": N_("Write"),
    "text_again": N_("Another text"),
    "text_go_on": N_("Go on at the end"),
    "text_edit": N_("Edit the text"),
    "text_settings": N_("How it writes"),
    "text_all": N_("all tokens"),
    "text_temperature": N_("Temperature"),
    "text_why_temperature": N_("Divides the logits: below 1 safer words, above 1 wilder ones."),
    "text_top_k": N_("Top-k"),
    "text_why_top_k": N_("Draws among the k likeliest tokens; 1 always takes the likeliest."),
    "text_top_p": N_("Top-p"),
    "text_why_top_p": N_("Draws among the likeliest tokens that together reach the probability p."),
    "text_min_p": N_("Min-p"),
    "text_why_min_p": N_("Leaves out tokens below p times the likeliest one’s probability."),
    "text_repetition_penalty": N_("Repetition penalty"),
    "text_why_repetition_penalty": N_(
        "Above 1, tokens that stand in the text already become less likely."
    ),
    "text_max_tokens": N_("Number of tokens"),
    "text_why_max_tokens": N_("How much is written; stop whenever you like."),
    "text_seed": N_("Seed"),
    "text_why_seed": N_("Of the draws: the same seed and settings give the same text."),
    "text_beam": N_("Beam"),
    "text_why_beam": N_("Translations that are followed at once; 1 is greedy."),
    "text_unseen": N_("Unknown characters"),
    "text_why_unseen": N_(
        "What happens to characters of your text that the run was not trained on."
    ),
    "text_unseen_usual": N_("as in training: {action}"),
    "text_unseen_error": N_("refuse them"),
    "text_unseen_replace": N_("replace them"),
    "text_unseen_skip": N_("leave them out"),
    "text_checkpoint": N_("Checkpoint"),
    "text_why_checkpoint": N_("Which of the weights that the run kept write the text."),
    "text_checkpoint_of": N_("Checkpoint of {name}, beside"),
    "text_best": N_("best: step {step}"),
    "text_last": N_("last: step {step}"),
    "text_last_one": N_("last"),
    "text_beside": N_("Beside it"),
    "text_why_beside": N_(
        "A second run or checkpoint writes from the same text with the same seed."
    ),
    "text_alone": N_("nothing"),
    "text_same_run": N_("another checkpoint"),
    "text_written": N_("The text"),
    "text_choose": N_("The text: choose a token by pointer or with the arrow keys"),
    "text_count": N_("{count} tokens"),
    "text_ended": N_("Done"),
    "text_stopped": N_("Stopped"),
    "text_surprise": N_("mean surprise {value} nats per token"),
    "text_seed_n": N_("seed {seed}"),
    "text_wait": N_("Too much is being drawn at once; the page asks again in {seconds} s."),
    "text_broken": N_("The text broke off: the studio does not answer any more."),
    "text_broken_hint": N_("Look whether it still runs in the terminal, then go on at the end."),
    "text_keeps": N_("What is written stays; go on at its end."),
    "text_colour": N_("Colour by probability"),
    "text_from": N_("{low} or more"),
    "text_below": N_("below {high}"),
    "text_instead": N_("Instead of"),
    "text_before": N_("the token before"),
    "text_after": N_("the token after"),
    "text_odds": N_("Probability {probability} ({nats} nats of surprise), drawn with {drawn}."),
    "text_yours": N_("Your choice."),
    "text_parts": N_("It is made of {count} tokens; the first is shown."),
    "text_token": N_("token"),
    "text_model": N_("probability"),
    "text_drawn": N_("drawn with"),
    "text_cut_out": N_("left out"),
    "text_part": N_("part of a character"),
    "text_take": N_("go on with {token}"),
    "text_take_hint": N_("Choose a token to go on with it from here."),
    "text_save": N_("Save the text (TXT)"),
    "text_save_table": N_("Save the table (CSV)"),
    "text_save_tokens": N_("Save the tokens (CSV)"),
    "text_copy": N_("Copy"),
    "text_copied": N_("Copied."),
    "text_untrained": N_("This run has no complete checkpoint yet; train it longer."),
    "text_look_attention": N_("Attention over your text, by layer and head"),
    "text_look_bigram": N_("The row of the table after your text"),
    "text_look_translation": N_("Where the model looks while it translates"),
    "text_look_why": N_(
        "The model runs in this page for that; its numbers are compared with Python's first."
    ),
    # of a model that writes codes of images
    "text_painted": N_("Images from its codes"),
    "text_why_painted": N_(
        "Lines of letters are codes here: the run that they are of paints images from them, by temperature and seed."
    ),
    "text_paint": N_("Paint"),
    # of an encoder–decoder
    "text_sources": N_("Sentences to translate, one on each line"),
    "text_sentence_hint": N_("Write a sentence, in the form of those that the run learnt from."),
    "text_no_sentence": N_("There is nothing to translate: write a sentence."),
    "text_sentences": N_("Sentences: {count}."),
    "text_sentence_long": N_(
        "The longest has {count} tokens and the model reads at most {context}: shorten it."
    ),
    "text_translate": N_("Translate"),
    "text_source": N_("source"),
    "text_translation": N_("translation"),
    "text_translations": N_("Translations"),
    "text_translated": N_("{count} of {total} translated"),
    "text_differ": N_("{count} differ"),
    "text_no_words": N_("no word"),
    "text_map": N_("map"),
    "text_map_of": N_("show where the model looks while it translates {source}"),
    # units of time and size
    "seconds": N_("{value} s"),
    "minutes": N_("{value} min"),
    "hours": N_("{value} h"),
    "megabytes": N_("{value} MB"),
    "gigabytes": N_("{value} GB"),
}


def words_of(language: str) -> dict[str, Any]:
    """All of them, and what families and data sets are called.

    Args:
        language: the reader's.
    """
    return {
        "format": 1,
        "language": {"pt": "pt-BR"}.get(language, language),
        "words": {name: translate(text, language) for name, text in WORDS.items()},
        "families": {name: translate(one.title, language) for name, one in MODELS.items()},
        "data": [
            {"name": name, "kind": one.kind, "title": translate(one.title, language)}
            for name, one in DATASETS.items()
        ],
    }
