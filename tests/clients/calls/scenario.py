"""The order of everything."""

from clients.calls import errors, legacy, pages, payloads, queries, schema, writes
from clients.calls.data import Scenario


def run(client, name, vector, transcript, after_first_write):
    """Every call; `after_first_write` is where a migration may be opened."""
    scenario = Scenario(client, name, vector, transcript)
    writes.first(scenario)
    after_first_write()
    for part in (
        writes.more, schema.info, schema.indexes,
        queries.nearest, queries.by_examples, queries.combined, queries.many, legacy.everything,
        pages.retrieve, pages.scroll, pages.counts, pages.filters,
        errors.everything, writes.batch_form, writes.conditional,
        payloads.everything, writes.vectors, writes.batches, writes.uploads, writes.deletions,
        schema.another, schema.aliases, schema.update, schema.vector_names,
    ):
        part(scenario)
    scenario.say("info at the end", lambda: client.get_collection(name))
