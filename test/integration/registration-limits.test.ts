import { expect, test } from "vitest";

import { Discovery } from "../../src/index.ts";
import { startEtcd } from "../../src/testing/index.ts";

test.for([50, 20, 3])(
  "an etcd that takes %i operations at most is written to in smaller pieces",
  async (limit) => {
    await using etcd = await startEtcd({ args: ["--max-txn-ops", String(limit)] });
    await using discovery = new Discovery({ endpoints: etcd.endpoints });
    const registrations = Array.from({ length: 120 }, (_, n) =>
      discovery.register(n % 2 === 0 ? "private" : "public", {
        hostname: `h${n}.dev`,
        ports: { http: 80 },
        public: n % 2 === 1,
        user: "u",
        password: `p${n}`,
      }),
    );
    await Promise.all(registrations.map((one) => one.waitRegistration()));
    for (const service of ["private", "public"]) {
      expect((await discovery.get(service).all()).length).toBe(60);
    }
    await Promise.all(registrations.map((one) => one.unregister()));
    expect(await discovery.services({ alive: true })).toEqual([]);
  },
);
