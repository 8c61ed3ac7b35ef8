-- The triggers that write the log, and attach/detach, which make them.
--
-- A trigger's function is written for its table: its statements are static, so that their plans are kept. It runs with its owner's
-- rights, so that the application's role needs none here, and without a search_path of its own, which would cost more than
-- all its checks together: hence every name and every operator in it names its schema, and the caller's search_path leads nowhere.
-- +goose Up

-- The type of what stands in for a column: no column has it, and it has no values.
create type pgfeed.missing as enum ();

-- Stands in for a column that the table doesn't have any more: warns once in a statement. Always null. It is said to be stable so that
-- the planner forgets it where the column is there.
-- +goose StatementBegin
create function pgfeed.missing_column("table" oid, "column" text) returns pgfeed.missing
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    if current_setting('pgfeed.warned', true) is distinct from statement_timestamp()::text then
        perform set_config('pgfeed.warned', statement_timestamp()::text, true);
        raise warning 'pgfeed: table % has no column "%" any more: its rows are not published', "table"::regclass, "column"
            using hint = 'Attach the table again with the columns that it has.';
    end if;
    return null;
end
$$;
-- +goose StatementEnd

-- Whether a table has the column whose value this is. The type decides, when the statement is planned: nothing is left of it for rows.
-- A stand-in is asked for its value all the same, so that it warns.
create function pgfeed.present("column" anyelement) returns boolean language sql immutable as 'select true';
create function pgfeed.present("column" pgfeed.missing) returns boolean language sql immutable as 'select $1 is not null';

-- Whether no value of a column can be too long for a tenant: of more than 2000 bytes, since an index entry holds some 2700.
create function pgfeed.always_short("column" pg_attribute) returns boolean language sql stable set search_path = pg_catalog, pg_temp as $$
    select ("column").attlen > 0
        or ("column").atttypid in ('varchar'::regtype, 'bpchar'::regtype) and ("column").atttypmod between 4 and 4 + 2000 / 4
$$;

-- Called for a row that is not published for what its tenant is: warns once in a statement. Always false.
-- +goose StatementBegin
create function pgfeed.without_tenant("column" text) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    if current_setting('pgfeed.warned', true) is distinct from statement_timestamp()::text then
        perform set_config('pgfeed.warned', statement_timestamp()::text, true);
        raise warning 'pgfeed: rows without a tenant in column "%", or with one of more than 2000 bytes, are not published', "column"
            using hint = 'Fill the column, or pgfeed detach the table.';
    end if;
    return false;
end
$$;
-- +goose StatementEnd

-- Gateways read text as UTF-8. In a database of another encoding there may be some that can't be had so, such as any bytes in SQL_ASCII: Postgres refuses
-- to send it, and a gateway would find no way past it, for any tenant. These two are called there alone.

-- The document, with a question mark for each of its characters beyond ASCII where one of them has no UTF-8.
-- +goose StatementBegin
create function pgfeed.sendable(document json) returns json
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    perform convert_to(document::text, 'UTF8');
    return document;
exception when character_not_in_repertoire or untranslatable_character then
    return regexp_replace(document::text, '[^\x01-\x7f]', '?', 'g');
end
$$;
-- +goose StatementEnd

-- Whether a tenant or recipient can be had as UTF-8: nobody who asks could be another. Warns once in a statement. Null is.
-- +goose StatementBegin
create function pgfeed.readable(name text, "column" text) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
    perform convert_to(name, 'UTF8');
    return true;
exception when character_not_in_repertoire or untranslatable_character then
    if current_setting('pgfeed.warned', true) is distinct from statement_timestamp()::text then
        perform set_config('pgfeed.warned', statement_timestamp()::text, true);
        raise warning 'pgfeed: rows whose "%" can''t be written in UTF-8 are not published', "column"
            using hint = 'The database is in ' || getdatabaseencoding() || ', and gateways read UTF-8.';
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
    tenant text, n bigint, seq bigint, xid xid8, boot timestamptz, at timestamptz, recipient text, event text, data text
) returns void language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    payload text := '{}';
begin
    if n = 1 and octet_length(data) < 7600 then
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

-- How a trigger's function begins to write to a slot. Finding the current one at each INSERT would cost as much as writing to an index. So the
-- function names it, and pgfeed.turn changes these words in all of them: they are longer than any name of a column.
-- +goose StatementBegin
create function pgfeed.written_to(slot smallint) returns text language sql immutable set search_path = pg_catalog, pg_temp as $$
    select format('insert into pgfeed.log_%s (tenant, recipient, event, data) select', slot)
$$;
-- +goose StatementEnd

-- The body of a trigger's function, for INSERTs or, with a read column, for UPDATEs.
--
-- An application that renames a column must not find its INSERTs failing. Comparing names costs each INSERT something; the scopes of SQL do
-- it for nothing, when the statement is planned: in rows and was a column's name is first looked for in the table's row, and
-- only where that has none in missing, outside. Columns are read as such and not out of the row's JSON: that may hold escapes which
-- Postgres refuses to decode. n.* is the row even where the table has a column n. A missing tenant is null, which isn't published; a missing
-- recipient would be null as well, which everybody may see.
--
-- The lease is an expression, and what is written is a statement: each more of either would cost as much as writing to an index, since
-- PL/pgSQL prepares it anew in each transaction. "return new" is null in a trigger for statements, and no expression.
--
-- Many rows share rows of the log, which is what makes them cheap: those of a tenant and recipient, in their order, a thousand at most. Big ones stand by
-- themselves, and part those before from those after: a row of the log is read whole. To share costs those who insert one row too much, and so does it to count: where the statement has run for less than
-- a millisecond, they are few. A statement within a function began when that was called. Only the cost depends on all that.
-- +goose StatementBegin
create function pgfeed.trigger_body(
    "table" regclass, event text, tenant_column text, recipient_column text, read_column text, key_column text, slot smallint
) returns text language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
    missing constant text := (select string_agg(format('pgfeed.missing_column(tg_relid, %1$L) as %1$I', c), ', ')
        from (select distinct c from unnest(array[tenant_column, recipient_column, read_column,
            case when read_column is not null then key_column end]) c where c is not null) names);
    utf8 constant boolean := getdatabaseencoding() = 'UTF8';
    -- A call costs something, if only because it might be made.
    published constant text := (
        select case when pgfeed.always_short(a) and attnotnull then 'rows.tenant is not null'
                    else format('(%s or pgfeed.without_tenant(%L))', case when pgfeed.always_short(a) then 'rows.tenant is not null'
                        else 'pg_catalog.octet_length(rows.tenant) operator(pg_catalog.<=) 2000' end, attname) end
          from pg_attribute a where attrelid = "table" and attname = tenant_column)
        || case when utf8 then '' else format(' and pgfeed.readable(rows.tenant, %L)', tenant_column)
            || case when recipient_column is null then '' else format(' and pgfeed.readable(rows.recipient, %L)', recipient_column) end end;
    keys constant text := case when read_column is not null then format('%I as key, %I as read', key_column, read_column) end;
    rows constant text := format($f$ from (select %1$s) as missing,
               lateral (select %2$I::pg_catalog.text as tenant, %3$s, %8$s as data%4$s from new_rows n) as rows%5$s
         where %6$s%7$s$f$,
        missing, tenant_column, case when recipient_column is null then 'null as recipient'
            else format('%1$I::pg_catalog.text as recipient, pgfeed.present(%1$I) as present', recipient_column) end,
        ', ' || keys,
        ', lateral (select ' || keys || ' from old_rows) as was',
        published || case when recipient_column is not null then ' and rows.present' else '' end,
        case when read_column is not null then ' and was.key operator(pg_catalog.=) rows.key and was.read is null and rows.read is not null' end,
        case when utf8 then 'pg_catalog.row_to_json(n.*)' else 'pgfeed.sendable(pg_catalog.row_to_json(n.*))' end);
    single constant text := pgfeed.written_to(slot) || format(' rows.tenant, rows.recipient, %L, array[rows.data]', event) || rows;
    -- Groups are sorted as they are grouped: another sort would lose the rows' order. An UPDATE's have none, being joined.
    shared constant text := case when read_column is null then pgfeed.written_to(slot) || format($f$ r.tenant, r.recipient, %1$L, pg_catalog.array_agg(r.data) from (
            select m.tenant, m.recipient, m.data, (m.n operator(pg_catalog.-) 1) operator(pg_catalog./) 1000 as part, m.after,
                   pg_catalog.pg_column_size(m.data) operator(pg_catalog.<=) 1000 as small
              from (select a.*, pg_catalog.row_number() over w as n,
                           pg_catalog.count(*) filter (where pg_catalog.pg_column_size(a.data) operator(pg_catalog.>) 1000) over w as after
                      from (select rows.tenant collate pg_catalog."C" as tenant, rows.recipient collate pg_catalog."C" as recipient, rows.data%2$s
                            offset 0) a -- or the JSON would be made for each use
                    window w as (rows unbounded preceding)) m
             order by part, after, small, tenant, recipient, m.n offset 0) r
         group by r.part, r.after, r.small, r.tenant, r.recipient$f$, event, rows) end;
    busy constant text := $f$pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) operator(pg_catalog.*) 1000
        operator(pg_catalog.<) pg_catalog.pg_sequence_last_value('pgfeed.busy'::pg_catalog.regclass)$f$;
    -- Of a tenant that is hinted at, the documents aren't put together: they may be more than a value holds.
    write constant text := $f$
    if %1$s or not pgfeed.hinting() then -- not in one expression with the first, where the call would be made ready each time
        %2$s;
        return new;
    end if;
    for hint in
        with recorded as (%2$s returning *)
        select r.tenant, pg_catalog.sum(pg_catalog.cardinality(r.data)) as n, pg_catalog.min(r.seq) as seq, pg_catalog.min(r.at) as at,
               pg_catalog.min(r.recipient) as recipient,
               pg_catalog.max(case when pg_catalog.pg_column_size(r.data) operator(pg_catalog.<) 8000 then r.data[1]::pg_catalog.text end collate pg_catalog."C") as data
          from recorded r group by r.tenant
    loop
        perform pgfeed.hint(hint.tenant, hint.n, hint.seq, pg_catalog.pg_current_xact_id(), pg_catalog.pg_postmaster_start_time(),
            hint.at, hint.recipient, %3$L, hint.data);
    end loop;
    return new;$f$;
begin
    return format($f$
#variable_conflict use_column
declare
    hint pg_catalog.record;
begin
    if %1$s
        and pg_catalog.clock_timestamp() operator(pg_catalog.<) (pg_catalog.statement_timestamp() operator(pg_catalog.+) interval '1 ms') then
        %2$s;
        return new;
    end if;%3$s%4$s
end$f$, busy, single, case when shared is not null then $f$
    perform from new_rows offset 20 limit 1;
    if found then$f$ || format(write, busy, shared, event) || '
    end if;' end, format(write, busy, single, event));
end
$$;
-- +goose StatementEnd

-- The functions that pgfeed.attach has made.
-- +goose StatementBegin
create function pgfeed.trigger_functions() returns setof pg_proc language sql stable set search_path = pg_catalog, pg_temp as $$
    select * from pg_proc where pronamespace = 'pgfeed'::regnamespace and proname ~ '^(insert|read)_[0-9a-f]{32}$'
$$;
-- +goose StatementEnd

-- A foreign table that what is written to a table may end up in: an INSERT by partitions, an UPDATE by any inheritance. Postgres
-- can't have its rows in a transition table, and fails the statement. Null: there is none.
-- +goose StatementBegin
create function pgfeed.foreign_child("table" regclass, updates boolean) returns regclass
language sql stable set search_path = pg_catalog, pg_temp as $$
    with recursive below as (
        select inhrelid from pg_inherits join pg_class on oid = inhparent where inhparent = "table" and (updates or relkind = 'p')
        union all
        select i.inhrelid from pg_inherits i join below on i.inhparent = below.inhrelid
    )
    select oid::regclass from below join pg_class on oid = inhrelid where relkind = 'f' order by oid limit 1
$$;
-- +goose StatementEnd

-- Makes a trigger of a table with a function of its own. Nobody else may make triggers of that, and so events: it has its owner's rights. Those who
-- fire the trigger aren't asked for theirs.
-- +goose StatementBegin
create function pgfeed.create_trigger("trigger" text, event text, "function" text, body text, arguments text[]) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
    execute format('create function pgfeed.%I() returns trigger language plpgsql security definer as %L', "function", body);
    execute format('revoke execute on function pgfeed.%I() from public', "function");
    execute format('create trigger %I after %s for each statement execute function pgfeed.%I(%s)', "trigger", event, "function",
        (select string_agg(quote_literal(coalesce(a, '')), ', ' order by n) from unnest(arguments) with ordinality as x (a, n)));
    execute format('alter function pgfeed.%I() owner to %s', "function", (select nspowner::regrole from pg_namespace where nspname = 'pgfeed'));
end
$$;
-- +goose StatementEnd

-- Publishes the rows inserted into a table from now on as '<topic>:new' and, where read_column is given, rows whose read
-- column goes from null to a value as '<topic>:read'; key_column tells such rows apart: it must be unique. Attaching again changes the settings.
-- The caller must own the table, and be the owner of this schema or a member of it. Like detach it gives up (lock_not_available) when it has waited for two
-- seconds for the table: whoever writes to that waits behind it, and gateways that start wait for the lock on pgfeed.state. The triggers carry the
-- settings as arguments, for whoever looks.
-- +goose StatementBegin
create function pgfeed.attach(
    "table" regclass, topic text, tenant_column text, recipient_column text default null,
    read_column text default null, key_column text default 'id'
) returns void
language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
declare
    id     constant text := replace(gen_random_uuid()::text, '-', '');
    named  constant text[] := array[tenant_column, recipient_column, read_column, case when read_column is not null then key_column end];
    remote constant regclass := pgfeed.foreign_child("table", read_column is not null);
    col    text;
    key    text;
    root   regclass;
begin
    -- An older snapshot would find the slot that was current then.
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'pgfeed: attaching has to see what was committed before it got its locks: use read committed'
            using errcode = 'invalid_transaction_state';
    end if;
    if topic is null or topic not in ('activity', 'notification') then
        raise exception 'pgfeed: topic is activity or notification, not %', quote_nullable(topic)
            using errcode = 'invalid_parameter_value';
    end if;
    if tenant_column is null then
        raise exception 'pgfeed: tenant_column is required' using errcode = 'invalid_parameter_value';
    end if;
    if read_column is not null and key_column is null then
        raise exception 'pgfeed: key_column is required with read_column' using errcode = 'invalid_parameter_value';
    end if;
    foreach col in array named loop
        if col is not null and not exists (select from pg_attribute
            where attrelid = "table" and attname = col and attnum > 0 and not attisdropped) then
            raise exception 'pgfeed: table % has no column "%"', "table", col using errcode = 'undefined_column',
                hint = case when col = key_column and col <> all (array_remove(named[:3], null))
                    then 'With read_column, key_column (--key-column) tells rows apart, by default "id": name another.'
                    else 'Names are case-sensitive here: write the column as \d shows it, without quotes.' end;
        end if;
    end loop;
    select attname into col from pg_attribute where attrelid = "table" and attname = any (named) and attgenerated = 'v';
    if found then
        raise exception 'pgfeed: column "%" of table % is generated when it is read: triggers find null in it', col, "table"
            using errcode = 'wrong_object_type', hint = 'Make it STORED.';
    end if;
    if read_column is not null then
        key := (select format_type(atttypid, atttypmod) from pg_attribute where attrelid = "table" and attname = key_column);
        begin
            execute format('select null::%1$s operator(pg_catalog.=) null::%1$s where false', key);
        exception when undefined_function or ambiguous_function then
            raise exception 'pgfeed: key column "%" of table % is of type %, which can''t be compared', key_column, "table", key
                using errcode = 'datatype_mismatch', hint = 'Name another with key_column (--key-column).';
        end;
        if not exists (select from pg_index join pg_attribute on attrelid = indrelid and attnum = indkey[0]
            where indrelid = "table" and attname = key_column and indisunique and indisvalid and indnkeyatts = 1 and indpred is null) then
            raise warning 'pgfeed: key column "%" of table % has no unique index of its own', key_column, "table"
                using hint = 'Rows that share a key are taken for one another when they are read in one statement, and published again and again.';
        end if;
    end if;
    if exists (select from pg_class where pg_class.oid = "table" and relnamespace = 'pgfeed'::regnamespace) then
        raise exception 'pgfeed: table % is one of pgfeed''s own: to write down what is written to the log would have no end', "table"
            using errcode = 'wrong_object_type', hint = 'Attach tables of the application, such as "activityLogs".';
    end if;
    if remote is not null then
        raise exception 'pgfeed: foreign table % is a part of %: what is written to it can''t be published, and would fail', remote, "table"
            using errcode = 'wrong_object_type', hint = 'Take it out of the table (alter table ... detach partition, or no inherit) first.';
    end if;
    root := pg_partition_root("table");
    if root <> "table" and not exists (select from pg_trigger where tgrelid = root and tgname = 'pgfeed_insert') then
        raise exception 'pgfeed: table % is a partition: an INSERT into % would not be published', "table", root
            using errcode = 'wrong_object_type', hint = 'Attach ' || root::text || '. A partition that is inserted into by its own name can be attached after that.';
    end if;
    perform pgfeed.detach("table"); -- from here on nobody turns the ring
    perform pgfeed.create_trigger('pgfeed_insert', format('insert on %s referencing new table as new_rows', "table"), 'insert_' || id,
        pgfeed.trigger_body("table", topic || ':new', tenant_column, recipient_column, null, null, pgfeed.current_slot()),
        array[topic, tenant_column, recipient_column]);
    if read_column is not null then
        perform pgfeed.create_trigger('pgfeed_read', format('update on %s referencing old table as old_rows new table as new_rows', "table"), 'read_' || id,
            pgfeed.trigger_body("table", topic || ':read', tenant_column, recipient_column, read_column, key_column, pgfeed.current_slot()),
            array[topic, tenant_column, recipient_column, read_column, key_column]);
    end if;
end
$$;
-- +goose StatementEnd

-- Stops publishing a table. True when it was attached.
-- +goose StatementBegin
create function pgfeed.detach("table" regclass) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
declare
    name   text;
    unused regprocedure;
    was    boolean := false;
begin
    perform from pgfeed.state for update; -- until the end of the transaction nobody turns the ring, which rewrites the functions
    -- Asked first: "drop trigger if exists" would greet everyone who attaches with a notice.
    for name in select tgname from pg_trigger where tgrelid = "table" and tgname in ('pgfeed_insert', 'pgfeed_read') loop
        execute format('drop trigger %I on %s', name, "table");
        was := was or name = 'pgfeed_insert';
    end loop;
    -- Functions that no trigger uses any more: this table's, and those of tables that were dropped.
    for unused in select p.oid from pgfeed.trigger_functions() p where not exists (select from pg_trigger where tgfoid = p.oid) loop
        execute format('drop function %s', unused);
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
drop function pgfeed.create_trigger(text, text, text, text, text[]);
drop function pgfeed.foreign_child(regclass, boolean);
drop function pgfeed.trigger_functions();
drop function pgfeed.trigger_body(regclass, text, text, text, text, text, smallint);
drop function pgfeed.written_to(smallint);
drop function pgfeed.hint(text, bigint, bigint, xid8, timestamptz, timestamptz, text, text, text);
drop function pgfeed.hinting();
drop function pgfeed.readable(text, text);
drop function pgfeed.sendable(json);
drop function pgfeed.without_tenant(text);
drop function pgfeed.always_short(pg_attribute);
drop function pgfeed.present(pgfeed.missing);
drop function pgfeed.present(anyelement);
drop function pgfeed.missing_column(oid, text);
drop type pgfeed.missing;
