import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { Discovery } from "../../../src/discovery.ts";
import { DiscoveryError } from "../../../src/errors.ts";
import type { Store } from "../../../src/store/store.ts";
import { memoryStore } from "../../../src/testing/index.ts";
import { eventually } from "../../support/eventually.ts";

const host = { privateHostname: "10.0.0.1", ports: { http: 80 } };

/** A store that takes down what writes it is asked for, and does with each as the test says. */
function asked(atomicWrites: boolean) {
  const inner = memoryStore();
  const writes: string[] = [];
  const control = { before: (_kind: string): Promise<void> => Promise.resolve() };
  const store = new Proxy<Store>(inner, {
    get(target, name) {
      if (name === "capabilities") return { ...target.capabilities, atomicWrites };
      if (name === "write") {
        return async (...[write, options]: Parameters<Store["write"]>) => {
          const kind = write.changes.some((change) => change.kind === "put-info") ? "info" : "host";
          writes.push(kind);
          await control.before(kind);
          return target.write(write, options);
        };
      }
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
  const discovery = new Discovery({ store });
  onTestFinished(() => discovery.close());
  return { control, discovery, writes };
}

test.each([
  { atomicWrites: false, first: ["host"], how: "when the host is there" },
  { atomicWrites: true, first: ["host", "info"], how: "beside the host" },
])("with atomic writes: $atomicWrites, the info is asked for $how", async (each) => {
  const { control, discovery, writes } = asked(each.atomicWrites);
  let answer = (): void => {};
  control.before = (kind) =>
    kind === "info" ? Promise.resolve() : new Promise((resolve) => (answer = resolve));
  const registration = discovery.register("api", host);
  await eventually(() => writes.length > 0);
  // Nothing but promises is between the two.
  await nextTurn();
  expect(writes).toEqual(each.first);
  control.before = () => Promise.resolve();
  answer();
  await registration.waitRegistration();
  expect(writes).toEqual(["host", "info"]);
});

test.each([true, false])(
  "an info that is refused long before the hosts are answered is tried again, and is nobody's loose end (atomic writes: %s)",
  async (atomicWrites) => {
    const { control, discovery, writes } = asked(atomicWrites);
    let refusals = 0;
    control.before = async (kind) => {
      // Rejections that nobody has seen to are told of after a turn of the event loop.
      if (kind === "host") for (let turn = 0; turn < 3; turn += 1) await nextTurn();
      else if ((refusals += 1) === 1) throw new DiscoveryError("UNAVAILABLE", "not now");
    };
    const loose: unknown[] = [];
    const note = (reason: unknown): void => void loose.push(reason);
    process.on("unhandledRejection", note);
    onTestFinished(() => void process.off("unhandledRejection", note));
    const registration = discovery.register("api", host);
    await registration.waitRegistration();
    await eventually(() => writes.filter((kind) => kind === "info").length === 2);
    expect(loose).toEqual([]);
    expect(registration.state).toBe("registered");
  },
);

test("hosts that cannot be written do not keep the info from being", async () => {
  const { control, discovery, writes } = asked(false);
  control.before = (kind) =>
    kind === "info"
      ? Promise.resolve()
      : Promise.reject(new DiscoveryError("UNAVAILABLE", "something is in the way"));
  discovery.register("api", host);
  await eventually(() => writes.includes("info"));
  expect(writes[0]).toBe("host");
});
