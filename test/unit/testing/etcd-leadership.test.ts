import { expect, test } from "vitest";
import { Leadership } from "../../../src/testing/etcd-leadership.ts";
import type { EtcdJson } from "../../../src/testing/etcd-gateway.ts";

/** Members by their ids, and whom each names; one that names nobody does not answer. */
function cluster(names: Record<string, string | undefined>) {
  const transfers: EtcdJson[] = [];
  const leadership = new Leadership(Object.keys(names), async (id, path, body) => {
    if (path.endsWith("transfer-leadership")) {
      transfers.push(body);
      // The first time somebody else is elected.
      const next = transfers.length === 1 ? "b" : String(body["targetID"]);
      for (const name of Object.keys(names)) names[name] = next;
      if (transfers.length === 1) throw new Error("not leader");
      return {};
    }
    if (names[id] === undefined) throw new Error("no answer");
    return { header: { member_id: id }, leader: names[id] };
  });
  return { leadership, transfers };
}

test("the leader is the one that most members name, not one that takes itself for it", async () => {
  const { leadership } = cluster({ a: "a", b: "b", c: "b" });
  expect(await leadership.leader(1_000)).toBe("b");
});

test("one that does not answer is no leader, nor one that too few name", async () => {
  for (const names of [
    { a: undefined, b: "a", c: "a" },
    { a: "a", b: undefined, c: undefined },
  ]) {
    await expect(cluster(names).leadership.leader(50)).rejects.toMatchObject({ code: "TIMEOUT" });
  }
});

test("a move goes on when somebody else was elected meanwhile", async () => {
  const { leadership, transfers } = cluster({ a: "a", b: "a", c: "a" });
  await leadership.move("c", 1_000);
  expect(await leadership.leader(1_000)).toBe("c");
  expect(transfers).toEqual([{ targetID: "c" }, { targetID: "c" }]);
});
