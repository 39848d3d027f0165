// The select menus of Block Kit, each as a picker with its own source of choices: options in the block, an app's answer
// (external), or the people, conversations and channels this person can see.

import { flagWords } from "./appearance.js";
import { textString } from "./inline.js";
import { filterGroups, picker } from "./picker.js";
import { identity, isDispatching, labelling } from "./place.js";
import { isMultiple } from "./values.js";

/** A select element of any kind as a picker button. */
export function selectElement(element, place) {
  const { block, ctx } = place;
  const isMulti = isMultiple(element);
  const kind = element.type.replace(/^multi_/, "").replace(/_select$/, "");
  const source = (SOURCES[kind] ?? noSource)(element, place);
  const raw = [ctx.values.get(block, element) ?? []].flat();
  return picker({
    attributes: {
      ...identity(element, block),
      ...labelling(element, place),
      "aria-required": undefined,
      "data-autofocus": element.focus_on_load === true,
    },
    placeholder: textString(element.placeholder) || "Choose",
    chosen: raw.map((value) => ({ value, text: ctx.values.label(value) ?? source.text(value) ?? value })),
    isMulti,
    maxItems: element.max_selected_items ?? Infinity,
    minQuery: source.minQuery ?? 0,
    load: source.load,
    oncommit: (options) => {
      for (const option of options) ctx.values.label(option.value, option.text);
      const values = options.map((option) => option.value);
      const value = isMulti ? values : (values[0] ?? null);
      ctx.values.set(block, element, value);
      if (isDispatching(block)) ctx.act({ block, element, value });
    },
  });
}

const SOURCES = {
  static: staticSource,
  external: externalSource,
  users: peopleSource,
  conversations: channelSource,
  channels: channelSource,
};

function staticSource(element) {
  const groups = readGroups(element);
  return {
    load: async (query) => filterGroups(groups, query),
    text: (value) => groups.flatMap((group) => group.options).find((option) => option.value === value)?.text,
  };
}

function externalSource(element, { block, ctx }) {
  const known = [element.initial_option, ...(element.initial_options ?? [])].filter(Boolean).map(readOption);
  return {
    load: async (query) => readGroups(await ctx.suggest({ block, element, query })),
    text: (value) => known.find((option) => option.value === value)?.text,
    minQuery: element.min_query_length ?? 3, // Slack's default is three letters
  };
}

function peopleSource(_, { ctx }) {
  const { directory } = ctx;
  const options = directory.users.map((user) => ({
    value: user.id,
    text: directory.userName(user.id),
    description: [directory.teamName(user.team_id), ...flagWords(user.flags).map(({ words }) => words)]
      .filter(Boolean)
      .join(", "),
  }));
  return { load: async (query) => filterGroups([{ options }], query), text: (value) => directory.userName(value) };
}

function channelSource(element, { ctx }) {
  const options = ctx.directory.channels.map((channel) => ({
    value: channel.id,
    text: `#${channel.name}`,
    description: channel.is_private ? "private" : undefined,
  }));
  return {
    load: async (query) => filterGroups([{ options }], query),
    text: (value) => options.find((option) => option.value === value)?.text,
  };
}

function noSource(element) {
  return { load: async () => [], text: () => `This page does not know “${element.type}”.` };
}

function readGroups({ options, option_groups: groups }) {
  if (groups?.length)
    return groups.map((group) => ({ label: textString(group.label), options: (group.options ?? []).map(readOption) }));
  return [{ options: (options ?? []).map(readOption) }];
}

function readOption(option) {
  return {
    value: option.value,
    text: textString(option.text),
    description: option.description ? textString(option.description) : undefined,
  };
}
