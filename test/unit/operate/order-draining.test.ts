import { afterEach, beforeEach, expect, test } from "vitest";
import { orderDraining } from "../../../src/operate/order-draining.ts";
import type { Store } from "../../../src/store/store.ts";
import { unreliable } from "../../support/unreliable-store.ts";
import { statesOf } from "../../support/registrations.ts";
import { beforeWrites, call, operateStage, type OperateStage, service } from "./operate-stage.ts";

const options = { ...call, confirmMs: 2_000 };

let stage: OperateStage;
beforeEach(() => {
  stage = operateStage();
});
afterEach(() => stage[Symbol.asyncDispose]());

const order = async (uuid: string, draining: boolean, store: Store = stage.store) =>
  stage.settled(orderDraining(store, await stage.find(uuid), draining, options));

const hand = { kind: "host", id: "by-hand" } as const;

test("a live owner confirms an order, and confirms that it is taken back", async () => {
  const registration = await stage.register();
  const { uuid } = registration;
  const before = (await stage.find(uuid)).value;
  expect(await order(uuid, true)).toBe("confirmed");
  expect(registration.state).toBe("draining");
  expect((await stage.find(uuid)).record?.draining).toBe(true);
  expect(await order(uuid, false)).toBe("confirmed");
  expect(registration.state).toBe("registered");
  expect((await stage.find(uuid)).value).toEqual(before);
});

test("what the record says already is not ordered again", async () => {
  const { uuid } = await stage.register();
  expect(await order(uuid, false)).toBe("unchanged");
  await order(uuid, true);
  const { revision } = await stage.find(uuid);
  expect(await order(uuid, true)).toBe("unchanged");
  expect((await stage.find(uuid)).revision).toBe(revision);
});

test("a record that nobody keeps has the mark, unconfirmed", async () => {
  stage.store.put(service, hand, '{"name":"a.dev","ports":{"http":"80"}}');
  const begun = stage.clock.now();
  expect(await order("by-hand", true)).toBe("unconfirmed");
  expect(stage.clock.now() - begun).toBe(2_000);
  expect((await stage.find("by-hand")).record).toMatchObject({ draining: true, hostname: "a.dev" });
});

test("an owner that drains by itself is not called back", async () => {
  const registration = await stage.register();
  await stage.settled(registration.update({ draining: true }));
  expect(await order(registration.uuid, false)).toBe("refused");
  await stage.clock.advance(2_000);
  expect(registration.state).toBe("draining");
  expect((await stage.find(registration.uuid)).record?.draining).toBe(true);
});

test("an order is for the newest record, whatever was written since it was read", async () => {
  const registration = await stage.register();
  const store = beforeWrites(stage.store, (writes) =>
    writes < 2 ? registration.update({ weight: writes + 2 }) : undefined,
  );
  expect(await order(registration.uuid, true, store)).toBe("confirmed");
  const { record } = await stage.find(registration.uuid);
  expect(record).toMatchObject({ draining: true, weight: 3 });
});

test("an order reaches an owner that is about to write another record", async () => {
  const way = unreliable(stage.store.connect(), stage.clock);
  const registration = await stage.register(undefined, way);
  const states = statesOf(registration);
  way.fate = "lost";
  registration.update({ weight: 7 }).catch(() => {});
  await stage.clock.advance(10);
  const outcome = orderDraining(stage.store, await stage.find(registration.uuid), true, options);
  await stage.clock.advance(10);
  way.fate = "answered";
  expect(await stage.settled(outcome)).toBe("confirmed");
  expect((await stage.find(registration.uuid)).record).toMatchObject({ draining: true, weight: 7 });
  expect(states).toEqual(["draining"]);
});

test("a store that was put back to before the order does not take it back", async () => {
  const registration = await stage.register();
  const { uuid } = registration;
  const { value } = await stage.find(uuid);
  expect(await order(uuid, true)).toBe("confirmed");
  stage.store.wipe();
  stage.store.put(service, { kind: "host", id: uuid }, value);
  await stage.clock.advance(5_000);
  expect(registration.state).toBe("draining");
  expect((await stage.find(uuid)).record?.draining).toBe(true);
  expect(await order(uuid, false)).toBe("confirmed");
  expect(registration.state).toBe("registered");
});

test("a host that leaves meanwhile is gone", async () => {
  stage.store.put(service, hand, "{}");
  const going = beforeWrites(stage.store, () => stage.store.delete(service, hand));
  expect(await order("by-hand", true, going)).toBe("gone");

  const registration = await stage.register();
  registration.on("state", (state) => {
    if (state === "draining") void registration.unregister();
  });
  const outcome = await order(registration.uuid, true);
  // It may be heard writing its mark before it goes.
  expect(["gone", "confirmed"]).toContain(outcome);
});

test("a record that cannot be read is not written to", async () => {
  stage.store.put(service, hand, "{");
  await expect(order("by-hand", true)).rejects.toMatchObject({ code: "MALFORMED_RECORD" });
  expect((await stage.find("by-hand")).value).toEqual(new TextEncoder().encode("{"));
});
