"""Extensions in plain SQL, for servers without uuid-ossp and pgcrypto: the parts of these that allow it."""

from __future__ import annotations

from pathlib import Path

SINCE = 18
"""The first major version that looks for extensions in more than one folder."""
FOLDER = "enctest-extensions"
"""The folder of stand-ins, in the data folder."""
STAND_IN = "enctest's stand-in"
"""How the comment of a stand-in begins."""


_UUID_OSSP = """
create function uuid_nil() returns uuid language sql immutable parallel safe
    return '00000000-0000-0000-0000-000000000000'::uuid;
create function uuid_ns_dns() returns uuid language sql immutable parallel safe
    return '6ba7b810-9dad-11d1-80b4-00c04fd430c8'::uuid;
create function uuid_ns_url() returns uuid language sql immutable parallel safe
    return '6ba7b811-9dad-11d1-80b4-00c04fd430c8'::uuid;
create function uuid_ns_oid() returns uuid language sql immutable parallel safe
    return '6ba7b812-9dad-11d1-80b4-00c04fd430c8'::uuid;
create function uuid_ns_x500() returns uuid language sql immutable parallel safe
    return '6ba7b814-9dad-11d1-80b4-00c04fd430c8'::uuid;
create function uuid_generate_v4() returns uuid language sql volatile parallel safe
    return gen_random_uuid();
create function uuid_generate_v3(namespace uuid, name text) returns uuid language sql
    immutable strict parallel safe
begin atomic
    select encode(
        set_byte(set_byte(h, 6, (get_byte(h, 6) & 15) | 48), 8, (get_byte(h, 8) & 63) | 128), 'hex')::uuid
    from (select decode(md5(uuid_send(namespace) || convert_to(name, 'UTF8')), 'hex')) as hash(h);
end;
create function uuid_generate_v1mc() returns uuid language sql volatile parallel safe
begin atomic
    select (substr(t, 9, 8) || substr(t, 5, 4) || '1' || substr(t, 2, 3)
        || to_hex(32768 + (random() * 16383)::int)
        || encode(set_byte(n, 0, get_byte(n, 0) | 1), 'hex'))::uuid
    from (select
        lpad(to_hex((extract(epoch from clock_timestamp()) * 10000000)::bigint
            + 122192928000000000), 16, '0'),
        substring(uuid_send(gen_random_uuid()) from 11)) as parts(t, n);
end;
create function uuid_generate_v1() returns uuid language sql volatile parallel safe
    return uuid_generate_v1mc();
"""
# A UUID's bytes 7 and 9 are not all random.
_PGCRYPTO = """
create function gen_random_bytes(count integer) returns bytea language sql volatile strict parallel safe
begin atomic
    select substring(
        string_agg(substring(u from 1 for 6) || substring(u from 10 for 7), ''::bytea) from 1 for count)
    from (select uuid_send(gen_random_uuid()) as u from generate_series(0, count / 13)) as made;
end;
create function digest(data bytea, type text) returns bytea language plpgsql
    immutable strict parallel safe as $$
begin
    case lower(type)
        when 'md5' then return decode(md5(data), 'hex');
        when 'sha224' then return sha224(data);
        when 'sha256' then return sha256(data);
        when 'sha384' then return sha384(data);
        when 'sha512' then return sha512(data);
        else raise exception 'the stand-in for pgcrypto cannot do %', type
            using hint = 'Use a PostgreSQL that has pgcrypto.';
    end case;
end $$;
create function digest(data text, type text) returns bytea language sql immutable strict parallel safe
    return digest(convert_to(data, 'UTF8'), type);
create function hmac(data bytea, key bytea, type text) returns bytea
    language plpgsql
    immutable strict parallel safe as $$
declare
    size int := case when lower(type) in ('sha384', 'sha512') then 128 else 64 end;
    inner_key bytea := decode(repeat('36', size), 'hex');
    outer_key bytea := decode(repeat('5c', size), 'hex');
begin
    if length(key) > size then
        key := @extschema@.digest(key, type);
    end if;
    for i in 0 .. length(key) - 1 loop
        inner_key := set_byte(inner_key, i, get_byte(inner_key, i) # get_byte(key, i));
        outer_key := set_byte(outer_key, i, get_byte(outer_key, i) # get_byte(key, i));
    end loop;
    return @extschema@.digest(outer_key || @extschema@.digest(inner_key || data, type), type);
end $$;
create function hmac(data text, key text, type text) returns bytea
    language sql immutable strict parallel safe
    return hmac(convert_to(data, 'UTF8'), convert_to(key, 'UTF8'), type);
"""


def control_path(data: Path) -> str:
    """Return the value of `extension_control_path`: what the server has itself comes first."""
    return f"$system:{data / FOLDER}"


def files() -> dict[str, str]:
    """Return the stand-ins as files: path below their folder to text."""
    texts = {"uuid-ossp": ("1.1", _UUID_OSSP), "pgcrypto": ("1.3", _PGCRYPTO)}
    found: dict[str, str] = {}
    for name, (version, sql) in texts.items():
        found[f"extension/{name}.control"] = (
            f"comment = '{STAND_IN} for {name}, in plain SQL'\n"
            f"default_version = '{version}'\nrelocatable = false\ntrusted = true\n"
        ).replace("enctest's", "enctest''s")
        found[f"extension/{name}--{version}.sql"] = sql
    return found
