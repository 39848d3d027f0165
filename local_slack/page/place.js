// What every interactive element shares: the attributes it is found by, how it is named for assistive technology, and
// whether changing it is an event an app receives.

import { textString } from "./inline.js";
import { shownString } from "./text.js";

/** The attributes that tests and redraws find a control by. */
export function identity(element, block) {
  return { "data-action-id": element.action_id, "data-block-id": block.block_id, "data-element-type": element.type };
}

/** Label and description attributes for a control. */
export function labelling(element, { labelId, describedBy, isInvalid, block }) {
  return {
    "aria-labelledby": labelId,
    "aria-label": labelId
      ? undefined
      : shownString(element.accessibility_label ?? textString(element.placeholder) ?? "") || readableType(element.type),
    "aria-describedby": describedBy,
    "aria-invalid": isInvalid ? "true" : undefined,
    "aria-required": block.type === "input" && block.optional !== true ? "true" : undefined,
  };
}

const readableType = (type) => String(type).replaceAll("_", " ");

/** True if a change of this element is an action an app receives at once. */
export function isDispatching(block) {
  return block.type !== "input" || block.dispatch_action === true;
}
