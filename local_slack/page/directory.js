// Who is who: names, companies, flags and colours by id, from the cast the server sends. Pure look-ups; a name here is
// what people see and never proof of anything, which is why the company always stands beside it.

export class Directory {
  constructor(cast = {}, channels = [], version = "") {
    this.version = version;
    this.users = cast.users ?? [];
    this.apps = cast.apps ?? [];
    this.groups = cast.groups ?? [];
    this.channels = channels;
    this.teamsById = byId(cast.teams);
    this.usersById = byId(this.users);
    this.groupsById = byId(this.groups);
    this.channelsById = byId(channels);
  }

  /** A person by id or handle, or undefined. */
  user(idOrHandle) {
    return this.usersById.get(idOrHandle) ?? this.users.find((user) => user.handle === idOrHandle);
  }

  userName(id) {
    const user = this.usersById.get(id);
    return user && (user.display_name || user.real_name || user.handle);
  }

  team(id) {
    return this.teamsById.get(id);
  }

  teamName(id) {
    return this.teamsById.get(id)?.name;
  }

  channelName(id) {
    return this.channelsById.get(id)?.name;
  }

  groupHandle(id) {
    return this.groupsById.get(id)?.handle;
  }

  app(id) {
    return this.apps.find((app) => app.id === id);
  }

  appOfBot(botUserId) {
    return this.apps.find((app) => app.bot_user_id === botUserId);
  }

  /** Human beings: no apps, no bots, and not Slackbot, who signs e-mail posts. */
  people() {
    const bots = new Set(["USLACKBOT", ...this.apps.map((app) => app.bot_user_id)]);
    return this.users.filter((user) => !bots.has(user.id) && !isBot(user));
  }

  /** True when both teams are known and belong to different companies (an Enterprise's workspaces are one company). */
  isOutside(teamId, viewerTeamId) {
    if (!teamId || !viewerTeamId || teamId === viewerTeamId) return false;
    const company = (id) => this.team(id)?.enterprise_id || id;
    return company(teamId) !== company(viewerTeamId);
  }
}

function isBot(user) {
  return (user.flags ?? []).some((flag) => /bot/.test(flag));
}

function byId(items = []) {
  return new Map((items ?? []).map((item) => [item.id, item]));
}
