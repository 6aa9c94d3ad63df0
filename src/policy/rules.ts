import type { Rule } from "./model.ts";
import { rulesOfCommits } from "./rules-of-commits.ts";
import { rulesOfContents } from "./rules-of-contents.ts";
import { rulesOfLanes } from "./rules-of-lanes.ts";
import { rulesOfPins } from "./rules-of-pins.ts";
import { rulesOfTags } from "./rules-of-tags.ts";

/**
 * Preflight, in the order in which findings are told. The severities are what they are because of how the releases of a
 * real family went: what was never meant refuses, what was meant now and then warns.
 */
export const rules: readonly Rule[] = [
  ...rulesOfTags,
  ...rulesOfCommits,
  ...rulesOfContents,
  ...rulesOfPins,
  ...rulesOfLanes,
];
