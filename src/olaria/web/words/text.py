"""What the page says: of the room of text."""

from __future__ import annotations

from olaria.i18n import N_

WORDS = {
    # the room of text
    "text": N_("Text"),
    "text_prompt": N_("Your text, which the model goes on from"),
    "text_empty": N_("Nothing written: the model begins as at the start of a line."),
    "text_tokens": N_("{count} {count:token|tokens}; the model reads at most {context} at once."),
    "text_cut": N_(
        "The text has {count} tokens and the model reads at most {context} at once: only its end counts."
    ),
    "text_one": N_("{count} {count:token|tokens}; the model reads only the last one."),
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
    "text_count": N_("{count} {count:token|tokens}"),
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
        "The model runs in this page for that, with its best checkpoint, or its last where none was marked as best."
    ),
    "text_look_greedy": N_("The map is of the greedy translation; a beam may find another one."),
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
    "text_differ": N_("differences: {count}"),
    "text_no_words": N_("no word"),
    "text_map": N_("map"),
    "text_map_of": N_("show where the model looks while it translates {source}"),
}
