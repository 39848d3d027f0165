-- The audit trail can be added to and nothing else, for every role that is not the owner of the trigger.
create function countersign_refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is append-only: % on % is refused', tg_op, tg_table_name
        using errcode = 'insufficient_privilege';
end;
$$;
create trigger audit_events_are_append_only before update or delete on audit_events
    for each row execute function countersign_refuse_change();
create trigger audit_events_are_not_truncated before truncate on audit_events
    for each statement execute function countersign_refuse_change();
create trigger audit_chains_are_not_deleted before delete on audit_chains
    for each row execute function countersign_refuse_change();
create trigger audit_chains_are_not_truncated before truncate on audit_chains
    for each statement execute function countersign_refuse_change();
create trigger votes_are_append_only before update or delete on votes
    for each row execute function countersign_refuse_change();
create trigger votes_are_not_truncated before truncate on votes
    for each statement execute function countersign_refuse_change();
create trigger message_versions_are_append_only before update or delete on message_versions
    for each row execute function countersign_refuse_change();
