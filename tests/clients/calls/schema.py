"""Indexes, aliases, collections and what is said of them."""

from qdrant_client import models


def indexes(run):
    """Payload indexes of every kind."""
    client, name, say = run.client, run.name, run.say
    kinds = models.PayloadSchemaType
    plain = {"city": kinds.KEYWORD, "people": kinds.FLOAT, "rank": kinds.INTEGER, "capital": kinds.BOOL, "at": kinds.GEO, "founded": kinds.DATETIME, "id": kinds.UUID, "river.name": kinds.KEYWORD}
    for key, kind in plain.items():
        say(f"index of {key}", lambda: client.create_payload_index(name, key, kind, wait=True))
    text = models.TextIndexParams(type=models.TextIndexType.TEXT, tokenizer=models.TokenizerType.WORD, lowercase=True, phrase_matching=True)
    say("index of text", lambda: client.create_payload_index(name, "text", text, wait=True))
    whole = models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=True, range=False)
    say("index of a lookup", lambda: client.create_payload_index(name, "looked_up", whole, wait=True))
    say("index again", lambda: client.create_payload_index(name, "city", kinds.KEYWORD, wait=True))
    say("index changed", lambda: client.create_payload_index(name, "looked_up", kinds.KEYWORD, wait=True))
    say("info with indexes", lambda: client.get_collection(name))
    say("delete an index", lambda: client.delete_payload_index(name, "looked_up", wait=True))
    say("delete no index", lambda: client.delete_payload_index(name, "never", wait=True))


def info(run):
    """What is said of the collection, and that it is listed."""
    client, name, say = run.client, run.name, run.say
    say("exists", lambda: client.collection_exists(name))
    say("info", lambda: client.get_collection(name))
    say("listed", lambda: [found.name for found in client.get_collections().collections if found.name == name])
    say("version", lambda: sorted(client.info().model_dump()))
    say("snapshots", lambda: client.list_snapshots(name))
    say("cluster of the collection", lambda: client.collection_cluster_info(name).shard_count)
    say("optimizations", lambda: sorted(client.get_optimizations(name).model_dump()))


def vector_names(run):
    """A vector name made and dropped."""
    client, name, say = run.client, run.name, run.say
    dense = models.DenseVectorNameConfig(dense=models.DenseVectorConfig(size=3, distance=models.Distance.DOT))
    say("create vector name", lambda: client.create_vector_name(name, "extra", dense, wait=True))
    say("info with a vector more", lambda: client.get_collection(name))
    say("delete vector name", lambda: client.delete_vector_name(name, "extra", wait=True))
    say("info with a vector less", lambda: client.get_collection(name))


def aliases(run):
    """An alias made, used, renamed and dropped."""
    client, name, say = run.client, run.name, run.say
    alias, renamed = f"{name}-alias", f"{name}-renamed"
    change = lambda action: client.update_collection_aliases([action])
    say("create alias", lambda: change(models.CreateAliasOperation(create_alias=models.CreateAlias(collection_name=name, alias_name=alias))))
    say("aliases", lambda: client.get_collection_aliases(name))
    say("count by alias", lambda: client.count(alias))
    say("query by alias", lambda: client.query_points(alias, query=1, with_vectors=True, **run.using).points)
    say("info by alias", lambda: client.get_collection(alias))
    say("rename alias", lambda: change(models.RenameAliasOperation(rename_alias=models.RenameAlias(old_alias_name=alias, new_alias_name=renamed))))
    say("all aliases", lambda: [found for found in client.get_aliases().aliases if found.collection_name == name])
    say("delete alias", lambda: change(models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=renamed))))
    say("aliases then", lambda: client.get_collection_aliases(name))


def update(run):
    """Settings of the collection."""
    client, name, say = run.client, run.name, run.say
    optimizers = models.OptimizersConfigDiff(indexing_threshold=30_000)
    say("update collection", lambda: client.update_collection(name, optimizers_config=optimizers))
    say("update vectors' settings", lambda: client.update_collection(name, vectors_config={run.vector: models.VectorParamsDiff(hnsw_config=models.HnswConfigDiff(m=20))}))
    say("update metadata", lambda: client.update_collection(name, metadata={"owner": "somebody"}))
    say("info after updates", lambda: client.get_collection(name))


def another(run):
    """A collection that nobody manages, from its beginning to its end."""
    client, other, say = run.client, f"{run.name}-other", run.say
    params = models.VectorParams(size=3, distance=models.Distance.EUCLID, on_disk=True)
    say("create another", lambda: client.create_collection(other, vectors_config={"a": params, "b": params}, metadata={"made": "here"}))
    say("create it again", lambda: client.create_collection(other, vectors_config={"a": params}))
    say("fill it", lambda: client.upsert(other, [models.PointStruct(id=1, vector={"a": [1, 2, 3]}, payload={"city": "Berlin"})], wait=True))
    say("query it", lambda: client.query_points(other, query=[1, 2, 2], using="a", with_vectors=True).points)
    say("update it", lambda: client.update_collection(other, metadata={"made": "there"}, optimizers_config=models.OptimizersConfigDiff(indexing_threshold=20_000)))
    say("name a vector of it", lambda: client.create_vector_name(other, "c", models.DenseVectorNameConfig(dense=models.DenseVectorConfig(size=2, distance=models.Distance.DOT)), wait=True))
    say("info of it", lambda: client.get_collection(other))
    say("recreate it", lambda: client.recreate_collection(other, vectors_config=params))
    say("count it", lambda: client.count(other))
    say("delete it", lambda: client.delete_collection(other))
    say("it is gone", lambda: client.collection_exists(other))
    say("delete it again", lambda: client.delete_collection(other))
