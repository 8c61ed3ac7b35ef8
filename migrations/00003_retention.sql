-- How long the log is kept: the ring of slots is turned now and then, and what has come round is emptied.
-- +goose Up

-- What is kept: for doctors and metrics.
create view pgfeed.kept with (security_barrier) as
select s.slot, s.opened, s.closed, pg_total_relation_size(format('pgfeed.log_%s', s.slot)::regclass) as bytes
  from pgfeed.slots s where s.opened is not null;

-- Empties one slot, if one has come round: closed for longer than the log is kept, or the oldest of a log that is too big. Gives
-- its number; null: there was none, or somebody still uses it (a transaction that wrote to it and is open). Readers wait no
-- longer than the time limit for a lock, writers never: none writes to a closed slot.
--
-- Nobody may miss what is gone without being told. So before the rows go, pgfeed.state says how far they went: later
-- than kept_xid, or of a transaction in kept_open, there was nothing among them. A reader whose snapshot is older than
-- that, but who finds the slot empty already, sees that the sequence is ahead of its pgfeed.state, and reads again.
-- +goose StatementBegin
create function pgfeed.empty_slot(retention interval, max_bytes bigint) returns smallint
language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '100ms' as $$
declare
    old     record;
    last    xid8;
    started timestamptz;
begin
    select s.* into old from pgfeed.slots s
     where s.closed is not null
       and (s.closed < clock_timestamp() - retention or (select sum(bytes) from pgfeed.kept) > max_bytes)
     order by s.closed limit 1;
    if not found then
        return null;
    end if;
    begin
        perform from pgfeed.state for update;
        execute format('lock table pgfeed.log_%s in access exclusive mode', old.slot);
    exception when lock_not_available then
        return null;
    end;
    started := (select first_boot from pgfeed.state);
    execute format('select xid from pgfeed.log_%s where boot >= $1 order by xid desc limit 1', old.slot) into last using started;
    if last is not null then
        update pgfeed.state
           set kept_boot = greatest(kept_boot, old.closed_boot), kept_xid = greatest(kept_xid, last),
               kept_open = array(select pg_snapshot_xip(pg_current_snapshot()));
    end if;
    update pgfeed.state set emptied = emptied + 1;
    perform setval('pgfeed.emptied', (select emptied from pgfeed.state)); -- seen at once, and before the rows are gone
    execute format('truncate pgfeed.log_%s', old.slot);
    update pgfeed.slots set opened = null, closed = null, closed_boot = null where slot = old.slot;
    return old.slot;
end
$$;
-- +goose StatementEnd

-- Turns the ring when the current slot has had its share of the time or of the size, if the next one is empty. True when it did. Whoever is
-- just writing goes on to the slot that is closed; it isn't emptied before they are done.
-- +goose StatementBegin
create function pgfeed.turn(retention interval, max_bytes bigint) returns boolean
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    running constant smallint := pgfeed.current_slot();
    next    constant smallint := (running + 1) % 8;
    filled  boolean;
    writer  record;
begin
    perform from pgfeed.kept k where k.slot = running
        and (k.opened < clock_timestamp() - retention / 6 or k.bytes > max_bytes / 7);
    if not found or (select opened is not null from pgfeed.slots where slot = next) then
        return false;
    end if;
    execute format('select exists (select from pgfeed.log_%s)', running) into filled;
    if not filled then -- nothing to keep: its time starts anew
        update pgfeed.slots set opened = clock_timestamp() where slot = running;
        return false;
    end if;
    perform from pgfeed.state for update; -- nobody attaches a table meanwhile
    update pgfeed.slots set opened = clock_timestamp() where slot = next;
    update pgfeed.slots set closed = clock_timestamp(), closed_boot = pg_postmaster_start_time() where slot = running;
    for writer in select proname, prosrc from pgfeed.trigger_functions() loop
        execute format('create or replace function pgfeed.%I() returns trigger language plpgsql security definer as %L',
            writer.proname, replace(writer.prosrc, pgfeed.written_to(running), pgfeed.written_to(next)));
    end loop;
    return true;
end
$$;
-- +goose StatementEnd

-- Does what is due, if nobody else is at it, and gives how many slots were emptied; null: somebody else is. Call it every minute or
-- so, and again while it gives more than 0.
-- +goose StatementBegin
create function pgfeed.maintain(retention interval, max_bytes bigint) returns int
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    emptied int := 0;
begin
    if retention < interval '1 second' or max_bytes < 1 then
        raise exception 'pgfeed: nothing would be kept' using errcode = 'invalid_parameter_value';
    end if;
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'pgfeed: maintenance has to see what was committed before it got its locks: use read committed';
    end if;
    if not pg_try_advisory_xact_lock(hashtextextended('pgfeed.maintain', 0)) then
        return null;
    end if;
    if pgfeed.empty_slot(retention, max_bytes) is not null then
        emptied := 1;
    end if;
    perform pgfeed.turn(retention, max_bytes);
    return emptied;
end
$$;
-- +goose StatementEnd
revoke execute on function pgfeed.maintain(interval, bigint), pgfeed.turn(interval, bigint), pgfeed.empty_slot(interval, bigint) from public;

-- +goose Down
drop function pgfeed.maintain(interval, bigint);
drop function pgfeed.turn(interval, bigint);
drop function pgfeed.empty_slot(interval, bigint);
drop view pgfeed.kept;
