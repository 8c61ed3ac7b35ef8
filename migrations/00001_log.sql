-- The log, the state of its database, and how the two are told apart from others.
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
    table_oid         oid not null default 0, -- this table's own, which another one that a dump is restored to doesn't have
    boot              timestamptz not null, -- start of the server that the epoch was last checked on
    first_boot        timestamptz not null, -- start of the server that first had this database: older rows came with a dump
    -- How far the log has been emptied (see 00003_retention.sql): nothing that was written later, and nothing of the
    -- transactions that were open then, is gone. Null: nothing is.
    kept_boot         timestamptz,
    kept_xid          xid8,
    kept_open         xid8[] not null default '{}',
    emptied           bigint not null default 0 -- how often; equal to sequence pgfeed.emptied unless somebody is at it
);

-- A ring of tables, its slots: triggers write to the current one, directly, and the oldest is emptied when its time has come. So
-- nothing is done to a table that writers write to, and nothing makes them wait. 00003_retention.sql turns the ring. The slots inherit from
-- this one, which is for readers and stays empty: partitions would check with every INSERT that a row is in the right one. What a trigger
-- needn't say is a default, since INSERT ... SELECT with a volatile function in it has a node more in its plan.
--
-- A row holds one event, or up to a thousand of a statement that inserted many: of the same tenant and recipient, with the numbers from
-- seq on. Numbers are drawn by the thousand therefore. View pgfeed.events shows them one by one.
--
-- The floors of cursors (gateway.Floors) rely on two things: a row's number is drawn after its xid, and no session keeps numbers in store (CACHE).
create sequence pgfeed.events_seq start 1000 increment 1000;
create table pgfeed.log (
    xid       xid8 not null default pg_current_xact_id(),
    seq       bigint not null default nextval('pgfeed.events_seq'),
    boot      timestamptz not null default pg_postmaster_start_time(),
    at        timestamptz not null default clock_timestamp(),
    tenant    text collate "C" not null, -- nobody sorts by it, and other collations are slow to compare
    recipient text collate "C",
    event     text collate "C" not null, -- <topic>:<what happened>
    data      json[] not null,
    constraint rows_are_in_slots check (false) no inherit
);
-- +goose StatementBegin
do $$
declare
    log text;
begin
    for n in 0..7 loop
        -- Rows don't change, and leave by TRUNCATE: there is nothing to vacuum, and the queries below don't rely on statistics.
        execute format('create table pgfeed.log_%s () inherits (pgfeed.log) with (autovacuum_enabled = false)', n);
    end loop;
    -- The one that stays empty as well: a scan of it would count as the dearest part of every plan, and hide what the others cost.
    for log in select 'log' union all select 'log_' || n from generate_series(0, 7) n loop
        -- Reading since a cursor: the xids that were still open, and those given out after it. With seq, rows of one transaction
        -- come to stand at the right end as well, instead of being sorted in among their equals.
        execute format('create index on pgfeed.%I (xid, seq)', log);
        -- A tenant's events, newest first for the list, and those that a client has missed.
        execute format('create index on pgfeed.%I (tenant, seq)', log);
    end loop;
end
$$;
-- +goose StatementEnd
create view pgfeed.events as
select xid, seq + generate_subscripts(data, 1) - 1 as seq, boot, at, tenant, recipient, event, unnest(data) as data from pgfeed.log;

-- The last number that an event may have which is in the log by now.
create function pgfeed.written() returns bigint language sql volatile return coalesce(pg_sequence_last_value('pgfeed.events_seq') + 999, 0);

create table pgfeed.slots (
    slot        smallint primary key,
    opened      timestamptz, -- since when rows go, or went, there; null: it is empty
    closed      timestamptz, -- since when they don't; null: it is the current one, or empty
    closed_boot timestamptz  -- start of the server that it was closed on: no row in it is of a later one
);
insert into pgfeed.slots (slot, opened) select n, case when n = 0 then now() end from generate_series(0, 7) n;
create function pgfeed.current_slot() returns smallint language sql stable set search_path = pg_catalog, pg_temp as $$
    select slot from pgfeed.slots where opened is not null and closed is null
$$;

-- Sequences, for what every trigger call, or every reading, asks for: reading one takes no query and no row version, and everybody sees a new
-- value at once.
create sequence pgfeed.busy minvalue 0;    -- until when gateways read the log without being told, in ms since 1970
create sequence pgfeed.emptied minvalue 0; -- times that a slot was emptied
select setval('pgfeed.busy', 0), setval('pgfeed.emptied', 0);

-- Recovery from a crash empties an unlogged table.
create unlogged table pgfeed.running (since timestamptz not null default clock_timestamp());
insert into pgfeed.running default values;

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

insert into pgfeed.state (epoch, system_identifier, timeline, database_oid, boot, first_boot)
select pgfeed.random_epoch(), system_identifier, pgfeed.timeline(),
       (select oid from pg_database where datname = current_database()), pg_postmaster_start_time(), pg_postmaster_start_time()
  from pg_control_system();
update pgfeed.state set table_oid = tableoid;

-- Whether the server has recovered from a crash since the epoch was last checked. When one of its processes is killed, it does
-- so without being started anew: its start time stays the same, but xids that left no durable trace are given out
-- again, and cursors from before would hide what is written under them. A standby can't say.
-- +goose StatementBegin
create function pgfeed.recovered() returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    if pg_is_in_recovery() then
        return false;
    end if;
    return not exists (select from pgfeed.running);
end
$$;
-- +goose StatementEnd

-- The epoch of this database. Starts a new one when the server, its timeline, the database or its tables are not those on record, and
-- when the server recovered from a crash that its start time doesn't tell. Called, too, by readers that met somebody who was
-- emptying a slot: it waits for that.
-- +goose StatementBegin
create function pgfeed.check_epoch() returns bigint
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    started   constant timestamptz := pg_postmaster_start_time();
    found_id  bigint;
    found_tli text;
    found_oid oid;
    crashed   boolean;
begin
    if pg_is_in_recovery() then
        return (select epoch from pgfeed.state);
    end if;
    perform set_config('synchronous_commit', 'on', true); -- or a crash may take back that this start was seen
    perform from pgfeed.state for update; -- gateways check one after another
    found_id := (select system_identifier from pg_control_system());
    found_tli := pgfeed.timeline();
    found_oid := (select oid from pg_database where datname = current_database());
    crashed := pgfeed.recovered();
    update pgfeed.state -- xids of another server say nothing about ours
       set first_boot = started, kept_boot = null, kept_xid = null, kept_open = '{}'
     where (system_identifier, database_oid) is distinct from (found_id, found_oid);
    update pgfeed.state
       set epoch = pgfeed.random_epoch(), system_identifier = found_id, timeline = found_tli, database_oid = found_oid, table_oid = tableoid
     where (system_identifier, timeline, database_oid, table_oid) is distinct from (found_id, found_tli, found_oid, tableoid)
        or crashed and boot = started;
    update pgfeed.state set boot = started where boot is distinct from started;
    -- An emptying that was cut off has counted in the sequence alone.
    update pgfeed.state set emptied = (select last_value from pgfeed.emptied)
     where emptied <> (select last_value from pgfeed.emptied);
    if crashed then
        insert into pgfeed.running default values;
    end if;
    return (select epoch from pgfeed.state);
end
$$;
-- +goose StatementEnd

-- For what reads the log: whether somebody has emptied a slot that the statement's snapshot doesn't know of. That counts in the
-- sequence before the rows go.
-- +goose StatementBegin
create function pgfeed.check_unharmed() returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    if (select s.emptied from pgfeed.state s) <> pg_sequence_last_value('pgfeed.emptied') then
        raise exception 'pgfeed: the log was emptied while it was read' using errcode = 'serialization_failure';
    end if;
end
$$;
-- +goose StatementEnd

-- The rows with the events that a gateway's own position can't see, of these tenants or, null, of all: those of transactions that were open then, of those
-- that have been given an xid since, and of a later server start. It is a function, as are pgfeed.replay and pgfeed.newest, for the sake of its
-- settings: without them Postgres, which can't know that "later than the position" is little, takes to parallel scans of the whole. It sees
-- what the statement sees that calls it, but takes its locks later than that: a slot may have been emptied in between, whose rows it can't
-- see any more though its snapshot could. So in the end, when nobody can empty one, it makes sure that nobody has: an error of class 40001
-- otherwise, upon which one reads again.
-- +goose StatementBegin
create function pgfeed.read(open xid8[], next xid8, at_boot timestamptz, tenants text[])
returns setof pgfeed.log
language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off
set max_parallel_workers_per_gather = 0 set jit = off set search_path = pg_catalog, pg_temp as $$
begin
    return query
        select e.* from (
            select * from pgfeed.log o where o.xid = any (open)
            union all
            select * from pgfeed.log l where l.xid >= next and l.boot = at_boot
            offset 0 -- or each slot would look for tenants by itself
        ) e where tenants is null or e.tenant in (select unnest(tenants));
    if at_boot < pg_postmaster_start_time() then
        return query
            select e.*
              from pgfeed.log e where e.boot > at_boot and e.xid <> all (open) and (tenants is null or e.tenant = any (tenants));
    end if;
    perform pgfeed.check_unharmed();
end
$$;
-- +goose StatementEnd

-- Whether an xid lies in one of some ranges, which ascend. Postgres inlines it, and the next two.
create function pgfeed.within(xid xid8, first xid8[], last xid8[]) returns boolean
language sql immutable return coalesce(xid <= last[width_bucket(xid, first)], false);

-- Whether a user may see an event of his tenant.
create function pgfeed.may_read(event text, recipient text, topics text[], for_user text, operator boolean) returns boolean
language sql immutable return split_part(event, ':', 1) = any (topics) and (recipient is null or recipient = for_user or operator);

-- Whether an event has not been sent ahead of a cursor, nor in a replay that had come that far.
create function pgfeed.unsent(
    seq bigint, xid xid8, boot timestamptz, ahead bigint[],
    reached pg_snapshot, reached_gaps_first xid8[], reached_gaps_last xid8[], reached_boot timestamptz, through bigint
) returns boolean
language sql stable return seq <> all (ahead)
    and (reached is null or seq > through or boot > reached_boot or not pg_visible_in_snapshot(xid, reached)
         or pgfeed.within(xid, reached_gaps_first, reached_gaps_last));

-- The events that a client's cursor lacks, as far as its user may see them: those of transactions that were open at the cursor or at the
-- snapshot that its replay has reached, by name or, where they were many, by ranges; and those of the tenant above a floor that came later. Of
-- the former all tenants' are looked at, of the latter the tenant's alone. Gives the first so many of either kind. Rows of the log come by their
-- number, and so do, of each, its events (a sort that knows the former): no more of either are read than are given.
-- +goose StatementBegin
create function pgfeed.replay(
    open xid8[], gaps_first xid8[], gaps_last xid8[], next xid8, at_boot timestamptz, floor bigint, ahead bigint[],
    reached pg_snapshot, reached_gaps_first xid8[], reached_gaps_last xid8[], reached_boot timestamptz, through bigint,
    for_tenant text, topics text[], for_user text, operator boolean, after bigint, most bigint
) returns setof pgfeed.events
language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
set max_parallel_workers_per_gather = 0 set jit = off set search_path = pg_catalog, pg_temp as $$
declare
    -- Above which a row may have events above that: the last page, or the one on which a client was cut, may have ended within a row.
    above     constant bigint := after - 1000;
    above_all constant bigint := greatest(after, case when at_boot = pg_postmaster_start_time() then floor end) - 1000;
begin
    if cardinality(open) + cardinality(gaps_first) > 0 then
        return query
            select e.xid, e.seq, e.boot, e.at, e.tenant, e.recipient, e.event, e.data from (
                select l.seq as first, l.xid, l.seq + generate_subscripts(l.data, 1) - 1 as seq, l.boot, l.at, l.tenant, l.recipient, l.event,
                       unnest(l.data) as data from (
                    select * from pgfeed.log o where o.xid = any (open) and o.seq > above
                    union all
                    select * from pgfeed.log m
                     where m.seq > above and m.xid >= gaps_first[1] and m.xid <= gaps_last[cardinality(gaps_last)]
                       and pgfeed.within(m.xid, gaps_first, gaps_last) and m.xid <> all (open)
                    offset 0 -- or Postgres might go through all that the tenant has
                ) l
                where l.tenant = for_tenant and pgfeed.may_read(l.event, l.recipient, topics, for_user, operator)
                order by l.seq
            ) e
            where e.seq > after
              and pgfeed.unsent(e.seq, e.xid, e.boot, ahead, reached, reached_gaps_first, reached_gaps_last, reached_boot, through)
            order by e.first, e.seq limit most;
    end if;
    return query
        select e.xid, e.seq, e.boot, e.at, e.tenant, e.recipient, e.event, e.data from (
            select l.seq as first, l.xid, l.seq + generate_subscripts(l.data, 1) - 1 as seq, l.boot, l.at, l.tenant, l.recipient, l.event,
                   unnest(l.data) as data
              from pgfeed.log l
             where l.tenant = for_tenant and l.seq > above_all
               and (l.boot = at_boot and l.xid >= next
                    or l.boot > at_boot and not pgfeed.within(l.xid, gaps_first, gaps_last))
               and l.xid <> all (open)
               and pgfeed.may_read(l.event, l.recipient, topics, for_user, operator)
             order by l.seq
        ) e
        where e.seq > after
          and pgfeed.unsent(e.seq, e.xid, e.boot, ahead, reached, reached_gaps_first, reached_gaps_last, reached_boot, through)
        order by e.first, e.seq limit most;
    perform pgfeed.check_unharmed();
end
$$;
-- +goose StatementEnd

-- The newest events of a tenant that a user may see, below a sequence number. Like pgfeed.read it is a function for the sake of its
-- settings: Postgres believes that the filter leaves next to nothing, and would sort all that the tenant has.
-- +goose StatementBegin
create function pgfeed.newest(for_tenant text, before bigint, topics text[], for_user text, most bigint)
returns setof pgfeed.events
language plpgsql stable
set plan_cache_mode = force_generic_plan set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off
set max_parallel_workers_per_gather = 0 set jit = off set search_path = pg_catalog, pg_temp as $$
begin
    return query
        select e.xid, e.seq, e.boot, e.at, e.tenant, e.recipient, e.event, e.data from (
            select l.seq as first, l.xid, l.seq + generate_subscripts(l.data, 1) - 1 as seq, l.boot, l.at, l.tenant, l.recipient, l.event,
                   unnest(l.data) as data
              from pgfeed.log l
             where l.tenant = for_tenant and l.seq < before and pgfeed.may_read(l.event, l.recipient, topics, for_user, false)
             order by l.seq desc
        ) e
        where e.seq < before
        order by e.first desc, e.seq desc
        limit most;
    perform pgfeed.check_unharmed();
end
$$;
-- +goose StatementEnd

-- The channel on which a tenant's hints are sent. An identifier holds 63 bytes; a longer name is replaced by a hash
-- behind another separator, so that it can't be taken for a tenant's own name. gateway.Channel is the same in Go, in UTF-8. Where the name is
-- longer in the database's encoding than Postgres takes, the hash fails no INSERT, though nobody listens to it. SQL_ASCII's bytes may be anything.
-- +goose StatementBegin
create function pgfeed.channel(tenant text) returns text
language plpgsql immutable strict parallel safe as $$ -- SQL that isn't inlined would take several times as long
declare
    utf8 constant bytea := convert_to(tenant, case getdatabaseencoding() when 'SQL_ASCII' then 'SQL_ASCII' else 'UTF8' end);
begin
    return case when octet_length(tenant) <= 56 and octet_length(utf8) <= 56 then 'pgfeed:' || tenant
                else 'pgfeed#' || left(encode(sha256(utf8), 'hex'), 56) end;
end
$$;
-- +goose StatementEnd

-- Keeps hints off for that long, at most a minute: gateways that read the log anyway say so, and writers don't wait for
-- each other in NOTIFY. It runs out by itself. A longer lease, left by a clock that was set back, is cut short.
-- +goose StatementBegin
create function pgfeed.extend_busy(lease interval) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    now_ms  constant bigint := date_part('epoch', clock_timestamp()) * 1000;
    until   constant bigint := now_ms + least(date_part('epoch', lease) * 1000, 60000);
    current constant bigint := (select last_value from pgfeed.busy);
begin
    if current < until or current > now_ms + 60000 then
        perform setval('pgfeed.busy', until);
    end if;
    if current < now_ms then -- other gateways don't hear hints any more: this is the last one
        perform pg_notify('pgfeed_busy', '');
    end if;
end
$$;
-- +goose StatementEnd
revoke execute on function pgfeed.extend_busy(interval) from public;

-- +goose Down
drop schema pgfeed cascade;
