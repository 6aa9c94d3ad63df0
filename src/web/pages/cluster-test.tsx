import type { FC } from "hono/jsx";
import { type ClusterTestView, type Mark, pagePath } from "../../server/views/index.ts";
import { Facts, Part, State, Table } from "./parts.tsx";
import { PinnedComponents } from "./pin-set.tsx";

const marks: Readonly<Record<ClusterTestView["state"], readonly [Mark, string]>> = {
  proven: ["success", "proven"],
  differs: ["failure", "differs"],
  deploying: ["notrun", "not read back"],
};

/** What a run tested in a cluster, and what the cluster said it ran. */
export const ClusterTestParts: FC<{ test: ClusterTestView }> = ({ test }) => {
  const [mark, word] = marks[test.state];
  return (
    <Part title="What was tested" note="read back from the cluster, container by container">
      <Facts
        facts={[
          ["Read back", <State mark={mark} word={word} />],
          [
            "Pin set",
            <a href={pagePath.pinSet(test.pinSet)}>
              <code>{test.pinSet.slice(0, 12)}</code>
            </a>,
          ],
          ["Kubernetes", test.kubernetes ?? "no cluster came up"],
          ...(test.nodeImage === null ? [] : ([["Nodes", <code>{test.nodeImage}</code>]] as const)),
          ...(test.sourceRevision === null ? [] : ([["Built from", <code>{test.sourceRevision}</code>]] as const)),
          ...(test.suite === null ? [] : ([["Test suite", <code>{test.suite}</code>]] as const)),
        ]}
      />
      {test.differences.length === 0 ? null : (
        <ol class="failures">
          {test.differences.map((line) => (
            <li>
              <State mark="failure" word="differs" /> {line}
            </li>
          ))}
        </ol>
      )}
      <PinnedComponents components={test.components} />
      {test.containers.length === 0 ? null : (
        <Table
          heads={["Pod", "Container", "Component", "Image", "Ran", "Answer"]}
          empty=""
          rows={test.containers.map((each) => [
            each.pod,
            each.container,
            each.component ?? "none of the family",
            each.image,
            <code>{each.ran === "" ? "nothing" : each.ran}</code>,
            each.answer === "differs" || each.answer === "not started" ? (
              <State mark="failure" word={each.answer} />
            ) : (
              each.answer
            ),
          ])}
        />
      )}
      {test.absent.length === 0 ? null : (
        <p class="dim">{`Not started by this deployment: ${test.absent.join(", ")}`}</p>
      )}
    </Part>
  );
};
