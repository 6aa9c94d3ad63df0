import { describe, expect, it } from "vitest";
import { kubekinsCapability, kubekinsTools } from "./kubekins.ts";

describe("the tools of the kubekins image", () => {
  it("are all there", () => {
    expect(kubekinsCapability(new Set(kubekinsTools))).toMatchObject({ present: true, mend: "" });
  });

  it("are named where they are missing, each with the line that mends it", () => {
    const present = new Set(kubekinsTools.filter((tool) => !["xz", "dot", "kubectl"].includes(tool)));
    expect(kubekinsCapability(present)).toEqual({
      need: "kubekins-tools",
      present: false,
      detail: "of the kubekins image's tools a job cannot see dot, xz, kubectl",
      mend: "apt-get install graphviz xz-utils; kubectl: https://kubernetes.io/docs/tasks/tools/",
      switchesOff: "nothing by itself: a job that calls one of them fails",
    });
  });
});
