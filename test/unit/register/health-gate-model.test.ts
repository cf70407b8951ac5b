import fc from "fast-check";
import { expect, test } from "vitest";
import { Discovery } from "../../../src/discovery.ts";
import { manualClock, memoryStore } from "../../../src/testing/index.ts";
import { recordsOf } from "../../support/records.ts";
import { type Fate, unreliable } from "../../support/unreliable-store.ts";

type Step =
  | { readonly kind: "well"; readonly well: boolean }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "fate"; readonly fate: Fate }
  | { readonly kind: "outage"; readonly how: boolean | "silent" }
  | { readonly kind: "revoke" | "wipe" | "delete" | "overwrite" | "rotate" | "update" };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("well" as const), well: fc.boolean() }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.integer({ max: 900, min: 0 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("fate" as const),
      fate: fc.constantFrom<Fate>("answered", "unanswered", "late", "lost"),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("outage" as const),
      how: fc.constantFrom(true, false, "silent" as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom("revoke", "wipe", "delete", "overwrite", "rotate", "update"),
    }),
  },
);

test.each([true, false])(
  "whatever happens, a host (public: %s) is there in the end if and only if it is well",
  async (isPublic) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.boolean(), async (steps, finally_) => {
        const clock = manualClock();
        const store = memoryStore({ clock });
        const way = unreliable(store.connect(), clock);
        const discovery = new Discovery({ store: way });
        const health = { well: true };
        const registration = discovery.register(
          "api",
          {
            hostname: "public.dev",
            ports: { http: 80 },
            privateHostname: "n1",
            public: isPublic,
            user: "user",
            password: "password",
          },
          {
            check: { type: "function", run: () => health.well, intervalMs: 100, fall: 1, rise: 1 },
          },
        );
        const background: Promise<unknown>[] = [];
        const host = { kind: "host", id: registration.uuid } as const;
        let weight = 1;
        for (const each of steps) {
          if (each.kind === "well") health.well = each.well;
          else if (each.kind === "wait") await clock.advance(each.ms);
          else if (each.kind === "fate") way.fate = each.fate;
          else if (each.kind === "outage") store.outage(each.how);
          else if (each.kind === "revoke") store.revokeSessions();
          else if (each.kind === "wipe") store.wipe();
          else if (each.kind === "delete") store.delete("api", host);
          else if (each.kind === "overwrite") {
            // Before it was ever there its key is nobody's.
            if (registration.ready) store.put("api", host, '{"name":"other"}');
          } else if (each.kind === "rotate") {
            const credentials = { user: "user", password: `password ${weight}` };
            background.push(registration.rotateCredentials(credentials).catch(() => {}));
          } else {
            weight += 1;
            background.push(registration.update({ weight }).catch(() => {}));
          }
        }
        way.fate = "answered";
        store.outage(false);
        health.well = finally_;
        await clock.advance(30_000);
        const { info, hosts } = await recordsOf(store, "api");
        if (health.well) {
          expect(registration.state).toBe("registered");
          expect(registration.lastError).toBeUndefined();
          const { user, password } = registration.credentials();
          const kept = { uuid: registration.uuid, draining: false, user, password };
          expect(hosts).toMatchObject([kept]);
          expect(hosts[0]?.weight ?? 1).toBe(weight);
          if (isPublic) expect(info).toMatchObject({ public: true, user, password });
        } else {
          expect(["unhealthy", "registering"]).toContain(registration.state);
          expect(hosts).toEqual([]);
        }
        const revision = async () =>
          (await store.read("api", { info: false, hosts: [] }, { timeoutMs: 1_000 })).revision;
        const quiet = await revision();
        await clock.advance(5_000);
        expect(await revision()).toBe(quiet);
        await Promise.all(background);
        await registration.unregister();
        expect((await recordsOf(store, "api")).hosts).toEqual([]);
        await discovery.close();
      }),
      { numRuns: 40 },
    );
  },
  120_000,
);
