-- Reports of changed sessions, and the roles that run pgfeed with the least rights.
-- +goose Up

-- Arguments: kind, key column, columns that count. Gateways take a report as a reason to look the sessions up again, so one too
-- many does no harm; it never fails the statement that it reports.
--
-- It runs with the rights of whoever changes the table, or else a cast to text of anybody's making would run with its owner's. They
-- need none in this schema, and so it calls nothing here. A token or a user is called by a part of its SHA-256, from which it can't be
-- had: auth.Name and auth.UserName are the same in Go.
-- +goose StatementBegin
create function pgfeed.on_session_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    key   constant text := format(case tg_argv[0] when 'hash' then 'left(encode(r.%I, ''hex''), 16)'
        else 'left(encode(sha256(convert_to(r.%I::text, ''UTF8'')), ''hex''), 16)' end, tg_argv[1]);
    kind  constant text := case tg_argv[0] when 'user' then 'user ' else 'session ' end;
    hints constant text := lower(coalesce(current_setting('pgfeed.hints', true), ''));
    most  constant int := 400; -- names in one notification
    many  constant int := 2000; -- rows from which on they aren't named
    names text[];
    n     int;
    rows  text := format('select %s as name from old_rows r', key);
begin
    -- As pgfeed.hinting has it, but for how full the queue may be: reports are few. Gateways that know of it ask every second.
    if hints not in ('on', 'true', '1') and (hints <> '' or current_setting('max_prepared_transactions') <> '0')
        or pg_notification_queue_usage() > 0.9 then
        return null;
    end if;
    if tg_op = 'UPDATE' and tg_nargs > 2 then
        -- the rows whose columns that count aren't what they were
        select format('select %s as name from (select %2$s from old_rows except select %2$s from new_rows) r', key,
                      string_agg(format('%I', c), ', '))
          into rows from unnest(array[tg_argv[1]]::text[] || tg_argv[2:]) c;
    end if;
    if tg_op = 'TRUNCATE' then
        perform pg_notify('pgfeed_sessions', 'all');
        return null;
    end if;
    execute format('select count(*), array_agg(distinct name) filter (where name is not null) from (%s limit %s) x', rows, many + 1) into n, names;
    if n > many then
        perform pg_notify('pgfeed_sessions', 'all');
    else
        for i in 0 .. (coalesce(cardinality(names), 0) - 1) / most loop
            exit when names is null;
            perform pg_notify('pgfeed_sessions', kind || array_to_string(names[i * most + 1 : (i + 1) * most], ' '));
        end loop;
    end if;
    return null;
exception when undefined_column or undefined_function or datatype_mismatch or insufficient_privilege
    or character_not_in_repertoire or untranslatable_character then
    raise warning 'pgfeed: which sessions have changed in % can''t be told: %', tg_relid::regclass, sqlerrm
        using hint = 'All are looked up again instead. If columns were renamed or dropped, call pgfeed.watch_sessions with those that there are.';
    perform pg_notify('pgfeed_sessions', 'all');
    return null;
end
$$;
-- +goose StatementEnd

-- Reports changes of a table that sessions depend on, so that a revoked session loses its streams at once. kind says what the
-- key column holds: 'session' a token, 'hash' the SHA-256 of one as bytea, 'user' the id of a user. columns are those whose update
-- matters; null: any update does. The caller must own the table. Where a transaction that uses it doesn't end within two seconds, this fails
-- (lock_not_available): the application's statements wait behind it meanwhile.
-- +goose StatementBegin
create function pgfeed.watch_sessions("table" regclass, kind text, key_column text, columns text[] default null)
returns void language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
declare
    col  text;
    args text;
begin
    if kind is null or kind not in ('session', 'hash', 'user') then
        raise exception 'pgfeed: kind is session, hash or user, not %', quote_nullable(kind) using errcode = 'invalid_parameter_value';
    end if;
    foreach col in array array[key_column] || columns loop
        if not exists (select from pg_attribute
            where attrelid = "table" and attname = col and attnum > 0 and not attisdropped) then
            raise exception 'pgfeed: table % has no column "%"', "table", col using errcode = 'undefined_column',
                hint = 'Names are case-sensitive here: write the column as \d shows it, without quotes.';
        end if;
    end loop;
    perform pgfeed.unwatch_sessions("table");
    select string_agg(quote_literal(a), ', ') into args from unnest(array[kind, key_column] || columns) a;
    execute format('create trigger pgfeed_session_delete after delete on %s referencing old table as old_rows '
        'for each statement execute function pgfeed.on_session_change(%s)', "table", args);
    execute format('create trigger pgfeed_session_update after update on %s referencing old table as old_rows new table as new_rows '
        'for each statement execute function pgfeed.on_session_change(%s)', "table", args);
    execute format('create trigger pgfeed_session_truncate after truncate on %s '
        'for each statement execute function pgfeed.on_session_change(%s)', "table", args);
end
$$;
-- +goose StatementEnd

-- Stops that, if it gets the table within two seconds. True when the table was watched.
-- +goose StatementBegin
create function pgfeed.unwatch_sessions("table" regclass) returns boolean
language plpgsql set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
declare
    name text;
    was  boolean := false;
begin
    for name in select tgname from pg_trigger where tgrelid = "table"
        and tgname in ('pgfeed_session_delete', 'pgfeed_session_update', 'pgfeed_session_truncate') loop
        execute format('drop trigger %I on %s', name, "table");
        was := true;
    end loop;
    return was;
end
$$;
-- +goose StatementEnd

-- +goose StatementBegin
do $$
begin
    if obj_description(to_regclass('public."sessions"'), 'pg_class') = 'pgfeed reference table' then
        perform pgfeed.watch_sessions('public."sessions"', 'hash', 'tokenHash', '{tenantId,userId,expiresAt}');
    end if;
end
$$;
-- +goose StatementEnd

-- Creates the three roles that pgfeed needs, none of which can log in: grant them to those that do. Calling it again renews the
-- rights, as after a migration.
--
--   pgfeed_gateway      reads the log, notifications and sessions; marks notifications as read; keeps hints off while writers are
--                       many, and empties what is no longer kept of the log. Nothing else.
--   pgfeed_application  reads and writes the reference tables. It has no right in the schema pgfeed: the triggers need none.
--   pgfeed_migration    owns the schema and the reference tables, and may create what migrations create. To attach a table it must
--                       be a member of that table's owner.
--
-- The caller needs CREATEROLE and must own what there is, as after the first migration.
-- +goose StatementBegin
create function pgfeed.create_roles() returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
    r text;
    t regclass;
    f regprocedure;
begin
    foreach r in array array['pgfeed_gateway', 'pgfeed_application', 'pgfeed_migration'] loop
        if to_regrole(r) is null then
            begin
                execute format('create role %I nologin', r);
            exception when duplicate_object or unique_violation then
                null; -- another database of this server has just done so
            end;
        end if;
    end loop;
    if not (select rolsuper from pg_roles where rolname = current_user) then
        execute format('grant pgfeed_migration to %I', current_user); -- who gives an object away must be a member of who gets it
    end if;

    execute format('grant create on database %I to pgfeed_migration', current_database());
    grant usage, create on schema public to pgfeed_migration;
    alter schema pgfeed owner to pgfeed_migration;
    alter type pgfeed.missing owner to pgfeed_migration;
    for t in select c.oid from pg_class c
        where c.relkind in ('r', 'p', 'v', 'S') -- but sequences of identity columns, which go with their tables
          and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'i' and c.relkind = 'S')
          and (c.relnamespace = 'pgfeed'::regnamespace or c.oid in (
            to_regclass('public.pgfeed_migrations'), to_regclass('public."activityLogs"'), to_regclass('public."notifications"'),
            to_regclass('public."sessions"')) and (c.relname = 'pgfeed_migrations' or obj_description(c.oid, 'pg_class') = 'pgfeed reference table'))
    loop
        execute format('alter table %s owner to pgfeed_migration', t);
    end loop;
    for f in select oid from pg_proc where pronamespace = 'pgfeed'::regnamespace loop
        execute format('alter routine %s owner to pgfeed_migration', f);
    end loop;
    -- Again, since a dump may have been restored without what was revoked.
    for f in select oid from pgfeed.trigger_functions()
        union all values ('pgfeed.extend_busy(interval)'::regprocedure), ('pgfeed.maintain(interval, bigint)'),
            ('pgfeed.turn(interval, bigint)'), ('pgfeed.empty_slot(interval, bigint)') loop
        execute format('revoke execute on function %s from public', f);
    end loop;

    grant usage on schema pgfeed to pgfeed_gateway;
    grant select on all tables in schema pgfeed to pgfeed_gateway;
    grant select on all sequences in schema pgfeed to pgfeed_gateway;
    grant execute on function pgfeed.extend_busy(interval), pgfeed.maintain(interval, bigint) to pgfeed_gateway;
    grant select on public.pgfeed_migrations to pgfeed_gateway, pgfeed_application;
    for t in select c.oid from pg_class c where c.oid in (to_regclass('public."activityLogs"'), to_regclass('public."notifications"'),
        to_regclass('public."sessions"')) and obj_description(c.oid, 'pg_class') = 'pgfeed reference table' loop
        execute format('grant select, insert, update, delete on %s to pgfeed_application', t);
        case (select relname from pg_class where oid = t)
            when 'notifications' then execute format('grant select, update ("readAt") on %s to pgfeed_gateway', t);
            when 'sessions' then execute format('grant select on %s to pgfeed_gateway', t);
            else null;
        end case;
    end loop;
end
$$;
-- +goose StatementEnd

-- +goose Down
-- +goose StatementBegin
do $$
declare
    t regclass;
begin
    for t in select distinct tgrelid::regclass from pg_trigger where tgname = 'pgfeed_session_delete' loop
        perform pgfeed.unwatch_sessions(t);
    end loop;
end
$$;
-- +goose StatementEnd
drop function pgfeed.create_roles();
drop function pgfeed.unwatch_sessions(regclass);
drop function pgfeed.watch_sessions(regclass, text, text, text[]);
drop function pgfeed.on_session_change();
