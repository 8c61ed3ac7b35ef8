-- The triggers that write the log, and attach/detach, which make them.
--
-- A trigger's function is written for its table: its statements are static, so that their plans are kept. It runs with its owner's
-- rights, so that the application's role needs none here, and without a search_path of its own, which would cost more than
-- all its checks together: hence every name and every operator in it names its schema, and the caller's search_path leads nowhere.
-- +goose Up

-- Whether a table has all the columns; names that are null or empty don't count. An application that renames a column must
-- not find its INSERTs failing.
-- +goose StatementBegin
create function pgfeed.has_columns("table" oid, columns text[]) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    col text;
begin
    foreach col in array columns loop
        if col <> '' and not exists (select from pg_attribute
            where attrelid = "table" and attname = col and attnum > 0 and not attisdropped) then
            raise warning 'pgfeed: table % has no column "%" any more: its rows are not published', "table"::regclass, col
                using hint = 'Attach the table again with the columns that it has.';
            return false;
        end if;
    end loop;
    return true;
end
$$;
-- +goose StatementEnd

-- Called for a row without tenant, which is not published: warns once in a statement. Always false.
-- +goose StatementBegin
create function pgfeed.without_tenant("column" text) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    if current_setting('pgfeed.warned', true) is distinct from statement_timestamp()::text then
        perform set_config('pgfeed.warned', statement_timestamp()::text, true);
        raise warning 'pgfeed: rows without a tenant in column "%" are not published', "column"
            using hint = 'Fill the column, or pgfeed detach the table.';
    end if;
    return false;
end
$$;
-- +goose StatementEnd

-- Whether this transaction may send hints. Not when the queue of notifications fills up: pg_notify would fail the commit. Not
-- where the session says `set pgfeed.hints = off`, and, unless it says on, not where the server allows prepared
-- transactions: one that has notified can't be prepared.
-- +goose StatementBegin
create function pgfeed.hinting() returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    case lower(coalesce(current_setting('pgfeed.hints', true), ''))
        when 'on', 'true', '1' then null;
        when '' then
            if current_setting('max_prepared_transactions') <> '0' then
                return false;
            end if;
        else return false;
    end case;
    return pg_notification_queue_usage() <= 0.5;
end
$$;
-- +goose StatementEnd

-- Sends a hint at the n rows of a tenant that a statement has written. One row is sent along where it fits; the limit of a
-- notification is 8000 bytes.
-- +goose StatementBegin
create function pgfeed.hint(
    tenant text, n bigint, seq bigint, xid xid8, boot timestamptz, at timestamptz, recipient text, event text, data json
) returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    payload text := '{}';
begin
    if n = 1 and octet_length(data::text) < 7600 then
        payload := format('{"seq":%s,"xid":%s,"boot":%s,"at":%s,"topic":%s,"event":%s,"recipient":%s,"data":%s}',
            seq, xid, (extract(epoch from boot) * 1000000)::bigint, (extract(epoch from at) * 1000000)::bigint,
            to_json(split_part(event, ':', 1)), to_json(event), coalesce(to_json(recipient)::text, 'null'), data);
        if octet_length(payload) >= 8000 then
            payload := '{}';
        end if;
    end if;
    perform pg_notify(pgfeed.channel(tenant), payload);
end
$$;
-- +goose StatementEnd

-- The body of a trigger's function. source is what it publishes: row n of each. The transition table can't be had under another
-- name, and n.* is the row even where the table has a column n. Columns are read as such and not out of the row's JSON:
-- that may hold escapes which Postgres refuses to decode.
-- +goose StatementBegin
create function pgfeed.trigger_body(
    "table" regclass, event text, tenant_column text, recipient_column text, columns text[], source text
) returns text language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    -- What is written of each row, and the columns of the log that it goes to.
    written constant text := format($f$insert into pgfeed.events (slot, xid, boot, at, tenant, recipient, event, data)
        select my_slot, pg_catalog.pg_current_xact_id(), pg_catalog.pg_postmaster_start_time(), pg_catalog.clock_timestamp(),
               n.%1$I::pg_catalog.text, %2$s, %3$L, pg_catalog.row_to_json(n.*)
          from %4$s and %5$s$f$,
        tenant_column, case when recipient_column is null then 'null' else format('n.%I::pg_catalog.text', recipient_column) end, event, source,
        -- A call costs something, if only because it might be made.
        format(case when (select attnotnull from pg_attribute where attrelid = "table" and attname = tenant_column) then 'n.%1$I is not null'
            else '(n.%1$I is not null or pgfeed.without_tenant(%1$L))' end, tenant_column));
    changed text;
begin
    -- The columns by their numbers: all this asks for is in the session's cache.
    select string_agg(format('((pg_catalog.pg_identify_object(1259, tg_relid, %s)).identity operator(pg_catalog.=) %L) is not true',
               attnum, (pg_identify_object(1259, attrelid, attnum)).identity), ' or ' order by attnum)
      into changed
      from pg_attribute where attrelid = "table" and attname = any (columns) and attnum > 0 and not attisdropped;
    return format($f$
declare
    my_slot constant pg_catalog.int8 := pg_catalog.pg_sequence_last_value('pgfeed.slot'::pg_catalog.regclass) operator(pg_catalog.%%) 8;
    hint pg_catalog.record;
begin
    if (%1$s) and not pgfeed.has_columns(tg_relid, %2$L) then
        return null;
    end if;
    if pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) operator(pg_catalog.*) 1000
        operator(pg_catalog.<) pg_catalog.pg_sequence_last_value('pgfeed.busy'::pg_catalog.regclass) or not pgfeed.hinting() then
        %3$s;
        return null;
    end if;
    for hint in
        with recorded as (%3$s returning *)
        select r.tenant, pg_catalog.count(*) as n, pg_catalog.min(r.seq) as seq, pg_catalog.min(r.at) as at,
               pg_catalog.min(r.recipient) as recipient, (pg_catalog.array_agg(r.data))[1] as data
          from recorded r group by r.tenant
    loop
        perform pgfeed.hint(hint.tenant, hint.n, hint.seq, pg_catalog.pg_current_xact_id(), pg_catalog.pg_postmaster_start_time(),
            hint.at, hint.recipient, %4$L, hint.data);
    end loop;
    return null;
end$f$, changed, columns, written, event);
end
$$;
-- +goose StatementEnd

-- Publishes the rows inserted into a table from now on as '<topic>:new' and, where read_column is given, rows whose read
-- column goes from null to a value as '<topic>:read'. Attaching again changes the settings. The caller must own the table, and be
-- the owner of this schema or a member of it. The triggers carry the settings as arguments, for whoever looks.
-- +goose StatementBegin
create function pgfeed.attach(
    "table" regclass, topic text, tenant_column text, recipient_column text default null,
    read_column text default null, key_column text default 'id'
) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    owner constant text := (select nspowner::regrole from pg_namespace where nspname = 'pgfeed');
    id    constant text := replace(gen_random_uuid()::text, '-', '');
    col   text;
begin
    if topic is null or topic not in ('activity', 'notification') then
        raise exception 'pgfeed: topic is activity or notification, not %', quote_nullable(topic)
            using errcode = 'invalid_parameter_value';
    end if;
    if tenant_column is null then
        raise exception 'pgfeed: tenant_column is required' using errcode = 'invalid_parameter_value';
    end if;
    foreach col in array array[tenant_column, recipient_column, read_column, case when read_column is not null then key_column end] loop
        if col is not null and not exists (select from pg_attribute
            where attrelid = "table" and attname = col and attnum > 0 and not attisdropped) then
            raise exception 'pgfeed: table % has no column "%"', "table", col using errcode = 'undefined_column',
                hint = 'Names are case-sensitive here: write the column as \d shows it, without quotes.';
        end if;
    end loop;
    perform pgfeed.detach("table");
    execute format('create function pgfeed.insert_%s() returns trigger language plpgsql security definer as %L', id,
        pgfeed.trigger_body("table", topic || ':new', tenant_column, recipient_column,
            array_remove(array[tenant_column, recipient_column], null), 'new_rows n where true'));
    execute format('alter function pgfeed.insert_%s() owner to %s', id, owner);
    execute format('create trigger pgfeed_insert after insert on %s referencing new table as new_rows '
        'for each statement execute function pgfeed.insert_%s(%L, %L, %L)',
        "table", id, topic, tenant_column, coalesce(recipient_column, ''));
    if read_column is not null then
        execute format('create function pgfeed.read_%s() returns trigger language plpgsql security definer as %L', id,
            pgfeed.trigger_body("table", topic || ':read', tenant_column, recipient_column,
                array_remove(array[tenant_column, recipient_column, read_column, key_column], null),
                format('new_rows n join old_rows o on o.%1$I operator(pg_catalog.=) n.%1$I where o.%2$I is null and n.%2$I is not null',
                    key_column, read_column)));
        execute format('alter function pgfeed.read_%s() owner to %s', id, owner);
        execute format('create trigger pgfeed_read after update on %s referencing old table as old_rows new table as new_rows '
            'for each statement execute function pgfeed.read_%s(%L, %L, %L, %L, %L)',
            "table", id, topic, tenant_column, coalesce(recipient_column, ''), read_column, key_column);
    end if;
end
$$;
-- +goose StatementEnd

-- Stops publishing a table. True when it was attached.
-- +goose StatementBegin
create function pgfeed.detach("table" regclass) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    name text;
    used regprocedure;
    was  boolean := false;
begin
    -- Asked first: "drop trigger if exists" would greet everyone who attaches with a notice.
    for name in select tgname from pg_trigger where tgrelid = "table" and tgname in ('pgfeed_insert', 'pgfeed_read') loop
        execute format('drop trigger %I on %s', name, "table");
        was := was or name = 'pgfeed_insert';
    end loop;
    -- Functions that no trigger uses any more: this table's, and those of tables that were dropped.
    for used in select p.oid from pg_proc p
         where p.pronamespace = 'pgfeed'::regnamespace and p.proname ~ '^(insert|read)_[0-9a-f]{32}$'
           and not exists (select from pg_trigger where tgfoid = p.oid) loop
        execute format('drop function %s', used);
    end loop;
    return was;
end
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
do $$
declare
    t regclass;
begin
    for t in select distinct tgrelid::regclass from pg_trigger where tgname in ('pgfeed_insert', 'pgfeed_read') loop
        perform pgfeed.detach(t);
    end loop;
end
$$;
-- +goose StatementEnd
drop function pgfeed.detach(regclass);
drop function pgfeed.attach(regclass, text, text, text, text, text);
drop function pgfeed.trigger_body(regclass, text, text, text, text[], text);
drop function pgfeed.hint(text, bigint, bigint, xid8, timestamptz, timestamptz, text, text, json);
drop function pgfeed.hinting();
drop function pgfeed.without_tenant(text);
drop function pgfeed.has_columns(oid, text[]);
