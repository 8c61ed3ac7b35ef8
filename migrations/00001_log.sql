-- The log, the trigger that writes it, and attach/detach.
-- +goose Up
create schema pgfeed;

-- One row. epoch names one unbroken history of the log: it changes when the database turns out to be another one
-- (restored, promoted with transactions lost), and with it every cursor that was handed out before.
create table pgfeed.state (
    id                boolean primary key default true check (id),
    epoch             bigint not null,
    system_identifier bigint not null,
    timeline          text not null,
    database_oid      oid not null,
    busy_until        timestamptz not null default '-infinity'
);

create table pgfeed.events (
    seq       bigint generated always as identity,
    xid       xid8 not null,
    boot      timestamptz not null,
    tenant    text not null,
    recipient text,
    topic     text not null,
    event     text not null,
    data      json not null,
    at        timestamptz not null
);
-- Reading since a cursor: the xids that were still open, and those given out after it.
create index events_xid on pgfeed.events (xid);
-- The newest events of a tenant, for the list.
create index events_tenant on pgfeed.events (tenant, seq);

-- +goose StatementBegin
create function pgfeed.timeline() returns text language sql stable as $$
    -- A standby in recovery can't name its write position; the last checkpoint's timeline is what it follows.
    select case when pg_is_in_recovery()
        then lpad(to_hex((select timeline_id from pg_control_checkpoint())), 8, '0')
        else lower(left(pg_walfile_name(pg_current_wal_lsn()), 8)) end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
create function pgfeed.random_epoch() returns bigint language sql volatile as $$
    select ('x' || left(replace(gen_random_uuid()::text, '-', ''), 14))::bit(56)::bigint
$$;
-- +goose StatementEnd

insert into pgfeed.state (epoch, system_identifier, timeline, database_oid)
select pgfeed.random_epoch(), system_identifier, pgfeed.timeline(),
       (select oid from pg_database where datname = current_database())
  from pg_control_system();

-- The epoch of this database; starts a new one when the server, its timeline or the database is not the one on record.
-- +goose StatementBegin
create function pgfeed.check_epoch() returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    found_id  bigint := (select system_identifier from pg_control_system());
    found_tli text := pgfeed.timeline();
    found_oid oid := (select oid from pg_database where datname = current_database());
    result    bigint;
begin
    select epoch into result from pgfeed.state
     where system_identifier = found_id and timeline = found_tli and database_oid = found_oid;
    if found or pg_is_in_recovery() then
        return coalesce(result, (select epoch from pgfeed.state));
    end if;
    update pgfeed.state
       set epoch = pgfeed.random_epoch(), system_identifier = found_id, timeline = found_tli, database_oid = found_oid
     where (system_identifier, timeline, database_oid) is distinct from (found_id, found_tli, found_oid);
    return (select epoch from pgfeed.state);
end
$$;
-- +goose StatementEnd

-- The channel on which a tenant's hints are sent. An identifier holds 63 bytes; a longer name is replaced by a hash
-- behind another separator, so that it can't be taken for a tenant's own name. gateway.Channel is the same in Go.
-- +goose StatementBegin
create function pgfeed.channel(tenant text) returns text
language sql immutable strict parallel safe as $$
    select case when octet_length('pgfeed:' || tenant) <= 63 then 'pgfeed:' || tenant
                else 'pgfeed#' || left(encode(sha256(convert_to(tenant, 'UTF8')), 'hex'), 56) end
$$;
-- +goose StatementEnd

-- Appends rows to the log and hints at them. Row without tenant: a warning, no event; the application's statement goes on.
-- Hints are skipped while gateways say that they read the log anyway (busy_until), when the queue of notifications fills
-- up (pg_notify would fail the commit), and where the session says `set pgfeed.hints = off` (a transaction that has
-- notified can't be prepared for two-phase commit).
-- +goose StatementBegin
create function pgfeed.append(
    row_data json[], tenants text[], recipients text[], topic text, event text, tenant_column text
) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    now_at  constant timestamptz := clock_timestamp();
    my_boot constant timestamptz := pg_postmaster_start_time();
    my_xid  constant xid8 := pg_current_xact_id();
    hinting constant boolean := coalesce(current_setting('pgfeed.hints', true), '') not in ('off', 'false', '0')
        and (select busy_until from pgfeed.state) <= now_at and pg_notification_queue_usage() <= 0.5;
    missing bigint := cardinality(row_data);
    hint    record;
    payload text;
begin
    for hint in
        with recorded as (
            insert into pgfeed.events (xid, boot, tenant, recipient, topic, event, data, at)
            select my_xid, my_boot, r.tenant, r.recipient, append.topic, append.event, r.d, now_at
              from unnest(row_data, tenants, recipients) with ordinality as r(d, tenant, recipient, n)
             where r.tenant is not null
             order by r.n
            returning events.seq, events.tenant, events.recipient, events.data
        )
        select r.tenant, count(*) as n, min(r.seq) as seq, min(r.recipient) as recipient, (array_agg(r.data))[1] as d
          from recorded r group by r.tenant
    loop
        missing := missing - hint.n;
        continue when not hinting;
        payload := '{}';
        if hint.n = 1 and octet_length(hint.d::text) < 7600 then
            payload := format('{"seq":%s,"xid":%s,"boot":%s,"at":%s,"topic":%s,"event":%s,"recipient":%s,"data":%s}',
                hint.seq, my_xid, (extract(epoch from my_boot) * 1000000)::bigint, (extract(epoch from now_at) * 1000000)::bigint,
                to_json(append.topic), to_json(append.event), coalesce(to_json(hint.recipient)::text, 'null'), hint.d);
            if octet_length(payload) >= 8000 then
                payload := '{}';
            end if;
        end if;
        perform pg_notify(pgfeed.channel(hint.tenant), payload);
    end loop;
    if missing > 0 then
        raise warning 'pgfeed: % row(s) without a tenant in column "%" were not published', missing, tenant_column
            using hint = 'Fill the column, or pgfeed detach the table.';
    end if;
end
$$;
-- +goose StatementEnd
revoke execute on function pgfeed.append(json[], text[], text[], text, text, text) from public;

-- Whether a table has all the columns; names that are null or empty don't count. A trigger asks, because an application
-- that renames a column must not find its INSERTs failing.
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

-- Arguments: topic, tenant column, recipient column or ''. Columns are read as such and not out of the row's JSON: that
-- would be parsed once for each, and a column of type json may hold escapes that Postgres refuses to decode.
-- +goose StatementBegin
create function pgfeed.on_insert() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    row_data   json[];
    tenants    text[];
    recipients text[];
begin
    if not pgfeed.has_columns(tg_relid, array[tg_argv[1], tg_argv[2]]) then
        return null;
    end if;
    -- n.* is the row even where the table has a column n
    execute format('select array_agg(row_to_json(n.*)), array_agg(n.%I::text), array_agg(%s) from new_rows n',
        tg_argv[1], case when tg_argv[2] = '' then 'null::text' else format('n.%I::text', tg_argv[2]) end)
       into row_data, tenants, recipients;
    if row_data is not null then
        perform pgfeed.append(row_data, tenants, recipients, tg_argv[0], tg_argv[0] || ':new', tg_argv[1]);
    end if;
    return null;
end
$$;
-- +goose StatementEnd

-- Arguments: topic, tenant column, recipient column or '', read column, key column. A row is published when its read
-- column goes from null to a value.
-- +goose StatementBegin
create function pgfeed.on_read() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    row_data   json[];
    tenants    text[];
    recipients text[];
begin
    if not pgfeed.has_columns(tg_relid, array[tg_argv[1], tg_argv[2], tg_argv[3], tg_argv[4]]) then
        return null;
    end if;
    execute format('select array_agg(row_to_json(n.*)), array_agg(n.%1$I::text), array_agg(%2$s) '
        'from new_rows n join old_rows o on o.%3$I = n.%3$I where o.%4$I is null and n.%4$I is not null',
        tg_argv[1], case when tg_argv[2] = '' then 'null::text' else format('n.%I::text', tg_argv[2]) end, tg_argv[4], tg_argv[3])
       into row_data, tenants, recipients;
    if row_data is not null then
        perform pgfeed.append(row_data, tenants, recipients, tg_argv[0], tg_argv[0] || ':read', tg_argv[1]);
    end if;
    return null;
end
$$;
-- +goose StatementEnd

-- Publishes the rows inserted into a table from now on as '<topic>:new' and, where read_column is given, rows whose read
-- column is set as '<topic>:read'. Attaching again changes the settings. The caller must own the table.
-- +goose StatementBegin
create function pgfeed.attach(
    "table" regclass, topic text, tenant_column text, recipient_column text default null,
    read_column text default null, key_column text default 'id'
) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    col text;
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
    execute format('create trigger pgfeed_insert after insert on %s referencing new table as new_rows '
        'for each statement execute function pgfeed.on_insert(%L, %L, %L)',
        "table", topic, tenant_column, coalesce(recipient_column, ''));
    if read_column is not null then
        execute format('create trigger pgfeed_read after update on %s referencing old table as old_rows new table as new_rows '
            'for each statement execute function pgfeed.on_read(%L, %L, %L, %L, %L)',
            "table", topic, tenant_column, coalesce(recipient_column, ''), read_column, key_column);
    end if;
end
$$;
-- +goose StatementEnd

-- Stops publishing a table. True when it was attached.
-- +goose StatementBegin
create function pgfeed.detach("table" regclass) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    was boolean := exists (select from pg_trigger where tgrelid = "table" and tgname = 'pgfeed_insert');
begin
    -- Asked first: "drop trigger if exists" would greet everyone who attaches with a notice.
    if was then
        execute format('drop trigger pgfeed_insert on %s', "table");
    end if;
    if exists (select from pg_trigger where tgrelid = "table" and tgname = 'pgfeed_read') then
        execute format('drop trigger pgfeed_read on %s', "table");
    end if;
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
drop schema pgfeed cascade;
