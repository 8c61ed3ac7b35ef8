-- Notices a server that recovered from a crash without being started anew, as it does when one of its processes is killed: its
-- start time stays the same, but xids that left no durable trace are given out again, and cursors from before would hide
-- what is written under them. Such a recovery is another epoch. The table is unlogged, so that recovery empties it.
-- +goose Up
create unlogged table pgfeed.running (since timestamptz not null default clock_timestamp());
insert into pgfeed.running default values;

-- When the server was started that the epoch was last checked on.
alter table pgfeed.state add column boot timestamptz;
update pgfeed.state set boot = pg_postmaster_start_time();

-- Whether the server has recovered from a crash since the epoch was last checked. A standby can't say.
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

-- The epoch of this database. Starts a new one when the server, its timeline or the database is not the one on record, and
-- when the server recovered from a crash that its start time doesn't tell.
-- +goose StatementBegin
create or replace function pgfeed.check_epoch() returns bigint
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
    perform from pgfeed.state for update; -- gateways check one after another
    found_id := (select system_identifier from pg_control_system());
    found_tli := pgfeed.timeline();
    found_oid := (select oid from pg_database where datname = current_database());
    crashed := pgfeed.recovered();
    update pgfeed.state
       set epoch = pgfeed.random_epoch(), system_identifier = found_id, timeline = found_tli, database_oid = found_oid
     where (system_identifier, timeline, database_oid) is distinct from (found_id, found_tli, found_oid)
        or crashed and boot = started;
    update pgfeed.state set boot = started where boot is distinct from started;
    if crashed then
        insert into pgfeed.running default values;
    end if;
    return (select epoch from pgfeed.state);
end
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
create or replace function pgfeed.check_epoch() returns bigint
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
drop function pgfeed.recovered();
alter table pgfeed.state drop column boot;
drop table pgfeed.running;
