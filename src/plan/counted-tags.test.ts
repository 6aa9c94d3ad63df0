import { expect, it } from "vitest";
import { countedTags } from "./counted-tags.ts";

const tag = (name: string, object: string) => ({ name, object });
const release = (version: string, tagObject: string, state: string) => ({ version, tagObject, state });

it("leaves out what is held or given up, as that very object", () => {
  const tags = [tag("v1.0.0", "a"), tag("v1.1.0", "b"), tag("v9.0.0", "c"), tag("v1.2.0", "d"), tag("v1.3.0", "e")];
  const releases = [
    release("v1.1.0", "b", "published"),
    release("v9.0.0", "c", "quarantined"),
    release("v1.2.0", "other", "closed"),
    release("v1.3.0", "e", "closed"),
    release("v1.3.0", "e", "building"),
  ];
  expect(countedTags(tags, releases).map((each) => each.name)).toEqual(["v1.0.0", "v1.1.0", "v1.2.0", "v1.3.0"]);
});
