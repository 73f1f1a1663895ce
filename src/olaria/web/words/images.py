"""What the page says: of the rooms of image models."""

from __future__ import annotations

from olaria.i18n import N_

WORDS = {
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
    "more_dimensions": N_("{count} further {count:dimension|dimensions}"),
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
}
