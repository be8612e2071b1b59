-- How often memory ran out in a container's run, in place of whether it did.
UPDATE containers SET state = json_set(json_remove(state, '$.oomKilled'), '$.ooms', coalesce(json_extract(state, '$.oomKilled'), 0));
